"""Requests that no friend sends, with hostile tokens, headers and bodies; and what their answers must be."""

from __future__ import annotations

import base64
import io
import json
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

ALLOWED = {200, 202, 400, 401, 403, 404, 405, 409, 413}
"""What a hostile request may be answered; a 500 is the task's own, and says so."""
WITHOUT_TOKEN = {401, 403, 404}
"""And one without a good token: 404 where the address is not that of the view."""
METHODS = ("POST",) * 30 + ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "post")


@dataclass
class Hostile:
    """One request. ``is_good``: it carries a token by which tasks may be run."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    is_good: bool = False
    said: dict[str, str] = field(default_factory=dict)
    """What is said of the body, in place of its length."""

    def environ(self) -> dict[str, Any]:
        """As a WSGI server hands it on."""
        names = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in self.headers}
        names |= {"Content-Type": "CONTENT_TYPE"}
        headers = {names[name]: value for name, value in self.headers.items()}
        path, _, query = self.path.partition("?")
        return {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "bench.example.com",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
            "CONTENT_LENGTH": str(len(self.body)),
            **headers,
            **self.said,
        }

    def raw(self) -> bytes:
        """As it goes over the wire."""
        path = "".join(
            c if c.isascii() and c.isprintable() and c != " " else f"%{ord(c):02x}" for c in self.path
        )
        lines = [f"{self.method} {path} HTTP/1.1", "Host: bench.example.com", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Content-Length: {self.said.get('CONTENT_LENGTH', len(self.body))}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body

    def fault_in(self, status: int, content: bytes, *, has_run: bool) -> str:
        """What is wrong with its answer; empty where nothing is. ``has_run``: there is a new run."""
        own = b'{"status": "failed", "run": '
        if status not in ALLOWED and not (status == 500 and self.is_good and content.startswith(own)):
            return f"answered {status}"
        if not self.is_good and status not in WITHOUT_TOKEN:
            return f"answered {status} without a good token"
        if not self.is_good and has_run:
            return "there is a run without a good token"
        if b"eyJ" in content:
            return "the answer quotes a token"
        if b"Traceback" in content or b"<title>Server Error" in content:
            return "the answer shows what went wrong inside"
        return ""


class Enemy:
    """Makes hostile requests for the jobs of these names, of the task at this path.

    ``good`` gives a token that may run tasks; ``signed`` one that Google has signed with these claims.
    """

    def __init__(
        self,
        random: Random,
        *,
        path: str,
        names: list[str],
        good: Callable[[], str],
        signed: Callable[[dict[str, Any]], str],
    ) -> None:
        self._random, self._path, self._names, self._good, self._signed = random, path, names, good, signed

    def request(self) -> Hostile:
        """The next one."""
        pick = self._random
        token, is_good = self._token()
        headers = {"X-CloudScheduler-JobName": self._name(), "Content-Type": self._content_type()}
        if token is not None:
            headers["Authorization"] = token
        if pick.random() < 0.9:
            headers["X-CloudScheduler-ScheduleTime"] = self._time()
        for name in pick.sample(OTHER_HEADERS, pick.choice([0, 0, 0, 1, 2])):
            headers[name] = pick.choice([self._text(), "1", "true", _token_like(pick), "a" * 9_000])
        path = self._path if pick.random() < 0.85 else self._other_path()
        return Hostile(pick.choice(METHODS), path, headers, self._body(), is_good, self._said())

    # --- Tokens -----------------------------------------------------------------------------------

    def _token(self) -> tuple[str | None, bool]:
        pick = self._random
        kind = pick.random()
        if kind < 0.35:
            # Blanks and the case of the scheme are HTTP's to vary.
            return pick.choice(["Bearer {}", "bearer {}", "BEARER  {} "]).format(self._good()), True
        if kind < 0.45:
            return pick.choice([None, "", "Bearer", "Bearer ", self._text(), "Basic eA=="]), False
        if kind < 0.7:
            return f"Bearer {self._signed(self._claims())}", False
        return f"Bearer {self._damaged(self._good())}", False

    def _claims(self) -> dict[str, Any]:
        """One claim with which Google's own signature is worth nothing."""
        now = datetime.now(UTC).timestamp()
        odd: list[Any] = [
            None,
            "",
            True,
            0,
            -1,
            [],
            {},
            "é\x00",
            "x" * 2_000,
            10**400,
            float("nan"),
            [[]] * 50,
        ]
        claims: dict[str, list[Any]] = {
            "aud": [*odd, "https://evil.example.com", ["https://bench.example.com"], "bench.example.com"],
            "iss": [*odd, "https://accounts.google.com.evil.example.com", "https://securetoken.google.com/x"],
            "email": [
                *odd,
                "eve@evil.iam.gserviceaccount.com",
                "eve\r\nX: y",
                ["bench@bench.iam.gserviceaccount.com"],
            ],
            "email_verified": [None, "true", 1, 0, False, "yes", []],
            "exp": [None, "x", now - 100, 0, -1, True, [], 10**400, "9" * 400],
            # Long enough from now that it is no good token before the last request of a slow machine.
            "iat": [None, "x", now + 10_000, 10**12, True, [], {}],
        }
        name = self._random.choice(list(claims))
        return {name: self._random.choice(claims[name])}

    def _damaged(self, token: str) -> str:
        pick = self._random
        header, claims, signature = token.split(".")
        alg = pick.choice(["none", "HS256", "ES256", "rs256", None, ["RS256"], "RS512"])
        kid = pick.choice(
            [json.loads(_decoded(header))["kid"], "other", None, 7, "../../etc/passwd", "x" * 5_000]
        )
        at = pick.randrange(len(claims))
        return pick.choice(
            [
                f"{_encoded({'alg': alg, 'typ': 'JWT', 'kid': kid})}.{claims}.{signature}",
                f"{_encoded({'alg': 'RS256', 'kid': 'other'})}.{claims}.{signature}",
                f"{header}.{claims}.",
                f"{header}.{claims}.SIGNATURE_REMOVED_BY_GOOGLE",
                f"{header}.{claims[:at]}{'A' if claims[at] != 'A' else 'B'}{claims[at + 1 :]}.{signature}",
                f"{header}.{claims}.{signature[::-1]}",
                f"{header}.{claims}.{signature},{token}",
                f"{header}.{claims}.{signature}.{signature}",
                f"{header}.{_encoded([])}.{signature}",
                f"{header}.{'W1tb' * 4_000}.{signature}",
                f"{header}.{claims}",
                token[:-20],
                "." * pick.randrange(5),
                "A" * pick.choice([10, 20_000]) + ".A.A",
            ]
        )

    # --- All else ---------------------------------------------------------------------------------

    def _name(self) -> str:
        pick = self._random
        if pick.random() < 0.8:
            return pick.choice(self._names)
        name = pick.choice(self._names)
        odd = [
            name.upper(),
            f"{name},{name}",
            f" {name} ",
            "",
            self._text(),
            "x" * 9_000,
            f"{name}\x00",
            _token_like(pick),
        ]
        return pick.choice(odd)

    def _time(self) -> str:
        pick = self._random
        if pick.random() < 0.7:
            # Never just ahead: such a delivery is held until its time.
            at = datetime.now(UTC) - timedelta(minutes=pick.randrange(1, 1_000_000))
            return pick.choice([at.isoformat(), f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{at:%Y%m%dT%H%M%SZ}"])
        odd = [
            "", "now", "0", "-1", "NaN", "9999-12-31T23:59:59.999999-12:00", "0001-01-01T00:00:00+14:00",
            "0000-00-00T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01",
            "2026-01-01T00:00:00", "2026-W01-1T00:00:00Z", "2026-01-01T00:00:00+99:99", "9" * 5_000,
            "2026-01-01T00:00:00.123456789123456789Z", "2126-01-01T00:00:00Z", _token_like(pick),
            self._text(),
        ]  # fmt: skip
        return pick.choice(odd)

    def _content_type(self) -> str:
        odd = ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
        odd += ["application/json; charset=utf-16", "application/json; charset=\x80nonsense", self._text()]
        return "application/json" if self._random.random() < 0.7 else self._random.choice(odd)

    def _other_path(self) -> str:
        pick = self._random
        root, _, task = self._path.rpartition("/")
        odd = [
            "no.such.Task", task.upper(), f"{task}.", f".{task}", "os.system", "builtins.eval",
            "..%2f..%2fetc",             "a" * 5_000, "a." * 2_000 + "b", f"{task}\x00", "t\xc3\xa4sk.\xff",
            _token_like(pick), f"{task}/", f"{task}?a=%00&b", "__import__.os", "shop.tasks\n[ERROR] forged",
        ]  # fmt: skip
        return f"{root}/{pick.choice(odd)}"

    def _said(self) -> dict[str, str]:
        pick = self._random
        if pick.random() < 0.93:
            return {}
        lengths = ["0", "-1", "1000001", "99999999999999999999", "ten", "1e3", "\xb2", " 2", "", "7"]
        chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
        return pick.choice([chunked, {"CONTENT_LENGTH": pick.choice(lengths)}])

    def _body(self) -> bytes:
        pick = self._random
        kind = pick.random()
        if kind < 0.25:
            return pick.choice(
                [b"", b"{}", b'{"region": "emea"}', b'{"error": "boom"}', b' {"region":"\xc3\xa9"}\n']
            )
        if kind < 0.5:
            return json.dumps(self._value(4), ensure_ascii=pick.random() < 0.5).encode(errors="surrogatepass")
        if kind < 0.6:
            return pick.randbytes(pick.choice([1, 30, 3_000]))
        depth = pick.choice([49, 50, 51, 500, 50_000])
        number = pick.choice(
            ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 641, "1" * 50_000, "1E400", "-0", "01"]
        )
        text = pick.choice(
            ["\\u0000", "\\ud800", "\\udfff\\ud800", "\x00", "\\x", "\x7f", "\\ud83d\\ude00", "a" * 100_000]
        )
        odd = [
            '{"region": ' * depth + "1" + "}" * depth,
            '{"region": ' + "[" * depth + "]" * depth + "}",
            "[" * depth,
            f'{{"region": {number}}}',
            f'{{"region": "{text}"}}',
            f'{{"{text}": 1}}',
            '{"region": "a", "region": "b", "region": 1}',
            '\ufeff{"region": "a"}',
            "null", "true", "[]", '"region"', "1", "{", '{"region"', "{'region': 'a'}", '{"region": "a"} x',
            '{"region": "' + "a" * pick.choice([999_900, 1_000_000]) + '"}',
            json.dumps({f"key{n}": n for n in range(3_000)}),
        ]  # fmt: skip
        body = pick.choice(odd).encode(errors="surrogatepass")
        return body if pick.random() < 0.95 else body.decode().encode("utf-16")

    def _value(self, depth: int) -> Any:
        pick = self._random
        if depth and pick.random() < 0.6:
            keys = ["region", "seconds", "error", "marks", "self", "password", "__class__", self._text()]
            if pick.random() < 0.8:
                return {pick.choice(keys): self._value(depth - 1) for _ in range(pick.randrange(4))}
            return [self._value(depth - 1) for _ in range(pick.randrange(4))]
        return pick.choice(
            [None, True, 0, -1, 1.5, 2**70, "", "emea", self._text(), "\ud800", "\x00", "2026-01-01"]
        )

    def _text(self) -> str:
        """Any characters that may stand in a header."""
        pick = self._random
        letters = (
            string.printable.replace("\r", "").replace("\n", "").replace("\x0b", "")
            + "\x1b\x85\xa0\xff{}%$'\"<>"
        )
        return "".join(pick.choice(letters) for _ in range(pick.choice([1, 5, 40])))


OTHER_HEADERS = [
    "X-Scheduled-Jobs-Token", "X-Scheduled-Jobs-Probe", "X-CloudScheduler", "X-Serverless-Authorization",
    "X-Cloud-Trace-Context", "traceparent", "Proxy-Authorization", "Cookie", "X-Forwarded-For",
    "X-Forwarded-Proto", "X-HTTP-Method-Override", "Content-Encoding", "Accept-Language", "User-Agent",
    "Referer", "Range", "Expect",
]  # fmt: skip


def _token_like(random: Random) -> str:
    """What looks like a token, in places where none belongs."""
    return f"eyJhbGciOiJSUzI1NiJ9.eyJ{random.randrange(10**6)}.c2ln"


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
