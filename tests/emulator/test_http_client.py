"""Attempts over real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import zlib
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from urllib3.connection import HTTPConnection

from scheduled_jobs.emulator import http_client
from scheduled_jobs.emulator.delivery import Delivery, Outcome, Unanswered
from scheduled_jobs.emulator.http_client import HttpClient
from tests.emulator.http_target import http_target
from tests.emulator.jobs import NOON, name_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from scheduled_jobs.emulator.met import Met

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HELD = 3600.0  # seconds: longer than any deadline, and than any test


class RawTarget:
    """A server that answers each path with the very bytes given, and keeps what it was sent."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, list[bytes | float]] = {}
        self.received: list[bytes] = []
        self.open = self.most_open = 0
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls))
        self.port = self.server.sockets[0].getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.thread = Thread(target=self.loop.run_forever)
        self.thread.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0
            )
            self.received.append(head + await reader.readexactly(length))
            path = head.split()[1].decode()
            for part in self.answers.get(path, [OK]):
                if isinstance(part, float):
                    await asyncio.sleep(part)
                else:
                    writer.write(part)
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()

    def wait_until_closed(self) -> None:
        """Until no connection is open."""
        end = time.monotonic() + 300
        while self.open:
            assert time.monotonic() < end, "the connection is still open"
            time.sleep(0.01)

    def close(self) -> None:
        async def stop() -> None:
            self.server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def target() -> Iterator[RawTarget]:
    target = RawTarget()
    yield target
    target.close()


def make(uri: str, method: str = "POST", body: bytes = b"", **fields: object) -> Delivery:
    delivery = Delivery(
        id=1,
        name=name_of("report"),
        uri=uri,
        method=method,
        headers={
            "User-Agent": "Google-Cloud-Scheduler",
            "Accept-Encoding": "gzip",
            "Content-Type": "application/json",
        },
        body=body,
        deadline=timedelta(seconds=20),
        schedule_time=NOON,
        forced=False,
        attempt=1,
    )
    return replace(delivery, **fields)  # type: ignore[arg-type] # any of the fields above


def run(work: Callable[[HttpClient], Awaitable[list[Met]]]) -> list[Met]:
    async def main() -> list[Met]:
        return await work(HttpClient(lambda email, audience: f"token-for-{email}-{audience}"))

    return asyncio.run(main())


def answers(*deliveries: Delivery) -> list[Met]:
    async def work(client: HttpClient) -> list[Met]:
        return await asyncio.gather(*map(client.send, deliveries))

    return run(work)


def send(*deliveries: Delivery) -> list[Outcome]:
    return [answer.outcome for answer in answers(*deliveries)]


def test_a_request_is_what_the_delivery_says(target: RawTarget) -> None:
    assert send(make(f"{target.origin}/a?b=c#d", body=b"{}", oidc=("me", "aud"))) == [200]
    head, _, body = target.received[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /a?b=c HTTP/1.1"
    assert sorted(lines) == [
        "Accept-Encoding: gzip",
        "Authorization: Bearer token-for-me-aud",
        "Content-Length: 2",
        "Content-Type: application/json",
        f"Host: {target.origin.removeprefix('http://')}",
        "User-Agent: Google-Cloud-Scheduler",
    ]
    assert body == b"{}"


def test_a_header_beyond_ascii_is_sent_in_utf_8(target: RawTarget) -> None:
    assert send(make(target.origin, headers={"X-Shop": "Café €"})) == [200]
    assert "X-Shop: Café €\r\n".encode() in target.received[0]


def test_a_proxy_of_the_environment_is_not_asked(target: RawTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert send(make(target.origin)) == [200]


@pytest.mark.parametrize(
    ("method", "length"), [("POST", True), ("PUT", True), ("GET", False), ("HEAD", False)]
)
def test_a_length_is_told_where_a_body_could_be(target: RawTarget, method: str, *, length: bool) -> None:
    assert send(make(target.origin, method)) == [200]
    assert (b"Content-Length: 0" in target.received[0]) is length


@pytest.mark.parametrize(
    "answer",
    [
        [b"HTTP/1.1 204 No Content\r\n\r\n", HELD],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.0 200 OK\r\n\r\nuntil the connection ends"],
        [b"HTTP/1.1 200\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"],
        [b"HTTP/1.1 2", 0.05, b"00 OK\r\nContent-Length: 4\r\n", 0.05, b"\r\nab", 0.05, b"cd", HELD],
        [
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
            ),
            HELD,
        ],
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n", 0.05]
        + [bytes([byte]) for byte in b"3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"]
        + [HELD],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 2_000_000, HELD],
    ],
    ids=["204", "empty", "to the end", "no reason", "continue", "in parts", "chunks", "bytes", "too long"],
)
def test_an_answer_ends_where_http_says(target: RawTarget, answer: list[bytes | float]) -> None:
    target.answers["/"] = answer
    assert send(make(target.origin)) in ([200], [204])


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [b"SMTP ready\r\n\r\n"],
        [b"HTTP/1.1 abc\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\n"],
        [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, HELD],
    ],
)
def test_what_is_no_whole_answer_is_a_failure(target: RawTarget, answer: list[bytes | float]) -> None:
    target.answers["/"] = answer
    assert send(make(target.origin)) == [Unanswered.UNREACHABLE]


