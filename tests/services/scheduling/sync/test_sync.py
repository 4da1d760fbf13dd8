"""``manage.py schedule_tasks``: what it prints, what it sends, and what it never touches."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings

from scheduled_jobs import registry
from scheduled_jobs.domain.jobs import JobSpec
from scheduled_jobs.domain.limits import LONGER
from scheduled_jobs.domain.plan import ELSEWHERE
from scheduled_jobs.exceptions import DiscardTask
from scheduled_jobs.management.terminal import ProgressBar
from scheduled_jobs.models import GoogleName, JobChange, JobRun, JobVersion, ScheduledJob
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.scheduling.deleting import ask_to_delete
from scheduled_jobs.services.scheduling.seed.rows import seed_tasks
from tests.support import full_name
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


def writes(google: MemoryBackend) -> list[tuple[str, str]]:
    """The changing calls made so far, by method and job id; forgets them."""
    calls = [(c.method, c.name.rpartition("/")[2]) for c in google.store.faults.calls]
    google.store.faults.calls.clear()
    return [call for call in calls if call[0] not in ("ListJobs", "GetJob")]


def names(google: MemoryBackend) -> list[str]:
    return sorted(job.name for job in google.list(timeout=1))


def forget(name: str) -> None:
    del registry._tasks[f"shop.tasks.{name}"]


def test_a_new_task_is_created_and_said_so(google: MemoryBackend) -> None:
    declare("Digest")
    output = schedule_tasks()
    assert output == (
        "[+] Job created: shop.tasks.Digest\n1 job: 1 created, 0 updated, 0 deleted, 0 failed, 0 unchanged.\n"
    )
    assert output.code == 0
    assert writes(google) == [("CreateJob", "shop--shop-tasks-Digest")]
    assert row("Digest").sync_state == "synced"


def test_a_second_run_writes_nothing_and_prints_no_line(google: MemoryBackend) -> None:
    declare("Digest", timedelta(minutes=7), schedule_body_payload={"a": 1}, schedule_headers={"X-A": "b"})
    schedule_tasks()
    writes(google)
    changes = JobChange.objects.count(), JobVersion.objects.count()
    output = schedule_tasks()
    assert output.lines == []
    assert output.totals == "1 job: 0 created, 0 updated, 0 deleted, 0 failed, 1 unchanged."
    assert writes(google) == []
    assert (JobChange.objects.count(), JobVersion.objects.count()) == changes


def test_a_changed_run_every_is_really_sent(google: MemoryBackend) -> None:
    """django-cloud-tasks answers "updated" and makes no call."""
    task = declare("Digest")
    declare("Other")
    schedule_tasks()
    writes(google)
    task.run_every = "0 10 * * *"
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.Digest (schedule)"]
    assert writes(google) == [("UpdateJob", "shop--shop-tasks-Digest")]
    assert google.get(full_name(row("Digest")), timeout=1).values["schedule"] == "0 10 * * *"


def test_only_the_fields_that_changed_are_sent(google: MemoryBackend) -> None:
    declare("Digest")
    schedule_tasks()
    masks: list[list[str]] = []
    real = google.store.update_job
    google.store.update_job = lambda job, mask: masks.append(list(mask)) or real(job, mask)  # type: ignore[method-assign]
    declare("Digest", schedule_description="New words.")
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.Digest (description)"]
    assert masks == [["description"]]


def test_a_job_born_paused_is_paused_before_google_has_it(google: MemoryBackend) -> None:
    states: list[bool] = []
    google.store.faults.intercept = lambda method, name, phase: (
        states.append(row("Digest").paused) if (method, phase) == ("CreateJob", "before") else None
    )
    declare("Digest", schedule_paused=True)
    assert schedule_tasks().lines == ["[+] Job created: shop.tasks.Digest"]
    assert states == [True]
    assert [method for method, _ in writes(google)] == ["CreateJob", "PauseJob"]
    declare("Digest", schedule_paused=False)
    assert schedule_tasks().lines == []
    assert row("Digest").paused is True


def test_a_removed_task_retires_its_row_and_deletes_its_job(google: MemoryBackend) -> None:
    declare("Digest")
    declare("Kept")
    schedule_tasks()
    job = row("Digest")
    job.schedule_override = "0 3 * * *"
    job.save()
    job.pause(reason="legal")
    forget("Digest")
    output = schedule_tasks()
    assert output.lines == ["[-] Job deleted: shop.tasks.Digest"]
    assert names(google) == ["shop--shop-tasks-Kept"]
    assert row("Digest").retired_at is not None

    declare("Digest", "0 5 * * *")
    assert schedule_tasks().lines == ["[+] Job created: shop.tasks.Digest"]
    back = row("Digest")
    assert (back.pk, back.retired_at) == (job.pk, None)
    assert (back.schedule_override, back.declared_schedule, back.paused) == ("0 3 * * *", "0 5 * * *", True)
    live = google.get(full_name(back), timeout=1)
    assert (live.values["schedule"], live.state) == ("0 3 * * *", "PAUSED")


def test_a_deploy_never_eats_an_override(google: MemoryBackend) -> None:
    """celery/django-celery-beat #153: settings overwrite the operator's edits at every restart."""
    declare("Digest")
    schedule_tasks()
    job = row("Digest")
    job.schedule_override = "0 3 * * *"
    job.save()
    declare("Digest", "0 11 * * *")
    assert schedule_tasks().lines == []
    job = row("Digest")
    assert (job.declared_schedule, job.schedule_override, job.schedule) == (
        "0 11 * * *",
        "0 3 * * *",
        "0 3 * * *",
    )
    job.reset("schedule")
    assert google.get(full_name(job), timeout=1).values["schedule"] == "0 11 * * *"


