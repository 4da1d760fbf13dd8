"""The emulator as a whole: gRPC, certificates and clock over one store, started and stopped together."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType

from scheduled_jobs.emulator.certificates import CertificateServer
from scheduled_jobs.emulator.runner import Runner
from scheduled_jobs.emulator.server import GrpcServer
from scheduled_jobs.emulator.store import Store
from scheduled_jobs.emulator.tokens import Issuer
from scheduled_jobs.exceptions import CannotStart

GRACE = 1.0  # seconds for calls, and then for attempts, that are under way when the emulator stops
PAIRS = 50  # how often a free pair of neighbouring ports is looked for
OPEN_FILES = 4096


class Emulator:
    """A running emulator; a context manager that stops it.

    ``port`` 0 takes a free one; ``certs_port`` None is the port after it, 0 any free one. Raises CannotStart
    for a taken port. The store is closed when the emulator stops.
    """

    def __init__(
        self,
        store: Store,
        *,
        host: str = "127.0.0.1",
        port: int = 8085,
        certs_port: int | None = None,
    ) -> None:
        self.store = store
        self.issuer = Issuer(store.state_file)
        self._grpc, self._certificates = _bind(store, self.issuer, host, port, certs_port)
        self.host = f"{host}:{self._grpc.port}"
        self.certs_url = self._certificates.url
        self._runner = Runner(store, self.issuer.token)

    def start(self) -> None:
        """Answer calls and fire jobs."""
        _allow_open_files()
        self._certificates.start()
        self._runner.start()
        self._grpc.start()

    def stop(self) -> None:
        """Stop within about two seconds, whatever is under way; what was changed is in the state file."""
        self.store.faults.hurry()
        self._grpc.stop(GRACE)
        self._runner.stop(GRACE)
        self._certificates.stop()
        self.store.close()

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _bind(
    store: Store, issuer: Issuer, host: str, port: int, certs_port: int | None
) -> tuple[GrpcServer, CertificateServer]:
    tries = PAIRS if port == 0 and certs_port is None else 1
    while True:
        tries -= 1
        grpc_server = GrpcServer(store, host, port)
        chosen = grpc_server.port + 1 if certs_port is None else certs_port
        try:
            return grpc_server, CertificateServer(issuer.certificates(), host, chosen)
        except CannotStart:
            grpc_server.stop(0)
            if not tries:
                raise


def _allow_open_files() -> None:
    """Let the process open many files, as far as the system lets it: each attempt under way is one."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a sandbox may not let us; then attempts fail where files do
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