def test_the_answer_to_head_has_no_body(target: RawTarget) -> None:
    target.answers["/"] = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", HELD]
    assert send(make(target.origin, "HEAD")) == [200]


def test_no_answer_before_the_deadline_is_a_failure(target: RawTarget) -> None:
    target.answers["/"] = [HELD]
    started = time.monotonic()
    assert send(make(target.origin, deadline=timedelta(seconds=0.2))) == [Unanswered.DEADLINE]
    assert time.monotonic() - started >= 0.2


DRIP: list[bytes | float] = [b"a", 0.02]


@pytest.mark.parametrize(
    "answer",
    [
        [b"HTTP/1.1 200 OK\r\nX: ", *DRIP * 1000],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *DRIP * 1000],
        [b"HTTP/1.1 200 OK\r\n\r\n", *DRIP * 1000],
    ],
    ids=["head", "body", "to the end"],
)
def test_an_answer_that_drips_past_the_deadline_is_a_failure(
    target: RawTarget, answer: list[bytes | float]
) -> None:
    target.answers["/"] = answer
    assert send(make(target.origin, deadline=timedelta(seconds=0.3))) == [Unanswered.DEADLINE]
    target.wait_until_closed()


def test_a_target_may_answer_before_it_has_read_everything() -> None:
    def refuse() -> None:
        with listener.accept()[0] as connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Thread(target=refuse)
        server.start()
        assert send(make(f"http://127.0.0.1:{listener.getsockname()[1]}/", body=b"x" * 8_000_000)) == [413]
        server.join()


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:1/", "http://nowhere.invalid/", "https://127.0.0.1:1/", "http://bad..host/"]
)
def test_a_target_that_is_not_there_is_a_failure(uri: str) -> None:
    assert send(make(uri)) == [Unanswered.UNREACHABLE]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a certificate of localhost, signed by itself, and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "localhost.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    return path


def test_https_needs_a_certificate_that_is_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    target = RawTarget(context)
    try:
        uri = f"https://localhost:{target.port}/"
        assert send(make(uri)) == [Unanswered.UNREACHABLE], "nobody vouches for the certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert send(make(uri)) == [200]
        assert len(target.received) == 1
        target.answers["/drip"] = DRIP * 1000
        assert send(make(f"{uri}drip", deadline=timedelta(seconds=0.3))) == [Unanswered.DEADLINE]
        target.wait_until_closed()
    finally:
        target.close()