def test_a_deploy_never_resumes_what_an_operator_paused(google: MemoryBackend) -> None:
    """PrefectHQ/prefect #11723: a redeploy silently resumes a paused schedule."""
    declare("Digest")
    schedule_tasks()
    row("Digest").pause(reason="incident")
    declare("Digest", "0 12 * * *", schedule_paused=False)
    schedule_tasks()
    assert row("Digest").paused is True
    assert google.get(full_name(row("Digest")), timeout=1).state == "PAUSED"


def test_jobs_that_are_not_ours_are_never_touched(google: MemoryBackend) -> None:
    """django-cloud-tasks deletes ``shop-admin--x`` when it is ``shop``."""
    uri = "https://shop.example.com/tasks/x"
    for name, mark in (
        ("shop-admin--x", "1; app=shop-admin"),
        ("shopping--y", "1; app=shopping"),
        ("hand-made", ""),
    ):
        headers = {"X-Scheduled-Jobs": mark} if mark else {}
        google.create(JobSpec(name, "0 1 * * *", "UTC", uri, headers=headers), timeout=1)
    declare("Digest")
    schedule_tasks()
    forget("Digest")
    declare("Other")
    schedule_tasks(yes=True)
    assert names(google) == ["hand-made", "shop--shop-tasks-Other", "shop-admin--x", "shopping--y"]


def test_no_task_found_says_where_it_looked_and_deletes_nothing(google: MemoryBackend) -> None:
    declare("Digest")
    schedule_tasks()
    forget("Digest")
    output = schedule_tasks()
    assert output.code == 1
    assert output.startswith(
        "CommandError: No task was found, and nothing was deleted. Looked for classes derived"
    )
    assert "sample_project.shop.tasks" in output
    assert names(google) == ["shop--shop-tasks-Digest"]
    assert row("Digest").retired_at is None


def test_deleting_more_than_half_asks_first(google: MemoryBackend) -> None:
    for name in ("One", "Two", "Three"):
        declare(name)
    schedule_tasks()
    forget("One")
    forget("Two")
    output = schedule_tasks()
    assert output.code == 1
    assert output.lines == [
        "[!] Job failed: shop.tasks.One: not deleted: 2 of 3 jobs would go, more than half; --yes deletes them",
        "[!] Job failed: shop.tasks.Two: not deleted: 2 of 3 jobs would go, more than half; --yes deletes them",
    ]
    assert len(names(google)) == 3
    output = schedule_tasks(yes=True)
    assert output.lines == ["[-] Job deleted: shop.tasks.One", "[-] Job deleted: shop.tasks.Two"]
    assert names(google) == ["shop--shop-tasks-Three"]


