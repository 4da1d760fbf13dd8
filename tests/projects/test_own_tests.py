"""Somebody's own tests: whatever runs them, a job that is saved there reaches neither Google nor the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.project import Project

NOBODY = "127.0.0.1:1"
"""Where an emulator would be, had the developer started it."""

TESTS = """
    import json
    from base64 import urlsafe_b64encode
    from contextlib import suppress
    from datetime import timedelta
    from io import StringIO
    from unittest import mock

    import google.auth
    from django.conf import settings
    from django.core.management import CommandError, call_command
    from django.test import TestCase, TransactionTestCase, override_settings
    from urllib3.util import connection as http

    from scheduled_jobs.backends.base import WriteLimit
    from scheduled_jobs.models import JobRun, ScheduledJob
    from scheduled_jobs.services.alerts.http import NotSent, post
    from scheduled_jobs.testing import running_cloud_scheduler
    from shop.tasks import Report


    def setUpModule():
        unwanted = AssertionError("looked for credentials, or waited for a quota")
        mock.patch.object(google.auth, "default", side_effect=unwanted).start()
        mock.patch.object(WriteLimit, "place", side_effect=unwanted).start()


    class Saves(TransactionTestCase):
        def test_more_than_google_would_take_of_a_project(self):
            job = Report.schedule()
            for minute in range(12):
                job.schedule_override = f"{minute} 3 * * *"
                job.save()
            assert ScheduledJob.objects.get().sync_state == "synced"

        def test_jobs_of_one_test_are_not_in_the_way_of_another(self):
            job = Report.schedule()
            job.pause(reason="x")
            assert (job.sync_state, job.sync_error) == ("synced", ""), job.sync_error
            call_command("schedule_tasks")

        def test_what_another_test_has_made_is_gone(self):
            said = StringIO()
            call_command("schedule_tasks", stdout=said)
            assert "1 job: 1 created, 0 updated" in said.getvalue(), said.getvalue()


    class AsksNobody(TransactionTestCase):
        @override_settings(DJANGO_CLOUD_TASKS_EMULATOR_HOST=None)
        @mock.patch.object(http, "create_connection", side_effect=AssertionError("left this machine"))
        def test_neither_doctor_nor_a_webhook_nor_a_check_in_nor_a_token_leaves_this_machine(self, _):
            said = StringIO()
            job = Report.schedule()
            with suppress(SystemExit), override_settings(DEBUG=True):
                call_command("scheduled_jobs", "doctor", stdout=said)
            assert "Tests are run here: jobs are kept in memory, and nobody outside is called." in said.getvalue()
            assert "left this machine" not in said.getvalue(), said.getvalue()
            claims = {"aud": settings.DJANGO_CLOUD_TASKS_ENDPOINT, "iss": "https://accounts.google.com", "exp": 9e9,
                      "iat": 0, "email": "jobs@shop.iam.gserviceaccount.com", "email_verified": True, "sub": "1"}
            parts = [{"alg": "RS256", "kid": "a", "typ": "JWT"}, claims, {}]
            token = ".".join(urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
            answer = self.client.post("/tasks/shop.tasks.Report", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, "call nobody outside" in answer.json()["error"]) == (503, True), answer.json()
            for send in (
                lambda: post("https://hooks.example.com/T0", json={}),
                lambda: post("https://hc-ping.com/1/start"),
            ):
                with self.assertRaisesMessage(NotSent, "tests are run here, which call nobody outside"):
                    send()
            with self.assertRaisesMessage(CommandError, "dev starts servers, and tests are run here"):
                call_command("scheduled_jobs", "dev")


    class InATransaction(TestCase):
        @classmethod
        def setUpTestData(cls):
            cls.job = ScheduledJob.objects.create(
                name="own", task="shop.tasks.Report", origin="operator", schedule_override="0 4 * * *"
            )

        def setUp(self):
            self.job.pause(reason="x")

        def test_a_job_is_pushed_when_it_is_committed(self):
            with self.captureOnCommitCallbacks(execute=True) as first:
                self.job.resume()
                self.job.pause(reason="y")
            assert ScheduledJob.objects.get().sync_state == "synced"
            with self.captureOnCommitCallbacks(execute=True):
                self.job.resume()
            assert ScheduledJob.objects.get().sync_state == "synced"
            assert len({*first}) == 1, first


    class OneDay(TransactionTestCase):
        def test_calls_fail_and_the_clock_moves(self):
            scheduler = self.enterContext(running_cloud_scheduler())
            call_command("schedule_tasks")
            scheduler.faults.refuse("PauseJob", "PERMISSION_DENIED", "no")
            job = ScheduledJob.objects.get()
            job.pause(reason="x")
            assert job.sync_state == "failed", job.sync_state
            job.resume()
            assert [answer.status_code for answer in scheduler.advance(timedelta(minutes=2))] == [200, 200]
            assert JobRun.objects.filter(status="succeeded").count() == 2
"""
ABSENT = """
    import sys
    sys.modules["pytest"] = None
"""


@pytest.fixture
def tested(project: Project) -> Project:
    project.add_settings("""
        DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT = "jobs@shop.iam.gserviceaccount.com"
        DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE = 5
        DJANGO_CLOUD_TASKS_ENDPOINT = "https://shop.example.com"
    """)
    project.write("shop/tests.py", TESTS)
    return project


def test_under_django_without_pytest(tested: Project) -> None:
    tested.write("sitecustomize.py", ABSENT)
    done = tested.manage("test", "shop", DJANGO_CLOUD_TASKS_EMULATOR_HOST=NOBODY)
    assert "Ran 6 tests" in done.stderr, done.stdout + done.stderr
    assert "\nOK\n" in done.stderr, done.stdout + done.stderr


def test_under_pytest_without_a_fixture_of_ours(tested: Project) -> None:
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "shop/tests.py")
    done = tested.python(*command, DJANGO_CLOUD_TASKS_EMULATOR_HOST=NOBODY)
    assert "6 passed" in done.stdout, done.stdout


FROZEN = """
    import datetime
    from unittest import mock
    from scheduled_jobs.testing import running_cloud_scheduler

    Real = datetime.datetime

    class Meta(type):
        def __instancecheck__(cls, value):
            return isinstance(value, Real)

    class Fake(Real, metaclass=Meta):
        pass

    with mock.patch("datetime.datetime", Fake), running_cloud_scheduler():
        pass
    from scheduled_jobs.emulator.tokens import Issuer
    print(Issuer().certificates().count(b"BEGIN CERTIFICATE"))
"""


def test_a_false_clock_leaves_cryptography_as_it_was(project: Project) -> None:
    """freezegun has classes of its own in place of those of dates, and cryptography remembers the first."""
    assert project.run_code(FROZEN) == "1\n"
