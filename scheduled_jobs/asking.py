"""Questions to others, asked at the same time and not waited for longer than is good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def begin(ask: Callable[[], T]) -> Callable[[float], T]:
    """Ask in a thread of its own; what is given back waits for the answer, at most so many seconds.

    It raises what ``ask`` raised, and TimeoutError where there is no answer yet: looking up a name knows no
    timeout, and a server may send a byte now and then for ever.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001 – raised where the answer is waited for
            errors.append(error)

    thread = threading.Thread(target=run, name="scheduled_jobs.asking", daemon=True)
    thread.start()

    def answer(seconds: float) -> T:
        thread.join(seconds)
        if errors:
            raise errors[0]
        if not answers:
            raise TimeoutError
        return answers[0]

    return answer