def test_the_jobs_that_a_sync_makes_are_counted_by_it_as_by_the_next(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    forget("One")
    declare("Other")
    assert schedule_tasks(dry_run=True).lines == schedule_tasks().lines
    assert names(google) == ["shop--shop-tasks-Other"]


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "code", "totals"),
    [
        ("y\n", 0, "7 jobs: 1 created, 1 updated, 4 deleted, 0 failed, 1 unchanged."),
        ("\n", 1, "7 jobs: 1 created, 1 updated, 0 deleted, 4 failed, 1 unchanged."),
        ("", 1, "7 jobs: 1 created, 1 updated, 0 deleted, 4 failed, 1 unchanged."),
    ],
)
def test_on_a_terminal_somebody_is_asked(
    google: MemoryBackend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    code: int,
    totals: str,
) -> None:
    for name in ("One", "Two", "Three", "Four", "Five", "Six"):
        declare(name)
    schedule_tasks()
    for name in ("One", "Two", "Three", "Four"):
        forget(name)
    declare("Five", "0 1 * * *")
    declare("Seven")
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    output = schedule_tasks()
    assert (output.code, output.totals) == (code, totals)
    assert len(names(google)) == (3 if code == 0 else 7)
    asked = capsys.readouterr()
    gone = "shop.tasks.Four, shop.tasks.One, shop.tasks.Three, shop.tasks.Two"
    assert f"This deletes 4 of 6 jobs: {gone}." in asked.err
    assert asked.out == "Go on? [y/N] "


def test_what_failed_before_the_question_is_told_again_after_it(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("One", "Two", "Three"):
        declare(name)
    schedule_tasks()
    forget("One")
    forget("Two")
    declare("Three", "0 1 * * *")
    google.store.faults.refuse("UpdateJob", "INVALID_ARGUMENT", "no", times=2)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    output = schedule_tasks()
    assert output.code == 1
    assert output.totals == "3 jobs: 0 created, 0 updated, 2 deleted, 1 failed, 0 unchanged."


def test_no_delete_deletes_nothing(google: MemoryBackend) -> None:
    declare("One")
    declare("Two")
    schedule_tasks()
    forget("One")
    assert schedule_tasks(no_delete=True).lines == []
    assert len(names(google)) == 2


def test_named_tasks_only_touch_their_own_jobs(google: MemoryBackend) -> None:
    declare("One")
    declare("Two")
    schedule_tasks()
    forget("Two")
    declare("One", "0 1 * * *")
    declare("Three")
    assert schedule_tasks("shop.tasks.One").lines == ["[~] Job updated: shop.tasks.One (schedule)"]
    assert names(google) == ["shop--shop-tasks-One", "shop--shop-tasks-Two"]
    assert row("Two").retired_at is None


def test_an_unknown_name_is_refused_with_those_there_are(google: MemoryBackend) -> None:
    declare("One")
    output = schedule_tasks("shop.tasks.Onne")
    assert output == "CommandError: No task shop.tasks.Onne; there are shop.tasks.One."
    assert output.code == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            {"schedule_retries": 6},
            "schedule_retries(): 6 is not a retry count: write a whole number from 0 to 5",
        ),
        (
            {"schedule_attempt_deadline": timedelta(hours=1)},
            f"schedule_attempt_deadline(): 1:00:00 is out of range: write 15 seconds to 30 minutes; {LONGER}",
        ),
        (
            {"schedule_headers": {"X Y": "1"}},
            "schedule_headers(): 'X Y' is not a header name: write letters, digits and hyphens",
        ),
        (
            {"schedule_name": "a b"},
            (
                "schedule_name(): 'shop--a b' is not a job id: Google allows letters, digits, hyphens and "
                "underscores, not ' '; return another name from schedule_name()"
            ),
        ),
        ({"schedule_body_payload": [1]}, "schedule_body_payload(): it returned list; return a dict or None"),
        ({"overlap": "queue"}, "overlap: 'queue' is neither 'skip' nor 'allow'"),
        ({"schedule_paused": "yes"}, "schedule_paused: 'yes' is neither True nor False"),
        (
            {"schedule_min_backoff": timedelta(hours=2)},
            "schedule_min_backoff(): the minimum backoff 2:00:00 is longer than the maximum backoff 1:00:00",
        ),
    ],
    ids=lambda value: "",
)
def test_a_faulty_task_is_one_line_and_all_others_are_applied(
    google: MemoryBackend, body: dict[str, Any], why: str
) -> None:
    declare("Bad", **body)
    declare("Good")
    output = schedule_tasks()
    assert output.lines == ["[+] Job created: shop.tasks.Good", f"[!] Job failed: shop.tasks.Bad: {why}"]
    assert output.code == 1
    assert names(google) == ["shop--shop-tasks-Good"]


