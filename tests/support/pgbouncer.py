"""PgBouncer in front of a PostgreSQL database, giving each transaction another of its connections."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
CONFIG = """\
[databases]
* = host={HOST} port={PORT} user={USER} password={PASSWORD}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
min_pool_size = 4
# Without it the connection that was given back last is given out first, and hides what it keeps.
server_round_robin = 1
"""


@contextmanager
def pgbouncer(database: dict[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    """What DATABASES says of the same database, behind PgBouncer."""
    assert PROGRAM is not None
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    config = folder / "pgbouncer.ini"
    config.write_text(CONFIG.format(**{**database, "PORT": database["PORT"] or 5432}, listen_port=port))
    # It refuses to be root, and reads its settings before it becomes somebody else.
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([PROGRAM, "-q", *as_nobody, str(config)], stderr=subprocess.PIPE)
    try:
        wait_for(port, process)
        yield {**database, "HOST": "127.0.0.1", "PORT": port}
    finally:
        process.kill()
        process.communicate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens; fails with what the process has said if it ends before."""
    while process.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(process.communicate()[1].decode())
