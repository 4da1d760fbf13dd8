"""The plan and the comparison of one job: what they show, what each decision does, and who may."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import override_settings
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.admin.plan.blocks import block_of_change
from scheduled_jobs.domain.plan import Change
from scheduled_jobs.models import JobChange, ScheduledJob
from scheduled_jobs.services.scheduling import ask_to_delete, drift, push_jobs, seed_tasks
from tests.support import full_name, make_job, make_task
from tests.support.console import edit_in_console, live_values
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import text_of
from tests.support.people import signed_in, staff, superuser
from tests.support.plan_page import chosen, decide, drift_url, synced_job

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

PLAN = "/admin/scheduled_jobs/scheduledjob/plan/"


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    return synced_job(google)


def decisions(html: str) -> dict[str, list[str]]:
    """Key of each block -> the options that it offers."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r'type="radio" name="d_([^"]+)" id="[^"]+" value="(\w+)"', html):
        found.setdefault(key, []).append(value)
    return found


def writes(google: MemoryBackend) -> list[str]:
    return [c.method for c in google.store.faults.calls if c.method not in ("GetJob", "ListJobs")]


# --- Looking ----------------------------------------------------------------------------------------


def test_nothing_to_change_is_said(job: ScheduledJob) -> None:
    text = text_of(superuser().get(PLAN).content.decode())
    assert "Nothing would change in Google. 1 is the same on both sides." in text


def test_the_plan_says_what_a_sync_would_do_and_does_nothing(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    declare("Two")
    declare("Gone")
    schedule_tasks("shop.tasks.Gone")
    registry._tasks.pop("shop.tasks.Gone")
    seed_tasks(list(registry.tasks()), retire=True)
    ScheduledJob.objects.filter(task="shop.tasks.Two").delete()
    google.store.faults.calls.clear()
    text = text_of(superuser().get(PLAN).content.decode())
    assert "Google would change in 3 jobs: 1 created , 1 updated , 1 deleted ." in text
    assert "shop.tasks. One changed in Google first seen now Field" in text
    assert "retry count 5 → 3 code default" in text
    assert "shop.tasks. Two to create" in text
    assert "shop.tasks. Gone to delete class gone, still in Google" in text
    assert writes(google) == []
    assert (row("One").retry_count, row("One").sync_state) == (3, "drifted")


def test_a_plan_says_since_when_a_row_has_said_so_itself(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    drift.record(drift.look(job.pk))
    client = superuser()
    assert "shop.tasks. One changed in Google first seen now Field" in text_of(
        client.get(PLAN).content.decode()
    )
    google.store.faults.refuse("UpdateJob", "PERMISSION_DENIED", name=full_name(job), times=2)
    job.description_override = "Of ours"
    job.save()
    assert "could not be sent edited now Field" in text_of(client.get(PLAN).content.decode())


def test_secrets_are_masked_on_both_sides(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "http_target", http_target__body=b'{"limit": 1, "api_token": "swordfish"}')
    for url in (PLAN, drift_url(job)):
        html = superuser(name=url[-6:]).get(url).content.decode()
        assert "geheim" not in html
        assert "swordfish" not in html
        assert html.count("••••••••") >= 2


def test_what_a_comparison_has_seen_is_recorded(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    client = superuser()
    for url in (PLAN, drift_url(job)):
        for looked in (client.get, lambda url: client.post(url, {"_look": "1"})):
            ScheduledJob.objects.update(sync_state="synced")
            assert looked(url).status_code == 200
            assert row("One").sync_state == "drifted"
    assert writes(google) == ["UpdateJob"]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "PERMISSION_DENIED"])
def test_google_that_cannot_be_asked_is_said_with_its_reason(
    google: MemoryBackend, job: ScheduledJob, code: str
) -> None:
    client = superuser()
    for method, url in (("ListJobs", PLAN), ("GetJob", drift_url(job))):
        google.store.faults.refuse(method, code, "no route to the service", times=9)
        answer = client.get(url)
        assert answer.status_code == 503
        assert "Google could not be asked no route to the service" in text_of(answer.content.decode())


def test_looking_again_carries_out_no_preselected_choice(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    client = superuser()
    html = client.get(drift_url(job)).content.decode()
    data = dict(re.findall(r'name="(s_[^"]+)" value="([^"]+)"', html))
    data |= {f"d_{key}": value for key, value in chosen(html).items()}
    assert len(data) == 2
    google.store.faults.calls.clear()
    assert client.post(drift_url(job), {**data, "_look": "1"}).status_code == 200
    assert writes(google) == []
    assert row("One").sync_state == "drifted"


def test_the_three_truths_stand_beside_one_another(google: MemoryBackend, job: ScheduledJob) -> None:
    job.retry_count_override = 1
    job.save()
    edit_in_console(google, job, "retry_config", "description", retry_config__retry_count=5, description="x")
    text = text_of(superuser().get(drift_url(job)).content.decode())
    assert "Field Code default Override In Google now" in text
    assert "retry count 3 1 override, " in text
    assert "description (empty) follows the code x" in text


def test_a_job_that_is_the_same_on_both_sides_says_so(job: ScheduledJob) -> None:
    html = superuser().get(drift_url(job)).content.decode()
    assert "shop.tasks.One is the same in Google as here." in text_of(html)
    assert decisions(html) == {}


def test_a_job_of_another_app_is_not_compared(google: MemoryBackend, job: ScheduledJob) -> None:
    message = google.store.get_job(full_name(job))
    del message.http_target.headers["X-Scheduled-Jobs"]
    google.store.update_job(message, ["http_target"])
    html = superuser().get(drift_url(job)).content.decode()
    assert "Google has a job of this id, but it was not made by scheduled_jobs" in text_of(html)
    assert decisions(html) == {}
    plan = text_of(superuser("ana").get(PLAN).content.decode())
    assert "1 refused" in plan
    assert "cannot be sent" in plan


# --- What is offered and suggested ------------------------------------------------------------------


def test_a_plain_drift_suggests_to_push(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    html = superuser().get(PLAN).content.decode()
    assert list(decisions(html).values()) == [["push", "adopt", "leave"]]
    assert list(chosen(html).values()) == ["push"]


def test_a_push_that_would_undo_a_decision_is_not_suggested(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.pause_job(full_name(job))
    html = superuser().get(PLAN).content.decode()
    assert list(decisions(html).values()) == [["push", "adopt", "leave"]]
    assert list(chosen(html).values()) == ["leave"]
    google.store.resume_job(full_name(job))
    job.retry_count_override = 1
    job.save()
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    assert list(chosen(superuser("ana").get(PLAN).content.decode()).values()) == ["leave"]


def test_an_edit_that_was_not_pushed_can_only_be_pushed_again(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    google.store.faults.refuse("UpdateJob", "PERMISSION_DENIED", "not allowed", times=1)
    job.retry_count_override = 1
    job.save()
    html = superuser().get(PLAN).content.decode()
    assert list(decisions(html).values()) == [["push", "leave"]]
    assert "could not be sent" in text_of(html)
    said = text_of(html)
    assert "Send ours again Last answer: not allowed" in said
    assert "Leave for now Decide later; the next schedule_tasks tries again." in said


def test_who_may_only_sync_is_not_offered_to_adopt(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    client = signed_in(staff("view", "sync"))
    for url, key in ((PLAN, "one"), (drift_url(job), f"_{job.pk}")):
        assert list(decisions(client.get(url).content.decode()).values()) == [["push", "leave"]]
        assert decide(client, url, **{key: "adopt"}).status_code == 403
    assert row("One").retry_count_override is None


def test_who_may_pause_but_not_change_adopts_a_pause_alone(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.pause_job(full_name(job))
    client = signed_in(staff("view", "sync", "pause"))
    decide(client, PLAN, one="adopt", reason="migration")
    assert (row("One").paused, row("One").pause_reason, row("One").paused_by) == (True, "migration", "rui")


@pytest.mark.parametrize(
    "verbs", [("view",), ("view", "change"), ("view", "pause"), ("view", "run"), ("sync",)]
)
def test_only_who_may_sync_looks_and_decides(
    google: MemoryBackend, job: ScheduledJob, verbs: tuple[str, ...]
) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    google.store.faults.calls.clear()
    client = signed_in(staff(*verbs))
    for url in (PLAN, drift_url(job)):
        assert client.get(url).status_code == 403
        assert client.post(url, {"d_shop--shop-tasks-One": "push", "_look": "1"}).status_code == 403
    assert google.store.faults.calls == []


# --- Deciding ---------------------------------------------------------------------------------------


def test_a_push_from_the_plan_is_made_and_attributed(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    answer = decide(signed_in(staff("view", "sync")), PLAN, "nobody asked", one="push")
    assert answer["Location"] == PLAN
    assert live_values(google, job)["retry_count"] == 3
    change = JobChange.objects.latest("pk")
    assert (change.field, change.old, change.new, change.actor_label, change.reason) == (
        "retry_count", 5, 3, "rui", "nobody asked",
    )  # fmt: skip
    assert LogEntry.objects.get().change_message == "Send to Google asked for. nobody asked"


def test_adopting_from_the_job_leads_back_to_it(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "schedule", "time_zone", schedule="0 3 * * 6")
    answer = decide(superuser(), drift_url(job), "Saturday was right", **{f"_{job.pk}": "adopt"})
    assert answer["Location"] == f"/admin/scheduled_jobs/scheduledjob/{job.pk}/change/"
    assert (row("One").schedule_override, row("One").sync_state) == ("0 3 * * 6", "synced")
    change = JobChange.objects.get(field="schedule")
    assert (change.via, change.actor_label, change.reason) == ("adopt", "maria", "Saturday was right")


def test_leaving_decides_nothing(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    google.store.faults.calls.clear()
    answer = decide(superuser(), PLAN, one="leave")
    assert "Nothing was decided: everything is left for now." in answer.content.decode()
    assert writes(google) == []


def test_adopting_a_state_brings_a_new_default_under_an_override(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    job.schedule_override = "0 10 * * *"
    job.save()
    google.store.pause_job(full_name(job))
    declare("One", "0 11 * * *")
    assert decide(superuser(), PLAN, "the bank migrates", one="adopt").status_code == 302
    job = row("One")
    assert (job.declared_schedule, job.schedule, job.paused) == ("0 11 * * *", "0 10 * * *", True)
    assert google.get(full_name(job), timeout=1).state == "PAUSED"


def test_what_google_took_back_meanwhile_is_not_adopted(
    google: MemoryBackend, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.store.pause_job(full_name(job))
    look = drift.look

    def taken_back_first(pk: int) -> drift.Look:
        google.store.resume_job(full_name(job))
        return look(pk)

    monkeypatch.setattr(drift, "look", taken_back_first)
    answer = decide(superuser(), PLAN, "the bank migrates", one="adopt")
    assert "It is not as it was when you decided: it has changed meanwhile." in answer.content.decode()
    assert not row("One").paused


def test_what_has_changed_since_it_was_shown_is_left_and_said(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    client = superuser()
    html = client.get(PLAN).content.decode()
    [(key, token)] = re.findall(r'name="s_([^"]+)" value="([^"]+)"', html)
    edit_in_console(google, job, "retry_config", retry_config__retry_count=4)
    answer = client.post(PLAN, {f"s_{key}": token, f"d_{key}": "adopt"})
    assert "it has changed meanwhile. Nothing was done; look again." in answer.content.decode()
    assert row("One").retry_count_override is None
    answer = client.post(drift_url(job), {f"s_{job.pk}": token, f"d_{job.pk}": "push"})
    assert "it has changed meanwhile. Nothing was done; look again." in answer.content.decode()
    assert live_values(google, job)["retry_count"] == 4


def test_a_pause_without_a_reason_is_not_adopted_and_says_why(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    google.store.pause_job(full_name(job))
    for url, key in ((PLAN, "one"), (drift_url(job), f"_{job.pk}")):
        answer = decide(superuser(name=url[-6:]), url, **{key: "adopt"})
        assert "A pause needs a reason: say why the job is paused." in answer.content.decode()
    assert row("One").paused is False


def test_a_refusal_of_googles_is_shown_beside_the_job(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    client = superuser()
    html = client.get(PLAN).content.decode()
    google.store.faults.refuse("GetJob", "PERMISSION_DENIED", "not allowed to look", times=1)
    [(key, token)] = re.findall(r'name="s_([^"]+)" value="([^"]+)"', html)
    answer = client.post(PLAN, {f"s_{key}": token, f"d_{key}": "push"})
    assert "not allowed to look" in answer.content.decode()


def test_a_job_deleted_in_google_is_created_again(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.delete_job(full_name(job))
    client = superuser()
    text = text_of(client.get(PLAN).content.decode())
    assert "shop.tasks. One to create again deleted in Google" in text
    assert "job no such job → 0 9 * * * At 09:00, every day, UTC" in text
    assert "to create again" in text_of(client.get(drift_url(job)).content.decode())
    decide(client, PLAN, one="push")
    assert live_values(google, job)["schedule"] == "0 9 * * *"


def test_a_new_class_and_a_changed_default_are_pushed(google: MemoryBackend, job: ScheduledJob) -> None:
    declare("Two")
    declare(
        "One", "0 10 * * *", schedule_retries=3, schedule_body_payload={"limit": 500, "api_token": "geheim"}
    )
    client = superuser()
    text = text_of(client.get(PLAN).content.decode())
    assert "1 created , 1 updated ." in text
    assert "One to update" in text
    decide(client, PLAN, one="push", two="push")
    assert live_values(google, job)["schedule"] == "0 10 * * *"
    assert live_values(google, row("Two"))["schedule"] == "0 9 * * *"
    assert "Nothing would change in Google." in client.get(PLAN).content.decode()


def test_a_retired_job_is_deleted_and_one_not_yet_explained(google: MemoryBackend, job: ScheduledJob) -> None:
    declare("Two")
    schedule_tasks()
    registry._tasks.pop("shop.tasks.One")
    client = superuser()
    html = client.get(PLAN).content.decode()
    assert "Run schedule_tasks to retire it" in html
    assert decisions(html) == {}
    seed_tasks(list(registry.tasks()), retire=True)
    assert "class gone, still in Google" in client.get(drift_url(job)).content.decode()
    decide(client, PLAN, one="delete")
    assert [name.rpartition("-")[2] for name in names(google)] == ["Two"]
    assert "retired" in client.get(drift_url(job)).content.decode()


def test_what_a_deleted_row_has_left_in_google_is_explained(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "not allowed", times=1)
    registry._tasks.pop("shop.tasks.One")
    job.delete()
    html = superuser().get(PLAN).content.decode()
    assert "Its job was deleted here. The next schedule_tasks deletes it in Google." in html
    assert decisions(html) == {}


def test_an_own_job_that_is_being_deleted_is_not_called_retired(google: MemoryBackend) -> None:
    task = make_task()
    job = make_job(task, "shop--own", origin="operator", schedule_override="5 * * * *")
    push_jobs([job.pk])
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "not allowed", times=1)
    ask_to_delete(ScheduledJob.objects.get(pk=job.pk))
    text = text_of(superuser().get(drift_url(job)).content.decode())
    assert "own to delete being deleted, still in Google" in text
    assert "deleted, and its row with it" in text
    assert "Delete in Google Nothing runs any more. It cannot be taken back." in text


def names(google: MemoryBackend) -> list[str]:
    return [message.name for message in google.store.list_jobs(google.parent, 500, "")[0]]


def test_an_orphan_is_deleted_when_a_person_says_so(google: MemoryBackend, job: ScheduledJob) -> None:
    declare("Two")
    schedule_tasks()
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        row("Two").delete()
    registry._tasks.pop("shop.tasks.Two")
    client = superuser()
    html = client.get(PLAN).content.decode()
    assert list(chosen(html).values()) == ["leave"]
    assert "belongs to no job here" in html
    decide(client, PLAN, two="delete", reason="left behind")
    assert len(names(google)) == 1


@override_settings(DJANGO_CLOUD_TASKS_PUSH="off")
def test_pushes_that_are_off_are_said_and_nothing_is_done(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    google.store.faults.calls.clear()
    client = superuser()
    html = client.get(PLAN).content.decode()
    assert "Pushes are off" in html
    assert 'value="Apply the decisions"' not in html
    assert decide(client, PLAN, one="push").status_code == 302
    assert "Pushes are off" in decide(client, drift_url(job), **{f"_{job.pk}": "push"}).content.decode()
    assert writes(google) == []


def test_a_faulty_class_is_named(google: MemoryBackend, job: ScheduledJob) -> None:
    declare("Bad", "nonsense")
    assert "shop.tasks.Bad" in superuser().get(PLAN).content.decode()


@pytest.mark.parametrize("n", [2, 12])
def test_the_number_of_queries_does_not_grow(
    google: MemoryBackend, n: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(n):
        declare(f"Job{number}")
    schedule_tasks()
    for number in range(n):
        edit_in_console(google, row(f"Job{number}"), "description", description="other")
    client = superuser()
    client.get(PLAN)
    # On a server one more than on SQLite, which has no rows to lock.
    with django_assert_max_num_queries(26):
        client.get(PLAN)


def test_what_cannot_be_adopted_is_pushed_all_the_same_and_said(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    edit_in_console(
        google, job, "http_target", "retry_config",
        http_target__uri="https://shop.example.com/tasks/other", retry_config__retry_count=5,
    )  # fmt: skip
    client = superuser()
    html = client.get(PLAN).content.decode()
    assert list(decisions(html).values()) == [["push", "adopt", "leave"]]
    assert "Sent all the same: address." in text_of(html)
    assert (
        "address https://shop.example.com/tasks/other → https://shop.example.com/tasks/shop.tasks.One code only"
        in (text_of(html))
    )
    decide(client, PLAN, one="adopt")
    assert row("One").retry_count_override == 5
    assert live_values(google, job)["uri"] == "https://shop.example.com/tasks/shop.tasks.One"


def test_headers_are_told_apart_and_never_shown(google: MemoryBackend, job: ScheduledJob) -> None:
    message = google.store.get_job(full_name(job))
    message.http_target.headers["X-Api"] = "swordfish"
    google.store.update_job(message, ["http_target"])
    html = superuser().get(PLAN).content.decode()
    assert "digest" in html
    assert "swordfish" not in html


def test_durations_are_shown_in_words(google: MemoryBackend, job: ScheduledJob) -> None:
    message = google.store.get_job(full_name(job))
    message.attempt_deadline.FromSeconds(600)
    google.store.update_job(message, ["attempt_deadline"])
    assert "attempt deadline 10 min → 3 min code default" in text_of(superuser().get(PLAN).content.decode())


def test_a_new_name_is_one_change_of_the_job_id(job: ScheduledJob) -> None:
    now = timezone.now()
    change = Change(
        "update", task=job.task, name="shop--renamed", remote_name="projects/p/locations/l/jobs/shop--renamed",
        pk=job.pk, fields={"name": ("shop--shop-tasks-One", "shop--renamed")},
    )  # fmt: skip
    block = block_of_change(change, job, now, {})
    assert [(row["label"], row["live"].text, row["wanted"].text) for row in block.differences] == [
        ("job id", "shop--shop-tasks-One", "shop--renamed")
    ]
    assert ([option.value for option in block.options], block.chosen) == (["push", "leave"], "push")


def test_a_paused_job_that_is_gone_is_created_paused(google: MemoryBackend, job: ScheduledJob) -> None:
    job.pause(reason="migration")
    google.store.delete_job(full_name(job))
    text = text_of(superuser().get(drift_url(job)).content.decode())
    assert "Send ours Google gets the job, paused." in text


def test_a_job_resumed_in_google_can_be_resumed_here(google: MemoryBackend, job: ScheduledJob) -> None:
    job.pause(reason="migration", by="ana")
    google.store.resume_job(full_name(job))
    client = superuser()
    text = text_of(client.get(PLAN).content.decode())
    assert "state enabled → paused paused by ana" in text
    assert "The job is resumed here too." in text
    decide(client, PLAN, one="adopt")
    assert row("One").paused is False


def test_a_retired_job_that_google_has_not_is_said_to_be_so(google: MemoryBackend, job: ScheduledJob) -> None:
    declare("Two")
    registry._tasks.pop("shop.tasks.One")
    schedule_tasks("--yes")
    html = superuser().get(drift_url(job)).content.decode()
    assert "retired" in html
    assert decisions(html) == {}


def test_the_schedule_of_an_operators_own_job_has_no_default(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    own = ScheduledJob(
        name="shop--own", task="shop.tasks.One", origin="operator", schedule_override="0 5 * * *"
    )
    own.save()
    own.refresh_from_db()
    edit_in_console(google, own, "schedule", "time_zone", schedule="0 6 * * *")
    text = text_of(superuser().get(drift_url(own)).content.decode())
    assert "own is not the same in Google as here." in text
    assert "schedule none 0 5 * * * override, " in text


def test_a_plan_that_deletes_most_jobs_says_that_it_is_held_back(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    registry._tasks.clear()
    seed_tasks([], retire=True)
    assert "More than half of the jobs would be deleted" in superuser().get(PLAN).content.decode()


def test_more_jobs_than_fit_are_counted(
    google: MemoryBackend, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduled_jobs.admin.plan.view.MAX_BLOCKS", 1)
    declare("Two")
    declare("Three")
    text = text_of(superuser().get(PLAN).content.decode())
    assert "Google would change in 2 jobs" in text
    assert "1 more is not shown; decide about these first, or run schedule_tasks." in text


def test_a_decision_that_is_none_changes_nothing(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    client = superuser()
    for url, key in ((PLAN, "one"), (drift_url(job), f"_{job.pk}")):
        assert decide(client, url, **{key: "nonsense"}).status_code == 200
    assert decide(client, drift_url(job), **{f"_{job.pk}": "leave"}).status_code == 302
    assert live_values(google, job)["retry_count"] == 5


def test_who_may_change_but_not_pause_does_not_adopt_a_pause(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    google.store.pause_job(full_name(job))
    client = signed_in(staff("view", "sync", "change"))
    assert list(decisions(client.get(PLAN).content.decode()).values()) == [["push", "leave"]]
    decide(client, PLAN, one="adopt", reason="x")
    assert row("One").paused is False


def test_a_live_schedule_that_cannot_be_read_says_so(google: MemoryBackend, job: ScheduledJob) -> None:
    """Google takes ``*/60 * * * *``; what it means there is not known here."""
    entry = google.store._entry(full_name(job))
    entry.job.schedule = "*/60 * * * *"
    soon = timezone.now() + timedelta(minutes=40)
    entry.job.schedule_time.FromDatetime(soon)
    client = superuser()
    assert "*/60 * * * * cannot be read here" in text_of(client.get(PLAN).content.decode())
    said = text_of(client.get(f"/admin/scheduled_jobs/scheduledjob/{job.pk}/change/").content.decode())
    assert "No run lies ahead" not in said
    assert f"First run: {soon:%a} {soon.day} {soon:%b %H:%M}, in " in said
    assert "The schedule cannot be read here: this is the time that Google told last." in said