def test_a_task_that_becomes_faulty_keeps_its_job(google: MemoryBackend) -> None:
    declare("One")
    declare("Two")
    schedule_tasks()
    declare("One", "every now and then")
    output = schedule_tasks()
    assert output.code == 1
    assert len(output.lines) == 1
    assert output.lines[0].startswith("[!] Job failed: shop.tasks.One: run_every: ")
    assert row("One").retired_at is None
    assert len(names(google)) == 2


def test_a_hook_that_raises_is_a_message_and_no_traceback(google: MemoryBackend) -> None:
    task = declare("One")
    task.schedule_headers = classmethod(lambda cls: 1 / 0)
    output = schedule_tasks()
    assert output.lines == [
        "[!] Job failed: shop.tasks.One: schedule_headers(): it raised ZeroDivisionError: division by zero"
    ]


def test_two_tasks_of_one_id_are_refused(google: MemoryBackend) -> None:
    declare("One", schedule_name="same")
    declare("Two", schedule_name="same")
    output = schedule_tasks()
    assert output.lines == [
        "[+] Job created: shop.tasks.One",
        (
            "[!] Job failed: shop.tasks.Two: schedule_name(): the job id shop--same is also that of shop.tasks.One; "
            "return another name from one of them"
        ),
    ]


def test_ids_that_differ_in_capitals_are_refused_alone(google: MemoryBackend) -> None:
    declare("Report")
    declare("REPORT", "0 10 * * *")
    declare("Other")
    output = schedule_tasks()
    assert output.lines == [
        "[+] Job created: shop.tasks.Other",
        "[+] Job created: shop.tasks.REPORT",
        (
            "[!] Job failed: shop.tasks.Report: schedule_name(): the job id shop--shop-tasks-Report differs only in "
            "capitals from that of shop.tasks.REPORT; return another name from one of them"
        ),
    ]


def test_tasks_that_differ_in_capitals_have_each_its_job(google: MemoryBackend) -> None:
    """With names of their own: their paths are compared letter by letter, on every database."""
    declare("Report", schedule_name="small")
    declare("REPORT", "0 10 * * *", schedule_name="large")
    schedule_tasks()
    assert (row("Report").name, row("REPORT").name) == ("shop--small", "shop--large")
    assert row("REPORT").declared_schedule == "0 10 * * *"


# --- Dry run, check, JSON --------------------------------------------------------------------------


def test_a_dry_run_prints_each_value_and_writes_nothing_anywhere(google: MemoryBackend) -> None:
    declare("One", schedule_body_payload={"region": "emea", "api_token": "hunter2"})
    declare("Gone")
    schedule_tasks()
    forget("Gone")
    declare("One", "0 10 * * *", schedule_body_payload={"region": "apac", "api_token": "hunter3"})
    declare("New")
    writes(google)
    before = list(ScheduledJob.objects.values()), JobChange.objects.count()
    output = schedule_tasks(dry_run=True)
    assert output.splitlines() == [
        "[-] Job deleted: shop.tasks.Gone",
        "[+] Job created: shop.tasks.New",
        "[~] Job updated: shop.tasks.One (schedule, payload)",
        '      schedule: "0 9 * * *" -> "0 10 * * *"',
        (
            '      payload: {"api_token": "••••••••", "region": "emea"} -> '
            '{"api_token": "•••••••• (changed)", "region": "apac"}'
        ),
        "3 jobs: 1 created, 1 updated, 1 deleted, 0 failed, 0 unchanged. Nothing was written.",
    ]
    assert output.code == 0
    assert writes(google) == []
    assert (list(ScheduledJob.objects.values()), JobChange.objects.count()) == before


def test_a_change_of_nothing_but_a_secret_is_seen_to_be_one(google: MemoryBackend) -> None:
    declare("One", schedule_body_payload={"logins": [{"password": "a", "user": "x"}, {"password": "b"}]})
    schedule_tasks()
    declare("One", schedule_body_payload={"logins": [{"password": "a", "user": "x"}, {"password": "c"}]})
    assert schedule_tasks(dry_run=True).splitlines()[1] == (
        '      payload: {"logins": [{"password": "••••••••", "user": "x"}, {"password": "••••••••"}]} -> '
        '{"logins": [{"password": "••••••••", "user": "x"}, {"password": "•••••••• (changed)"}]}'
    )


