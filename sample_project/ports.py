"""The three ports of the demo: the web server's, and two neighbours for the emulator."""

from __future__ import annotations

import argparse

from scheduled_jobs.emulator.ports import why_taken

HOST = "127.0.0.1"
WEB, EMULATOR = 8000, 8085
"""The defaults, those of the Makefile."""


class DemoFailed(Exception):
    """The demo cannot go on; the message is for the person who started it."""


def port(text: str) -> int:
    """A port as typed on the command line. The one after it must exist too."""
    if text.isdecimal() and 1 <= int(text) <= 65534:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port; write a number from 1 to 65534")


def check(web: int, emulator: int) -> None:
    """Raise DemoFailed, saying what to type instead, unless all three ports can be listened on."""
    if web in (emulator, emulator + 1):
        raise DemoFailed(
            f"The web server cannot have port {web}: the emulator takes {emulator} and {emulator + 1}. "
            f"Choose another: {_command(_free(web, taken=(emulator, emulator + 1)), emulator)}"
        )
    if (why := refusal(web)) is not None:
        instead = _command(_free(web, taken=(emulator, emulator + 1)), emulator)
        raise DemoFailed(f"The web server cannot have port {web}: {why}. Choose another: {instead}")
    for number, purpose in ((emulator, ""), (emulator + 1, " for its certificates")):
        if (why := refusal(number)) is not None:
            instead = _command(web, _free_pair(emulator, taken=web))
            raise DemoFailed(
                f"The emulator cannot have port {number}{purpose}: {why}. Choose another: {instead}"
            )


def refusal(number: int) -> str | None:
    """Why nothing can listen on this port of the loopback address; None if it is free."""
    return why_taken(HOST, number)


def _command(web: int, emulator: int) -> str:
    words = ["make demo"]
    words += [f"PORT={web}"] if web != WEB else []
    words += [f"EMULATOR_PORT={emulator}"] if emulator != EMULATOR else []
    return " ".join(words)


def _free(after: int, taken: tuple[int, ...]) -> int:
    start = max(after + 1, 1024)
    return next((n for n in range(start, 65535) if n not in taken and refusal(n) is None), WEB)


def _free_pair(after: int, taken: int) -> int:
    start = max(after + 10, 1024)
    pairs = (n for n in range(start, 65534, 10) if taken not in (n, n + 1))
    return next((n for n in pairs if refusal(n) is None and refusal(n + 1) is None), EMULATOR)