def redirect(status: int, location: str) -> list[bytes | float]:
    return [f"HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()]


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_method_sends_the_body_again(target: RawTarget, status: int) -> None:
    target.answers["/old"] = redirect(status, "/new")
    target.answers["/new"] = [b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"]
    assert send(make(f"{target.origin}/old", body=b"{}", oidc=("me", "aud"))) == [500]
    assert target.received[1].startswith(b"POST /new HTTP/1.1\r\n")
    assert target.received[1].endswith(b"\r\n\r\n{}")
    assert b"Authorization: Bearer token-for-me-aud\r\n" in target.received[1]


@pytest.mark.parametrize("status", [301, 302, 303])
def test_another_redirect_is_followed_with_get(target: RawTarget, status: int) -> None:
    target.answers["/old"] = redirect(status, "new?x=1")
    assert send(make(f"{target.origin}/old", body=b"{}")) == [200]
    assert target.received[1].startswith(b"GET /new?x=1 HTTP/1.1\r\n")
    assert b"Content-" not in target.received[1]


def told(*deliveries: Delivery) -> list[str]:
    return [str(answer) for answer in answers(*deliveries)]


def page(status: str, body: str, kind: str = "text/html") -> list[bytes | float]:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return [(head + body).encode()]


def test_what_an_attempt_met_is_told_with_the_reason(target: RawTarget) -> None:
    login = page("200 OK", "<html><title>Log in | Django site admin</title>")
    target.answers |= {
        "/ours": page("401 x", '{"error": "the token has expired"}', "application/json"),
        "/host": page("400 x", "<!doctype html><title>DisallowedHost\n at /tasks/x</title>"),
        "/text": page("502 x", "\n<h1>Bad &amp; gone</h1>\nmore", "text/plain"),
        "/mute": page("500 x", ""),
        "/ran": page("200 x", '{"status": "executed", "result": null, "run": 7}'),
        "/skipped": page("200 x", '{"status": "skipped", "reason": "paused"}'),
        "/login": redirect(302, "/accounts/login/?next=/login"),
        "/accounts/login/?next=/login": login,
        "/circle": redirect(307, "/circle"),
    }
    paths = [path for path in target.answers if not path.startswith("/accounts")]
    assert dict(zip(paths, told(*(make(target.origin + path) for path in paths)), strict=True)) == {
        "/ours": "401 Unauthorized: the token has expired",
        "/host": "400 Bad Request: DisallowedHost at /tasks/x",
        "/text": "502 Bad Gateway: Bad & gone",
        "/mute": "500 Internal Server Error",
        "/ran": "200 OK: executed",
        "/skipped": "200 OK: skipped: paused",
        "/login": (
            "302 to /accounts/login/?next=/login, then 200 OK: Log in | Django site admin "
            "(to Cloud Scheduler a success)"
        ),
        "/circle": "307 to /circle, then more than 10 redirects",
    }


def test_a_redirect_to_https_that_is_not_there_is_told(target: RawTarget) -> None:
    with http_target() as plain:
        https = plain.origin.replace("http:", "https:")
        target.answers["/"] = redirect(301, f"{https}/tasks/x")
        assert told(make(target.origin)) == [
            f"301 to {https}/tasks/x, then no TLS from {https[8:]}: wrong version number"
        ]


def test_why_nobody_answered_is_told(target: RawTarget) -> None:
    target.answers |= {"/held": [HELD], "/smtp": [b"SMTP ready\r\n\r\n"], "/gone": []}
    held = make(f"{target.origin}/held", deadline=timedelta(seconds=0.2))
    nobody, unknown = make("http://127.0.0.1:1/tasks/x"), make("http://nowhere.invalid/tasks/x")
    found = told(held, nobody, unknown, make(f"{target.origin}/smtp"), make(f"{target.origin}/gone"))
    where = f"127.0.0.1:{target.port}"
    assert found[:2] == [
        "no answer within the attempt deadline of 0.2 s",
        "connection refused: nothing listens on 127.0.0.1:1",
    ]
    assert found[2].startswith("no answer from nowhere.invalid: ")
    assert found[3:] == [
        f"no answer from {where}: SMTP ready",
        f"no answer from {where}: Remote end closed connection without response",
    ]


def test_what_a_terminal_would_obey_is_not_told(target: RawTarget) -> None:
    target.answers["/"] = page("500 x", "\x1b[2J\x07" + "x" * 300)
    assert told(make(target.origin)) == ["500 Internal Server Error: [2J " + "x" * 195 + "…"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_is_told_too(target: RawTarget, encoding: str) -> None:
    window = {"gzip": 31, "deflate": 15}[encoding]
    packer = zlib.compressobj(wbits=window)
    body = packer.compress(b"<title>Page not found at /tasks/x</title>") + packer.flush()
    head = f"HTTP/1.1 404 x\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    target.answers |= {"/": [head.encode() + body], "/broken": [head.encode() + b"x" * len(body)]}
    assert told(make(target.origin)) == ["404 Not Found: Page not found at /tasks/x"]
    assert told(make(f"{target.origin}/broken")) == ["404 Not Found: " + "x" * len(body)]


def test_a_token_does_not_follow_to_another_origin(target: RawTarget) -> None:
    other = target.origin.replace("127.0.0.1", "localhost")
    target.answers["/old"] = redirect(307, f"{other}/new")
    assert send(make(f"{target.origin}/old", oidc=("me", "aud"))) == [200]
    assert b"Authorization" in target.received[0]
    assert b"Authorization" not in target.received[1]


def test_redirects_in_a_circle_are_a_failure(target: RawTarget) -> None:
    target.answers["/"] = redirect(307, "/")
    assert send(make(target.origin)) == [Unanswered.UNREACHABLE]
    assert len(target.received) == http_client.MAX_REDIRECTS + 1


def test_a_redirect_to_another_scheme_is_a_failure(target: RawTarget) -> None:
    target.answers["/"] = redirect(302, "file:///etc/passwd")
    assert send(make(target.origin)) == [Unanswered.UNREACHABLE]


def test_a_redirect_without_a_place_is_the_final_answer(target: RawTarget) -> None:
    target.answers["/"] = [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"]
    assert send(make(target.origin)) == [302]


def test_a_target_that_holds_its_attempts_leaves_room_for_others(
    target: RawTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "PER_ORIGIN", 3)
    target.answers["/slow"] = [HELD, OK]
    slow = [make(f"{target.origin}/slow", id=number) for number in range(10)]
    fast = make(target.origin.replace("127.0.0.1", "localhost"))

    async def work(client: HttpClient) -> list[Met]:
        held = [asyncio.create_task(client.send(delivery)) for delivery in slow]
        while len(target.received) < 3:
            await asyncio.sleep(0.01)
        outcome = await client.send(fast)
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        return [outcome]

    assert [answer.outcome for answer in run(work)] == [200]
    assert len(target.received) == 4
    assert target.most_open == 4


def test_the_deadline_does_not_run_before_an_attempts_turn(
    target: RawTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "PER_ORIGIN", 1)
    target.answers["/held"] = [HELD, OK]

    async def work(client: HttpClient) -> list[Met]:
        loop = asyncio.get_running_loop()
        held = asyncio.create_task(
            client.send(make(f"{target.origin}/held", deadline=timedelta(seconds=7200)))
        )
        waiting = asyncio.create_task(client.send(make(target.origin, deadline=timedelta(seconds=60))))
        while not target.received:
            await asyncio.sleep(0.01)
        # The clock of the loop leaps over the second one's deadline.
        monkeypatch.setattr(loop, "time", lambda: time.monotonic() + 600)
        await asyncio.sleep(0.01)
        assert not waiting.done()
        held.cancel()
        return [await waiting]

    assert [answer.outcome for answer in run(work)] == [200]


def test_only_a_few_knock_at_a_time(target: RawTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "KNOCKING_PER_ORIGIN", 2)
    monkeypatch.setattr(http_client, "LET_IN_AFTER", HELD)
    target.answers["/"] = [0.01, OK]
    assert send(*[make(target.origin)] * 20) == [200] * 20
    assert target.most_open == 2


def test_an_attempt_that_is_held_lets_others_knock(
    target: RawTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "KNOCKING_PER_ORIGIN", 2)
    target.answers["/"] = [HELD]

    async def work(client: HttpClient) -> list[Met]:
        held = [asyncio.create_task(client.send(make(target.origin))) for _ in range(5)]
        while len(target.received) < 5:
            await asyncio.sleep(0.01)
        for task in held:
            task.cancel()
        return await asyncio.gather(*held, return_exceptions=True)  # type: ignore[return-value] # cancelled

    assert [type(outcome) for outcome in run(work)] == [asyncio.CancelledError] * 5


@contextmanager
def busy_listener() -> Iterator[socket.socket]:
    """More wait for it than its queue holds: the system drops whoever comes next."""
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            crowd = stack.enter_context(socket.socket())
            crowd.setblocking(False)
            crowd.connect_ex(listener.getsockname())
        yield listener


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[HTTPConnection]:
    """Every try to connect; they follow one another quickly."""
    monkeypatch.setattr(http_client, "FIRST_CONNECT_TIMEOUT", 0.05)
    monkeypatch.setattr(http_client, "LONGEST_CONNECT_TIMEOUT", 0.05)
    tries: list[HTTPConnection] = []
    connect = HTTPConnection.connect
    monkeypatch.setattr(HTTPConnection, "connect", lambda self: tries.append(self) or connect(self))
    return tries


def test_a_target_that_accepts_nothing_meets_the_deadline(tries: list[HTTPConnection]) -> None:
    with busy_listener() as listener:
        uri = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert send(make(uri, deadline=timedelta(seconds=0.3))) == [Unanswered.DEADLINE]
        time.sleep(0.1)
        made = len(tries)
        time.sleep(0.2)
        assert made == len(tries) > 2


def test_a_busy_target_is_asked_again_soon_and_gets_it_once(
    tries: list[HTTPConnection],
) -> None:
    with busy_listener() as listener:
        requests: list[bytes] = []

        def serve(connection: socket.socket) -> None:
            with connection:
                data = connection.recv(65536)
                if data:
                    requests.append(data)
                    connection.sendall(OK)

        def accept_late() -> None:
            end = time.monotonic() + 30  # without another try the kernel knocks again, after a whole second
            while len(tries) < 2 and time.monotonic() < end:
                time.sleep(0.01)
            with suppress(OSError):
                while True:
                    Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        acceptor = Thread(target=accept_late)
        acceptor.start()
        assert send(make(f"http://127.0.0.1:{listener.getsockname()[1]}/")) == [200]
        listener.shutdown(socket.SHUT_RDWR)
        acceptor.join()
    assert len(tries) > 1, "it waited for the kernel"
    assert len(requests) == 1