def test_a_change_that_proves_unneeded_is_counted_as_unchanged(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare("One")
    schedule_tasks()

    def between_plan_and_apply(*_: object) -> None:
        scheduling.push_jobs([row("One").pk])

    monkeypatch.setattr(ProgressBar, "begin", between_plan_and_apply)
    google.store.pause_job(full_name(row("One")))
    assert schedule_tasks() == "1 job: 0 created, 0 updated, 0 deleted, 0 failed, 1 unchanged.\n"
    google.store.pause_job(full_name(row("One")))
    found = json.loads(schedule_tasks(json=True))
    assert (found["changes"], found["unchanged"], found["mode"]) == ([], 1, "google")


def test_the_dry_run_is_what_the_apply_then_does(google: MemoryBackend) -> None:
    declare("One")
    declare("Two")
    schedule_tasks()
    forget("Two")
    declare("One", "0 10 * * *")
    declare("Three", schedule_paused=True)
    assert schedule_tasks(dry_run=True).lines == sorted(
        schedule_tasks().lines, key=lambda s: s.split(": ")[1]
    )
    assert schedule_tasks(check=True).code == 0


def test_check_exits_2_on_drift_and_0_without(google: MemoryBackend) -> None:
    declare("One")
    assert schedule_tasks(check=True).code == 2
    schedule_tasks()
    assert schedule_tasks(check=True).code == 0
    google.pause(full_name(row("One")), timeout=1)
    output = schedule_tasks(check=True)
    assert output.code == 2
    assert output.lines == ["[~] Job updated: shop.tasks.One (state)"]


def test_json_is_one_object_with_secrets_masked(google: MemoryBackend) -> None:
    declare("One", schedule_body_payload={"password": "hunter2"}, schedule_headers={"X-Key": "hunter3"})
    output = schedule_tasks(json=True)
    report = json.loads(output)
    assert report["applied"] is True
    assert [(c["kind"], c["task"], c["error"]) for c in report["changes"]] == [
        ("create", "shop.tasks.One", None)
    ]
    assert report["changes"][0]["fields"]["payload"]["desired"] == {"password": "••••••••"}
    assert "hunter" not in output


# --- Drift -----------------------------------------------------------------------------------------


def test_an_edit_in_the_console_is_replaced_and_kept(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    job = google.store.get_job(full_name(row("One")))
    job.schedule = "0 23 * * *"
    google.store.update_job(job, ["schedule", "time_zone"])
    output = schedule_tasks()
    assert output.splitlines()[:2] == [
        "[~] Job updated: shop.tasks.One (schedule)",
        '      schedule: "0 23 * * *" -> "0 9 * * *"',
    ]
    change = JobChange.objects.get(via="sync", field="schedule")
    assert (change.old, change.new) == ("0 23 * * *", "0 9 * * *")


def test_a_job_deleted_in_the_console_is_created_again(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    google.delete(full_name(row("One")), timeout=1)
    assert schedule_tasks().lines == ["[+] Job created: shop.tasks.One"]


def test_an_orphan_is_one_line_and_goes_with_yes(google: MemoryBackend) -> None:
    declare("One")
    declare("Two")
    declare("Three")
    schedule_tasks()
    forget("Two")
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        row("Two").delete()
    output = schedule_tasks()
    assert output.lines == [
        (
            "[!] Job failed: shop--shop-tasks-Two: it is an orphan: ours, but no row of this database knows it; "
            "--yes deletes it"
        )
    ]
    assert output.code == 1
    assert schedule_tasks(yes=True).lines == ["[-] Job deleted: shop--shop-tasks-Two"]
    assert names(google) == ["shop--shop-tasks-One", "shop--shop-tasks-Three"]


# --- Ownership -------------------------------------------------------------------------------------


def test_a_copy_of_the_database_changes_nothing_of_the_originals(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    writes(google)
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT="https://staging.example.com"):
        declare("One", "0 1 * * *")
        output = schedule_tasks()
        uri = "https://shop.example.com/tasks/shop.tasks.One"
        assert output.lines == [
            (
                f"[!] Job failed: shop.tasks.One: Google has a job of this id, but it points at {uri}, {ELSEWHERE}"
            )
        ]
        assert output.code == 1
        job = row("One")
        job.schedule_override = "0 2 * * *"
        job.save()
        job.refresh_from_db()
        assert job.sync_state == "failed"
        assert job.sync_error.startswith(f"Google has a job of this id, but it points at {uri}")
        job.delete()
        assert writes(google) == []


def test_adopt_moves_a_job_here(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT="https://new.example.com"):
        output = schedule_tasks(adopt=True)
        assert output.code == 0
        assert output.lines == ["[~] Job updated: shop.tasks.One (uri, oidc_audience)"]
        assert (
            google.get(full_name(row("One")), timeout=1).uri == "https://new.example.com/tasks/shop.tasks.One"
        )
        assert schedule_tasks().lines == []


def test_adopt_takes_over_a_job_made_by_hand(google: MemoryBackend) -> None:
    google.create(
        JobSpec("shop--shop-tasks-One", "0 1 * * *", "UTC", "https://else.example.com/x"), timeout=1
    )
    declare("One")
    output = schedule_tasks()
    assert output.code == 1
    assert "it was not made by scheduled_jobs; --adopt takes it over" in output
    assert schedule_tasks(adopt=True).code == 0
    assert schedule_tasks().lines == []


# --- Renames ---------------------------------------------------------------------------------------


def test_a_new_name_makes_the_new_job_before_the_old_one_goes(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    job = row("One")
    job.schedule_override = "0 3 * * *"
    job.save()
    writes(google)
    declare("One", schedule_name="renamed")
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (name)"]
    assert writes(google) == [("CreateJob", "shop--renamed"), ("DeleteJob", "shop--shop-tasks-One")]
    renamed = row("One")
    assert (renamed.pk, renamed.name, renamed.schedule_override) == (job.pk, "shop--renamed", "0 3 * * *")
    assert GoogleName.objects.exclude(gone_at=None).get().identifier == "shop--shop-tasks-One"
    assert schedule_tasks().lines == []


def test_a_new_app_name_replaces_every_job(google: MemoryBackend) -> None:
    declare("One")
    declare("Two")
    schedule_tasks()
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="store"):
        assert schedule_tasks().lines == [
            "[~] Job updated: shop.tasks.One (name)",
            "[~] Job updated: shop.tasks.Two (name)",
        ]
        assert names(google) == ["store--shop-tasks-One", "store--shop-tasks-Two"]


def test_an_operators_own_job_follows_the_new_app_name(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    own = ScheduledJob(
        name="shop--flash", task="shop.tasks.One", origin="operator", schedule_override="0 5 * * *"
    )
    own.full_clean()
    own.save()
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="store"):
        assert schedule_tasks().code == 0
        own.refresh_from_db()
        assert own.name == "store--flash"
        assert names(google) == ["store--flash", "store--shop-tasks-One"]


def test_an_operators_own_job_follows_the_first_app_name_too(google: MemoryBackend) -> None:
    declare("One")
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME=None):
        schedule_tasks()
        ScheduledJob.objects.create(
            name="flash", task="shop.tasks.One", origin="operator", schedule_override="0 5 * * *"
        )
        assert names(google) == ["flash", "shop-tasks-One"]
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="store"):
        assert schedule_tasks().code == 0
        assert names(google) == ["store--flash", "store--shop-tasks-One"]


def test_a_job_that_would_not_be_known_as_ours_is_not_created(google: MemoryBackend) -> None:
    declare("One")
    own = ScheduledJob(name="flash", task="shop.tasks.One", origin="operator", schedule_override="0 5 * * *")
    with pytest.raises(ValidationError) as refused:
        own.full_clean()
    assert refused.value.message_dict["name"] == [
        "'flash' does not begin with shop--, by which the jobs of this app are known; write shop--flash"
    ]
    own.save()
    own.refresh_from_db()
    assert own.sync_state == "failed"
    assert own.sync_error.startswith("its id does not begin with shop--")
    assert names(google) == []


def test_a_new_location_has_its_job_before_the_old_one_goes(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    writes(google)
    with override_settings(DJANGO_CLOUD_TASKS_LOCATION="us-east1"):
        assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (name)"]
        assert [method for method, _ in writes(google)] == ["CreateJob", "DeleteJob"]
        assert full_name(row("One")) == "projects/test-project/locations/us-east1/jobs/shop--shop-tasks-One"
        assert schedule_tasks().lines == []


def test_two_tasks_may_swap_their_names(google: MemoryBackend) -> None:
    declare("One", schedule_name="a")
    declare("Two", schedule_name="b")
    schedule_tasks()
    keys = row("One").pk, row("Two").pk
    declare("One", schedule_name="b")
    declare("Two", schedule_name="a")
    assert schedule_tasks().code == 0
    assert (row("One").pk, row("Two").pk) == keys
    assert (row("One").name, row("Two").name) == ("shop--b", "shop--a")
    assert names(google) == ["shop--a", "shop--b"]
    assert google.get(full_name(row("One")), timeout=1).uri.endswith("shop.tasks.One")
    assert schedule_tasks().lines == []


def test_a_swap_that_was_killed_halfway_may_be_taken_back(google: MemoryBackend) -> None:
    declare("One", schedule_name="a")
    declare("Two", schedule_name="b")
    schedule_tasks()
    seed_tasks([declare("One", schedule_name="b"), declare("Two", schedule_name="a")], retire=True)
    scheduling.push_jobs([row("Two").pk])
    declare("One", schedule_name="a")
    declare("Two", schedule_name="b")
    assert schedule_tasks().code == 0
    assert names(google) == ["shop--a", "shop--b"]
    for task in ("One", "Two"):
        assert google.get(full_name(row(task)), timeout=1).uri.endswith(f"shop.tasks.{task}")
    assert schedule_tasks().lines == []


def test_a_class_that_is_refused_keeps_its_name(google: MemoryBackend) -> None:
    for name in ("One", "Two", "Three"):
        declare(name, schedule_name=name.lower())
    schedule_tasks()
    declare("Three", schedule_name="one")
    declare("One", schedule_name="two")
    other = "return another name from one of them"
    assert schedule_tasks().lines == [
        f"[!] Job failed: shop.tasks.One: schedule_name(): the job id shop--two is also that of shop.tasks.Two; {other}",
        f"[!] Job failed: shop.tasks.Three: schedule_name(): the job id shop--one is also that of shop.tasks.One; {other}",
    ]
    assert [row(name).name for name in ("One", "Two", "Three")] == ["shop--one", "shop--two", "shop--three"]
    assert names(google) == ["shop--one", "shop--three", "shop--two"]


def test_a_name_given_back_is_not_deleted_afterwards(google: MemoryBackend) -> None:
    declare("One", schedule_name="a")
    schedule_tasks()
    declare("One", schedule_name="b")
    schedule_tasks()
    declare("One", schedule_name="a")
    assert schedule_tasks().code == 0
    assert names(google) == ["shop--a"]
    assert schedule_tasks().lines == []


def test_a_class_that_moved_keeps_its_row_by_its_name(google: MemoryBackend) -> None:
    declare("One", schedule_name="stable")
    schedule_tasks()
    pk = row("One").pk
    forget("One")
    declare("Moved", schedule_name="stable")
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.Moved (uri, headers)"]
    assert row("Moved").pk == pk


def test_a_name_of_a_retired_row_can_be_taken(google: MemoryBackend) -> None:
    declare("One", schedule_name="a")
    declare("Two", schedule_name="b")
    schedule_tasks()
    forget("One")
    schedule_tasks()
    declare("Two", schedule_name="a")
    assert schedule_tasks().code == 0
    assert names(google) == ["shop--a"]


# --- Failures --------------------------------------------------------------------------------------


def test_googles_refusal_is_one_line_and_the_rest_is_applied(google: MemoryBackend) -> None:
    declare("One")
    declare("Two")
    google.store.faults.refuse(
        "CreateJob",
        "PERMISSION_DENIED",
        "The principal lacks IAM permission iam.serviceAccounts.actAs.",
        name=google.remote_name("shop--shop-tasks-One"),
        times=99,
    )
    output = schedule_tasks()
    assert output.code == 1
    assert output.lines == [
        (
            "[!] Job failed: shop.tasks.One: The principal lacks IAM permission iam.serviceAccounts.actAs. Grant the "
            "account that makes this call roles/iam.serviceAccountUser (which holds iam.serviceAccounts.actAs) on "
            "scheduler@test-project.iam.gserviceaccount.com; see that it exists."
        ),
        "[+] Job created: shop.tasks.Two",
    ]
    assert row("One").sync_state == "failed"


def test_a_failure_is_printed_once_and_no_warning_beside_it(
    google: MemoryBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "scheduled_jobs")
    declare("One")
    google.store.faults.refuse("CreateJob", "INVALID_ARGUMENT", "Bad job.", times=2)
    assert schedule_tasks().lines == ["[!] Job failed: shop.tasks.One: Bad job"]
    said = ("scheduled_jobs", logging.INFO, "shop--shop-tasks-One was not pushed: Bad job")
    assert caplog.record_tuples == [said]
    scheduling.push_jobs([row("One").pk])
    assert caplog.record_tuples == [said, (said[0], logging.WARNING, said[2])]


def test_a_list_that_fails_is_said_without_a_traceback(google: MemoryBackend) -> None:
    declare("One")
    google.store.faults.refuse(
        "ListJobs",
        "PERMISSION_DENIED",
        "Cloud Scheduler API has not been used in project test-project before or it is disabled",
        times=9,
    )
    output = schedule_tasks()
    assert output.code == 1
    assert output.startswith(
        "CommandError: Cloud Scheduler could not be asked for its jobs: Cloud Scheduler API"
    )
    assert "gcloud services enable cloudscheduler.googleapis.com --project=test-project" in output


def test_a_create_whose_answer_was_lost_ends_as_created(google: MemoryBackend) -> None:
    declare("One")
    google.store.faults.lose_answer("CreateJob")
    assert schedule_tasks().code == 0
    assert row("One").sync_state == "synced"
    assert schedule_tasks().lines == []


def test_an_aborted_change_is_made_again(google: MemoryBackend) -> None:
    declare("One")
    google.store.faults.refuse("CreateJob", "ABORTED", "sync mutate calls cannot be queued", times=2)
    assert schedule_tasks().lines == ["[+] Job created: shop.tasks.One"]


# --- Without Google --------------------------------------------------------------------------------


@override_settings(DJANGO_CLOUD_TASKS_PUSH="off")
def test_with_pushes_off_rows_are_seeded_and_nobody_is_called(google: MemoryBackend) -> None:
    declare("One")
    output = schedule_tasks()
    assert output == "1 job seeded. Pushes are off (DJANGO_CLOUD_TASKS_PUSH): Google was not asked.\n"
    assert row("One").sync_state == "pending"
    assert google.store.faults.calls == []


@override_settings(DJANGO_CLOUD_TASKS_EAGER=True)
def test_eager_mode_runs_new_and_changed_tasks_once(google: MemoryBackend) -> None:
    ran: list[str] = []
    declare("One", run=lambda self: ran.append("One"))
    declare("Paused", run=lambda self: ran.append("Paused"), schedule_paused=True)
    output = schedule_tasks()
    assert output.lines == ["[+] Job created: shop.tasks.One"]
    assert ran == ["One"]
    assert schedule_tasks().lines == []
    declare("One", "0 1 * * *", run=lambda self: ran.append("One again"))
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One"]
    assert ran == ["One", "One again"]
    assert list(JobRun.objects.values_list("trigger", "status")) == [("eager", "succeeded")] * 2
    assert google.store.faults.calls == []


@override_settings(DJANGO_CLOUD_TASKS_EAGER=True)
def test_a_task_that_raises_in_eager_mode_is_one_line(google: MemoryBackend) -> None:
    def fail(self: object) -> None:
        raise LookupError("no stock")

    def discard(self: object) -> None:
        raise DiscardTask("nothing to do")

    declare("Bad", run=fail)
    declare("Good")
    output = schedule_tasks()
    assert output.code == 1
    assert "[!] Job failed: shop.tasks.Bad: LookupError: no stock" in output.lines
    assert "[+] Job created: shop.tasks.Good" in output.lines


def test_a_job_deleted_while_google_was_down_goes_with_the_sync(
    google: MemoryBackend,
) -> None:
    declare("One")
    schedule_tasks()
    own = ScheduledJob.objects.create(
        name="shop--own", task="shop.tasks.One", origin="operator", schedule_override="0 5 * * *"
    )
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "no", times=9)
    own.refresh_from_db()
    ask_to_delete(own, by="maria")
    assert ScheduledJob.objects.filter(pk=own.pk).exists()
    google.store.faults._planned.clear()
    assert schedule_tasks().code == 0
    assert not ScheduledJob.objects.filter(pk=own.pk).exists()
    assert names(google) == ["shop--shop-tasks-One"]
