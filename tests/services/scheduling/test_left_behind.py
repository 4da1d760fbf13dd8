"""No job is left behind in Google: after a kill, a change of names, a change of address."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.models import JobChange, ScheduledJob
from scheduled_jobs.services.scheduling.push.record import Recorder
from tests.support import full_name
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


class Killed(BaseException):
    """The end of a process between Google's answer and what is written of it."""


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command and kills it after its calls, before it has written what became of them."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    def run() -> None:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Recorder, "record", die)
            schedule_tasks()

    return run


def jobs(google: MemoryBackend) -> list[str]:
    return sorted(live.name for live in google.list(timeout=1))


def redeclare(name: str, **body: Any) -> None:
    registry._tasks.clear()
    declare(name, **body)


def forget(name: str) -> None:
    """Lose a row and leave its job: what a database restored from an old copy does."""
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        row(name).delete()


@override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop")
def test_a_killed_rename_that_is_taken_back_leaves_one_job(google: MemoryBackend, killed: Any) -> None:
    declare("One", schedule_name="first")
    schedule_tasks()
    redeclare("One", schedule_name="second")
    killed()
    assert jobs(google) == ["shop--second"]
    redeclare("One", schedule_name="first")
    output = schedule_tasks()
    assert (output.code, jobs(google)) == (0, ["shop--first"])
    assert schedule_tasks().lines == []


@override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop")
def test_a_killed_rename_that_goes_on_leaves_one_job(google: MemoryBackend, killed: Any) -> None:
    declare("One", schedule_name="first")
    schedule_tasks()
    for name in ("second", "third"):
        redeclare("One", schedule_name=name)
        killed()
    redeclare("One", schedule_name="fourth")
    assert schedule_tasks().code == 0
    assert jobs(google) == ["shop--fourth"]


def test_a_killed_first_sync_leaves_nothing_under_a_former_name(google: MemoryBackend, killed: Any) -> None:
    declare("One")
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop"):
        killed()
        assert jobs(google) == ["shop--shop-tasks-One"]
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="store"):
        assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (name)"]
        assert jobs(google) == ["store--shop-tasks-One"]


def test_a_task_removed_together_with_its_app_name_fires_no_more(google: MemoryBackend) -> None:
    declare("One")
    declare("Two")
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop"):
        schedule_tasks()
    redeclare("One")
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="store"):
        assert "[-] Job deleted: shop.tasks.Two" in schedule_tasks(yes=True).lines
    assert jobs(google) == ["store--shop-tasks-One"]


@override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop")
def test_a_task_removed_with_its_address_is_named(google: MemoryBackend) -> None:
    declare("One")
    declare("Two")
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT="https://old.example.com"):
        schedule_tasks()
    redeclare("One")
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT="https://new.example.com"):
        output = schedule_tasks(yes=True)
        assert output.code == 1
        assert output.lines[1] == (
            "[!] Job failed: shop.tasks.Two: the job in Google is not deleted: it points at "
            "https://old.example.com/tasks/shop.tasks.Two, and this app is at https://new.example.com: it "
            "stays there"
        )
        assert schedule_tasks(adopt=True, yes=True).code == 1
    assert jobs(google) == ["shop--shop-tasks-One", "shop--shop-tasks-Two"]


@override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop")
@pytest.mark.parametrize("how", [{"no_delete": True}, {"only": "shop.tasks.One"}])
def test_where_nothing_is_to_be_deleted_no_former_name_is(google: MemoryBackend, how: dict[str, Any]) -> None:
    declare("One", schedule_name="first")
    schedule_tasks()
    redeclare("One", schedule_name="second")
    only = [how["only"]] if "only" in how else []
    options = {key: value for key, value in how.items() if key != "only"}
    for _ in range(2):
        output = schedule_tasks(*only, **options)
        assert (output.code, jobs(google)) == (0, ["shop--first", "shop--second"])
    assert output.lines == []
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (name)"]
    assert jobs(google) == ["shop--second"]


def test_orphans_that_stay_hold_back_no_other_deletion(google: MemoryBackend) -> None:
    for name in ("A", "B", "C", "D", "E"):
        declare(name)
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop"):
        schedule_tasks()
        for name in ("D", "E"):
            forget(name)
        registry._tasks.clear()
        for name in ("A", "B"):
            declare(name)
        output = schedule_tasks()
    orphan = "it is an orphan: ours, but no row of this database knows it; --yes deletes it"
    assert output.lines == [
        "[-] Job deleted: shop.tasks.C",
        f"[!] Job failed: shop--shop-tasks-D: {orphan}",
        f"[!] Job failed: shop--shop-tasks-E: {orphan}",
    ]


