"""Messages on their way: by mail and to servers on loopback that take them, refuse them, or never answer."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connections

from scheduled_jobs.models import Alert, AlertRun, JobRun, ScheduledJob
from scheduled_jobs.services import alerts
from scheduled_jobs.services.alerts import channels, judging, sending
from tests.support import SLOT, make_run, with_several_writers
from tests.support.alerts import AFTER, deliver_slot, hook, nobody_listens, send_mails_by, wait_for

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


class Broken(BaseEmailBackend):
    """A backend that quotes a password in what it raises."""

    def send_messages(self, messages: Any) -> int:
        raise OSError("535 login of mailer:h4nsel refused")


class Slow(BaseEmailBackend):
    """A backend that takes a mail when it may."""

    may_send = threading.Event()
    sent = 0

    def send_messages(self, messages: Any) -> int:
        Slow.may_send.wait(30)
        Slow.sent += 1
        return 1


def told() -> dict[str, str]:
    """Whom the only message was told, and what was wrong there."""
    alert = Alert.objects.get()
    assert all((one["sent_at"] is None) == bool(one["error"]) for one in alert.channels)
    return {alerts.in_words(one): one["error"] for one in alert.channels}


def test_a_webhook_is_sent_what_slack_shows_and_fields_of_ours(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper
) -> None:
    with hook() as chat:
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address]
        deliver_slot(job, task)
        alerts.send_owed(AFTER)
    run = JobRun.objects.get()
    url = f"https://shop.example.com/admin/scheduled_jobs/jobrun/{run.pk}/"
    (body,) = chat.bodies
    lines = body.pop("text").splitlines()
    assert (lines[0], lines[-1]) == ("[shop production] FAILING: SyncWarehouseStock", f"See it: {url}")
    assert body == {
        "event": "failing",
        "subject": "[shop production] FAILING: SyncWarehouseStock",
        "app": "shop",
        "environment": "production",
        "url": url,
        "runs": [
            {
                "run": run.pk,
                "job": "shop--sync",
                "task": "shop.reports.SyncWarehouseStock",
                "status": "failed",
                "scheduled_for": "2026-11-23T09:00:00Z",
                "error": "KeyError: 'PT-LIS-2'",
                "error_key": run.error_key,
                "failures_in_a_row": 1,
                "url": url,
            }
        ],
    }
    assert told() == {"ops@shop.example": "", "webhook at 127.0.0.1": ""}


def test_no_chat_is_given_a_command_by_an_error(
    job: ScheduledJob, task: type[PeriodicTask], failing: Any, settings: SettingsWrapper
) -> None:
    failing.error = ValueError("<!channel> & <https://evil.example|here>")
    with hook() as chat:
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address]
        deliver_slot(job, task)
        alerts.send_owed(AFTER)
    assert "ValueError: &lt;!channel&gt; &amp; &lt;https://evil.example|here&gt;" in chat.bodies[0]["text"]


def test_what_fails_or_hangs_holds_up_no_other(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever they do, the others have it; and the address, which is a secret, is told nowhere."""
    with ExitStack() as stack:
        kinds = [500, 302, "redirect", "hang", "drip", 200]
        chats = [stack.enter_context(hook(kind)) for kind in kinds]
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address for chat in chats] + [
            nobody_listens(),
            "ftp://chat.example/T0S3CR3T",
        ]
        deliver_slot(job, task)
        begin = time.monotonic()
        alerts.send_owed(AFTER, seconds=1.5)
        # Of a busy machine too: each of them alone would hang for longer.
        assert time.monotonic() - begin < 20
        assert [len(chat.got) for chat in chats] == [1] * len(chats)
    assert len(mail.outbox) == 1
    errors = [one["error"] for one in Alert.objects.get().channels]
    assert errors == [
        "",
        "it answered 500",
        "it answered 302, a redirect, which is not followed",
        "it answered 302, a redirect, which is not followed",
        "there was no answer within 5 s",
        "there was no answer within 5 s",
        "",
        "it could not be reached: ConnectionError",
        "it is no http or https address",
    ]
    kept = str(Alert.objects.values_list().get())
    assert "T0S3CR3T" not in kept + caplog.text


def test_what_failed_is_tried_again_and_nothing_twice(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper
) -> None:
    with hook(503) as chat:
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address]
        deliver_slot(job, task)
        alerts.send_owed(AFTER)
        alerts.send_owed(AFTER + MINUTE - timedelta(seconds=1))
        assert len(chat.got) == 1
        chat.answer = 200
        alerts.send_owed(AFTER + MINUTE)
        alerts.send_owed(AFTER + 60 * MINUTE)
        assert (len(chat.got), len(mail.outbox)) == (2, 1)
    alert = Alert.objects.get()
    assert (alert.tries, alert.next_try_at) == (2, None)
    assert [(one["tries"], one["error"]) for one in alert.channels] == [(1, ""), (2, "")]


@pytest.mark.django_db(transaction=True)
def test_who_took_it_late_is_not_sent_it_again(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper
) -> None:
    """A server of mail that takes longer than anybody waits would send the same mail eight times."""
    send_mails_by(settings, f"{__name__}.Slow")
    Slow.may_send.clear()
    deliver_slot(job, task)
    alerts.send_owed(AFTER, seconds=0.1)
    [channel] = Alert.objects.get().channels
    assert (channel["sent_at"], channel["error"]) == (None, "there was no answer within 5 s")

    Slow.may_send.set()
    wait_for(lambda: Alert.objects.get().next_try_at is None)
    alerts.send_owed(AFTER + 60 * MINUTE)
    [channel] = Alert.objects.get().channels
    assert (channel["sent_at"], channel["error"], Slow.sent) == (AFTER.isoformat(), "", 1)


