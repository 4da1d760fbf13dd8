"""An in-memory Cloud Scheduler whose clock a test can move; it imports Django only when it is made."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:  # a plugin of pytest is imported before Django has settings, and before coverage begins
    from collections.abc import Iterator

    from django.http import HttpResponse

    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.domain.jobs import LiveJob
    from scheduled_jobs.emulator.delivery import Delivery
    from scheduled_jobs.emulator.faults import Faults


class CloudScheduler:
    """An in-memory Cloud Scheduler, with Google's rules and a clock one can move.

    Made by ``running_cloud_scheduler`` or the fixture ``cloud_scheduler``. While it runs, saves and
    ``schedule_tasks`` push to it and ``django.utils.timezone.now()`` is ``now``. ``faults`` makes calls
    fail, lose their answers or hit a quota, and records them.
    """

    def __init__(self, now: datetime | None = None) -> None:
        from scheduled_jobs.backends.memory import MemoryBackend
        from scheduled_jobs.emulator.dispatcher import Dispatcher
        from scheduled_jobs.emulator.faults import Faults
        from scheduled_jobs.emulator.store import Store
        from scheduled_jobs.emulator.tokens import Issuer, bare_key

        # A full minute: a run that is asked for seconds before a scheduled time serves that time first, and a
        # test would fail in one start of twelve.
        self.now = now or datetime.now(UTC).replace(second=0, microsecond=0)
        self.faults: Faults = Faults()
        self.store = Store(lambda: self.now, faults=self.faults)
        self.backend: MemoryBackend = MemoryBackend(self.store)
        self.issuer = Issuer(clock=lambda: self.now, certify=bare_key)
        self.responses: list[HttpResponse] = []
        self._dispatcher = Dispatcher(self.store)

    @property
    def jobs(self) -> dict[str, LiveJob]:
        """Job id -> job, as Google has it now."""
        return {job.name: job for job in self.backend.list(timeout=1)}

    def advance(self, by: timedelta) -> list[HttpResponse]:
        """Move the clock and deliver, each at its own moment, all that is due; returns the app's answers."""
        return self.advance_to(self.now + by)

    def advance_to(self, moment: datetime) -> list[HttpResponse]:
        """Move the clock to ``moment`` (aware); see ``advance``."""
        first = len(self.responses)

        def move(now: datetime) -> None:
            self.now = now

        self._dispatcher.run_until(moment, self._send, move)
        return self.responses[first:]

    def deliver_forced(self) -> list[HttpResponse]:
        """Deliver the runs that RunJob has asked for."""
        return self.advance(timedelta())

    def _send(self, delivery: Delivery) -> int:
        """One request to the app, in process, with the token that Google would send.

        To the host of the address, by which a site with several knows what is asked for, if it may be asked.
        """
        from urllib.parse import urlsplit

        from django.conf import settings
        from django.http.request import validate_host
        from django.test import Client

        from scheduled_jobs.services.scheduling.mount import site

        # What the web server takes off, as it hands a request on, where the site is mounted below a path.
        below, address = urlsplit(site()).path, urlsplit(delivery.uri)
        host = address.hostname or ""
        named: dict[str, Any] = {"SERVER_NAME": host} if validate_host(host, settings.ALLOWED_HOSTS) else {}
        headers = dict(delivery.headers)
        if delivery.oidc is not None:
            headers["Authorization"] = f"Bearer {self.issuer.token(*delivery.oidc)}"
        response: Any = Client(raise_request_exception=False).generic(
            delivery.method,
            address.path.removeprefix(below),
            delivery.body,
            content_type=headers.pop("Content-Type", "application/octet-stream"),
            secure=address.scheme == "https",
            headers=headers,
            **named,
        )
        self.responses.append(response)
        return int(response.status_code)


@contextmanager
def running_cloud_scheduler(now: datetime | None = None) -> Iterator[CloudScheduler]:
    """An in-memory Cloud Scheduler that this process talks to inside the block; nothing leaves the process.

    Its tokens verify against a certificate server on loopback that lives as long as the block.
    """
    from django.test import override_settings

    from scheduled_jobs.backends import use_backend
    from scheduled_jobs.emulator.certificates import CertificateServer

    scheduler = CloudScheduler(now)
    server = CertificateServer(scheduler.issuer.certificates(), "127.0.0.1", 0)
    server.start()
    with ExitStack() as stack:
        stack.callback(server.stop)
        stack.enter_context(use_backend(scheduler.backend))
        stack.enter_context(override_settings(DJANGO_CLOUD_TASKS_OIDC_CERTS_URL=server.url))
        stack.enter_context(mock.patch("django.utils.timezone.now", side_effect=lambda: scheduler.now))
        # google-auth has a clock of its own, naive and in UTC, by which it verifies tokens.
        stack.enter_context(
            mock.patch("google.auth._helpers.utcnow", side_effect=lambda: scheduler.now.replace(tzinfo=None))
        )
        yield scheduler