def test_an_orphan_kept_by_no_delete_is_not_said_to_go(google: MemoryBackend) -> None:
    declare("A")
    declare("B")
    schedule_tasks()
    forget("B")
    redeclare("A")
    assert schedule_tasks(no_delete=True, yes=True).lines == [
        f"[!] Job failed: {jobs(google)[1]}: it is an orphan: ours, but no row of this database knows it; "
        "--no-delete keeps it"
    ]


def test_a_push_by_a_host_whose_clock_is_ahead_hides_no_change(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    ahead = timezone.now() + timedelta(minutes=2)
    type(row("One")).objects.filter(pk=row("One").pk).update(synced_at=ahead)
    redeclare("One", run_every="0 3 * * *")
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (schedule)"]
    assert schedule_tasks(check=True).code == 0


def test_orphans_are_deleted_side_by_side(google: MemoryBackend) -> None:
    declare("Kept")
    for n in range(20):
        declare(f"Lost{n}")
    schedule_tasks()
    for n in range(20):
        forget(f"Lost{n}")
    redeclare("Kept")
    in_flight: list[str] = []
    most: list[int] = []
    delete = google.delete

    def counted(remote_name: str, *, timeout: float) -> None:
        in_flight.append(remote_name)
        most.append(len(in_flight))
        time.sleep(0.02)
        in_flight.remove(remote_name)
        delete(remote_name, timeout=timeout)

    google.delete = counted  # type: ignore[method-assign]
    assert len(schedule_tasks(yes=True).lines) == 20
    assert max(most) > 1
    assert len(jobs(google)) == 1


def test_a_row_that_takes_an_orphan_over_keeps_its_job(
    google: MemoryBackend,
) -> None:
    declare("Kept")
    declare("Lost")
    schedule_tasks()
    name = row("Lost").name
    forget("Lost")
    redeclare("Kept")
    added = []

    def add(method: str, job: str, phase: str) -> None:
        if method == "DeleteJob" and phase == "before" and not added:
            added.append(job)
            ScheduledJob.objects.create(
                name=name, task="shop.tasks.Kept", origin="operator", schedule_override="0 3 * * *"
            )
            connection.close()  # that of this thread

    google.store.faults.intercept = add
    with override_settings(DJANGO_CLOUD_TASKS_CONCURRENCY=1):
        schedule_tasks(yes=True)
    assert added
    assert google.get(added[0], timeout=1).values["schedule"] == "0 3 * * *"
    assert ScheduledJob.objects.get(name=name).sync_state == "synced"


def test_a_pause_in_the_console_is_told_and_kept(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    google.store.pause_job(full_name(row("One")))
    output = schedule_tasks()
    assert output.splitlines()[:2] == [
        "[~] Job updated: shop.tasks.One (state)",
        '      state: "PAUSED" -> "ENABLED"',
    ]
    change = JobChange.objects.get(job=row("One"), field="state")
    assert (change.old, change.new, change.via) == ("PAUSED", "ENABLED", "sync")


def test_a_dry_run_locks_nothing(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    with CaptureQueriesContext(connection) as queries:
        schedule_tasks(dry_run=True)
        schedule_tasks(check=True)
    assert [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]] == []


def test_a_task_that_is_named_twice_is_one(google: MemoryBackend) -> None:
    declare("One")
    assert schedule_tasks("shop.tasks.One", "shop.tasks.One").lines == ["[+] Job created: shop.tasks.One"]


def test_what_an_adoption_replaces_is_told_and_kept_in_the_audit(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    remote_name = full_name(row("One"))
    forget("One")
    message = google.store.get_job(remote_name)
    message.schedule = "0 7 * * *"
    del message.http_target.headers["X-Scheduled-Jobs"]
    google.store.update_job(message, ["schedule", "time_zone", "http_target"])
    google.store.pause_job(remote_name)
    output = schedule_tasks(adopt=True)
    assert output.splitlines()[0] == "[~] Job updated: shop.tasks.One (schedule, headers, state)"
    assert '      schedule: "0 7 * * *" -> "0 9 * * *"' in output.splitlines()
    assert '      state: "PAUSED" -> "ENABLED"' in output.splitlines()
    kept = dict(JobChange.objects.filter(job=row("One"), via="sync").values_list("field", "old"))
    assert kept["schedule"] == "0 7 * * *"
    assert kept["state"] == "PAUSED"