def test_what_never_gets_there_is_given_up(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    send_mails_by(settings, f"{__name__}.Broken")
    deliver_slot(job, task)
    now, tries = AFTER, 0
    while True:
        alerts.send_owed(now)
        alert = Alert.objects.get()
        tries += 1
        if alert.next_try_at is None:
            break
        now = alert.next_try_at
    assert (tries, now - AFTER) == (8, timedelta(minutes=1 + 5 + 15 + 60 + 180 + 360 + 720))
    assert told() == {"ops@shop.example": "it could not be sent: OSError"}
    line = f"Alert {alert.pk} was not sent to ops@shop.example: it could not be sent: OSError; it is not tried again"
    assert caplog.messages[-1] == line
    assert "h4nsel" not in caplog.text


def test_a_webhook_that_was_removed_is_not_called(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper
) -> None:
    with hook(500) as chat:
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address]
        deliver_slot(job, task)
        alerts.send_owed(AFTER)
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = []
        alerts.send_owed(AFTER + MINUTE)
        assert len(chat.got) == 1
    assert told()["webhook at 127.0.0.1"] == "it is no longer in DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS"


def test_mails_go_to_whom_the_settings_name_by_now(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper
) -> None:
    """An address that was wrong is mended for what waits too, and who was taken out hears no more."""
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = ["opps@shop.example"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channels, "EmailMessage", None)
        deliver_slot(job, task)
        alerts.send_owed(AFTER)
    assert told() == {"opps@shop.example": "it could not be sent: TypeError"}
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = []
    alerts.send_owed(AFTER + MINUTE)
    assert told() == {"opps@shop.example": "nobody is in DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS any more"}
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = ["ops@shop.example"]
    alerts.send_owed(AFTER + 6 * MINUTE)
    assert ([message.to for message in mail.outbox], told()) == (
        [["ops@shop.example"]],
        {"ops@shop.example": ""},
    )


def test_a_channel_that_hangs_holds_few_threads(
    settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a server of mail that is given no timeout each would hang for ever."""
    monkeypatch.setattr(sending, "SECONDS", 0.05)
    monkeypatch.setattr(sending, "_rooms", defaultdict(lambda: threading.BoundedSemaphore(2)))
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = []
    with hook("hang") as chat:
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address]
        errors = [one["error"] for _ in range(3) for one in alerts.send_test()]
        assert errors == ["there was no answer within 0.05 s"] * 2 + ["earlier messages to it still hang"]
        chat.stop.set()


def test_what_a_dead_process_had_claimed_is_sent_by_the_next(
    job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: whether it was sent, only the dead one knew."""

    class Killed(BaseException):
        pass

    def kill(*args: Any) -> None:
        raise Killed

    deliver_slot(job, task)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(sending, "_try", kill)
        alerts.send_owed(AFTER)
    alerts.send_owed(AFTER + MINUTE - timedelta(seconds=1))
    assert mail.outbox == []
    alerts.send_owed(AFTER + MINUTE)
    assert len(mail.outbox) == 1


def test_mails_are_told_apart_from_those_of_people(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    deliver_slot(job, task)
    alerts.send_owed(AFTER)
    (message,) = mail.outbox
    assert (message.from_email, message.to) == ("Scheduled jobs <noreply@shop.example>", ["ops@shop.example"])
    assert message.extra_headers == {"Auto-Submitted": "auto-generated"}


def test_what_was_told_is_deleted_with_the_history(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    deliver_slot(job, task)
    alerts.send_owed(AFTER)
    Alert.objects.update(created_at=AFTER)
    AlertRun.objects.update(created_at=AFTER)
    # A job that runs once in a quarter is told to be well again by what was told of it then.
    assert alerts.prune_alerts(AFTER + MINUTE) == 0
    ScheduledJob.objects.update(failures_in_a_row=0, failing_since=None)
    assert alerts.prune_alerts(AFTER) == 0
    assert alerts.prune_alerts(AFTER + MINUTE) == 1
    assert not AlertRun.objects.exists()


@with_several_writers
@pytest.mark.django_db(transaction=True)
def test_of_processes_that_send_at_once_one_does(
    job: ScheduledJob, task: type[PeriodicTask], settings: SettingsWrapper
) -> None:
    lost = [
        make_run(job, JobRun.Status.LOST, started_at=SLOT + n * MINUTE, error_key="lost") for n in range(20)
    ]
    for run in lost:
        alerts.owe_end(run, is_recovery=False)
    begin = threading.Barrier(4)

    def send() -> None:
        begin.wait(30)
        try:
            alerts.send_owed(AFTER + 20 * MINUTE)
        finally:
            connections.close_all()

    with hook() as chat:
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address]
        senders = [threading.Thread(target=send) for _ in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert [message.subject for message in mail.outbox] == ["[shop production] LOST: 20 runs, since 10:00"]
    assert len(chat.got) == 1


@with_several_writers
@pytest.mark.django_db(transaction=True)
def test_of_processes_that_have_seen_one_message_one_sends_it(
    job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver_slot(job, task)
    assert judging.judge_owed(AFTER)
    claim, have_seen = sending._claim, threading.Barrier(4)

    def claim_together(*args: Any) -> bool:
        have_seen.wait(30)
        return claim(*args)

    def send() -> None:
        try:
            alerts.send_owed(AFTER)
        finally:
            connections.close_all()

    monkeypatch.setattr(sending, "_claim", claim_together)
    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(mail.outbox) == 1
    assert (Alert.objects.get().tries, Alert.objects.get().next_try_at) == (1, None)
