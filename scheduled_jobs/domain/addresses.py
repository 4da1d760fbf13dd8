"""Addresses of a Django app: the one form in which they are sent and compared, and what is wrong with one."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

PORTS = {"http": 80, "https": 443}
SAFE = "!$%&'()*+,;=/~:@"
"""Characters that stay as they are in the path of an address."""
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[a-f0-9:]+:[a-f0-9.:]+", re.ASCII)
"""A name or an address: what Django answers, which has no underscores."""


@lru_cache(maxsize=64)
def as_sent(address: str) -> str:
    """The address with its scheme and host in small letters, the host in punycode, without a last slash.

    One that has something wrong is given back as it is.
    """
    if fault_of(address) is not None:
        return address
    parts = urlsplit(address)
    host = _host(parts)
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, PORTS[parts.scheme]) else f":{parts.port}"
    return urlunsplit((parts.scheme, host + port, quote(parts.path.rstrip("/"), safe=SAFE + "%"), "", ""))


def fault_of(address: str) -> str | None:
    """What is wrong with the address of an app, and what to write instead; None if nothing is."""
    if (odd := odd_character(address)) is not None:
        return f"it has {odd} in it; remove that"
    scheme, colon, rest = address.partition("://")
    if not colon:
        near = re.sub(r"^(https?)?[:/\\]+", "", address, flags=re.IGNORECASE)
        return f"it has no scheme; write https://{near}" if address else "it is empty"
    if rest.partition(":")[0].lower() in PORTS:
        return f"it has a scheme twice; write {rest}"
    if scheme.lower() not in PORTS:
        return f"{scheme} is no scheme that Cloud Scheduler calls; write https://{rest}"
    try:
        parts = urlsplit(address)
        port, host = parts.port, _host(parts)
    except ValueError:
        return "its host or its port is none; a port is a number from 1 to 65535"
    if port == 0:
        return "its port is 0; a port is a number from 1 to 65535"
    if parts.username is not None or parts.password is not None:
        return "it has a user in it; write the host alone, and let the service account identify the caller"
    if parts.query or parts.fragment or address.endswith(("?", "#")):
        return "it has a query or a fragment; write what stands before the ? or the #"
    if not HOST.fullmatch(host) or ".." in host or _is_no_number(host):
        return f"{host!r} is no host that Django answers; use letters, digits, hyphens and dots"
    if found := re.search(r"//|/\.{1,2}(?=/|$)|[{}<>\\]", parts.path):
        return f"its path has {found[0]!r} in it; remove that"
    return None


def _is_no_number(host: str) -> bool:
    """Whether it ends as no name does, in a number, and is no address: 127.1 is this machine to some."""
    if not re.search(r"(^|\.)\d+$", host, re.ASCII) or "." not in host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def odd_character(text: str) -> str | None:
    """The first blank or unprintable character of a text, named; None if there is none."""
    for character in text:
        if character.isspace() or not character.isprintable():
            return "a blank" if character == " " else f"the character {character!r}"
    return None


def host_of(address: str) -> str:
    """The host of an address that has nothing wrong."""
    return _host(urlsplit(address))


PRIVATE = (
    ".localhost", ".localdomain", ".local", ".internal", ".intranet", ".lan", ".home.arpa",
    ".test", ".invalid",
)  # fmt: skip
"""Ends of names that no public server of names knows."""


def is_out_of_reach(host: str) -> bool:
    """Whether a host is known to be one that Google cannot reach: this machine, or a private network."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        name = host.rstrip(".")
        return "." not in name or name.endswith(PRIVATE)


def same_audience(one: str, other: str) -> bool:
    """Whether two audiences are one: a last slash makes no difference."""
    return one.rstrip("/") == other.rstrip("/")


def _host(parts: SplitResult) -> str:
    """The host in punycode; raises ValueError, of which UnicodeError is one, for what cannot be a host."""
    return (parts.hostname or "").encode("idna").decode("ascii")
