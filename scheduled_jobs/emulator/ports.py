"""Ports of this machine, looked at before a program asks for them."""

from __future__ import annotations

import errno
import os
import socket


def why_taken(host: str, port: int) -> str | None:
    """Why nothing can listen on this port; None if it is free."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As the servers do: a port whose last connections are only fading away is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "another program listens there"
        return error.strerror or os.strerror(error.errno or 0)
    return None
