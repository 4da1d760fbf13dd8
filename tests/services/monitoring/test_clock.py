"""The clock of this machine beside those of Google and of its database: noticed, logged once, shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import Error, connection, connections

from scheduled_jobs.admin.page.render import environment_banner
from scheduled_jobs.authentication.clock import By, Clocks, Skew
from scheduled_jobs.services.monitoring import clock
from scheduled_jobs.services.monitoring.clock import Hourly

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Those of a process that has just begun."""
    new = Clocks()
    monkeypatch.setattr("scheduled_jobs.services.monitoring.clock.clocks", new)
    monkeypatch.setattr("scheduled_jobs.admin.page.render.clocks", new)
    return new


def test_a_skew_is_logged_and_shown(clocks: Clocks, caplog: pytest.LogCaptureFixture) -> None:
    clocks.note(Skew(By.TOKENS, 8.04), NOW)
    clocks.note(Skew(By.DATABASE, -60.0), NOW)
    clocks.note(Skew(By.DATABASE, -2.0), NOW)
    assert len(clocks.met(NOW)) == 1
    clocks.note(Skew(By.DATABASE, -60.0), NOW)
    assert caplog.messages == [
        "The clock of this machine is 8.0 seconds behind the one that Google's tokens are made by",
        *["The clock of this machine is 60.0 seconds ahead of that of its database"] * 2,
    ]
    assert environment_banner(NOW, None)["notes"] == [
        "this server’s clock is 8 s behind Google’s",
        "this server’s clock is 60 s ahead of its database’s",
    ]
    assert environment_banner(NOW + 2 * HOUR, None)["notes"] == []


@pytest.fixture
def database_ahead(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Lets the clock of this machine be so many seconds behind the database's."""

    class Cursor:
        def __enter__(self) -> Cursor:
            return self

        def __exit__(self, *args: object) -> None: ...

        def execute(self, sql: str) -> None:
            assert sql == clock.NOW["postgresql"]
            if ahead is None:
                raise Error("gone")

        def fetchone(self) -> tuple[float]:
            assert ahead is not None
            return (clock.timezone.now().timestamp() + ahead,)

    ahead: float | None = 0.0

    def be(seconds: float | None) -> None:
        nonlocal ahead
        ahead = seconds

    default = connections["default"]
    monkeypatch.setattr(default, "vendor", "postgresql")
    monkeypatch.setattr(default, "cursor", Cursor)
    monkeypatch.setattr(default, "in_atomic_block", False)
    return be


def test_a_process_compares_once_an_hour(
    clocks: Clocks, database_ahead: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = 0.0
    hourly = Hourly(lambda: seconds)
    database_ahead(None)
    hourly.compare()
    assert caplog.messages == []
    seconds = 60.0
    hourly.compare()
    assert caplog.messages == ["The database's clock could not be asked: gone"]
    database_ahead(30.0)
    hourly.compare()
    assert len(caplog.messages) == 1
    seconds = 3_660.0
    hourly.compare()
    assert caplog.messages[1:] == ["The clock of this machine is 30.0 seconds behind that of its database"]
    seconds = 7_260.0
    database_ahead(0.0)
    hourly.compare()
    assert clocks.met(datetime.now(UTC)) == []


def test_what_an_answer_takes_is_no_skew(database_ahead: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100.0, 103.0, 106.0])
    monkeypatch.setattr(clock.timezone, "now", lambda: datetime.fromtimestamp(next(times), UTC))
    skew = clock.skew_of_database()
    assert skew is not None
    assert skew.behind == 0.0


def test_doctor_tells_of_the_databases_clock(database_ahead: Any) -> None:
    assert list(clock.examine_database_clock()) == []
    database_ahead(-8.0)
    (finding,) = clock.examine_database_clock()
    assert (finding.topic, finding.stops) == ("clock", False)
    assert finding.line == (
        "[!] The clock of this machine is 8.0 seconds ahead of that of its database. Set both by a time "
        "server (NTP): by a clock that is behind, scheduled runs count as forced."
    )


@pytest.mark.django_db
def test_the_clock_of_a_real_database_is_near_ours() -> None:
    skew = clock.skew_of_database()
    assert skew is None if connection.vendor == "sqlite" else abs(skew.behind) < 2  # type: ignore[union-attr]
