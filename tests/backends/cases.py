"""What every backend must do: the in-memory one, and Google's client against the emulator."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs import exceptions
from scheduled_jobs.domain.jobs import ENABLED, PAUSED, JobSpec, RetryPolicy, differences, values_of

if TYPE_CHECKING:
    from scheduled_jobs.backends import Backend

SPEC = JobSpec(
    name="shop--digest",
    schedule="0 9 * * 1-5",
    time_zone="Europe/Lisbon",
    uri="https://shop.example.com/tasks/shop.tasks.Digest",
    payload={"region": "emea", "naïve": "ü", "n": [1, 2.5, None, True]},
    description="Send the digest.",
    headers={"X-Source": "django", "X-Scheduled-Jobs": "1; app=shop"},
    oidc_service_account="scheduler@p.iam.gserviceaccount.com",
    oidc_audience="https://shop.example.com",
    attempt_deadline=timedelta(seconds=90),
    retry=RetryPolicy(3, timedelta(seconds=10), timedelta(minutes=5), timedelta(hours=1), 4),
)
SECONDS = 5.0


class BackendCases:
    """Inherit, and provide a fixture ``backend`` that has no jobs."""

    def test_a_created_job_is_as_it_was_sent(self, backend: Backend) -> None:
        created = backend.create(SPEC, timeout=SECONDS)
        assert (created.name, created.remote_name) == (SPEC.name, backend.remote_name(SPEC.name))
        assert created.state == ENABLED
        assert created.mark == "shop"
        assert created.schedule_time is not None
        for live in (created, backend.get(created.remote_name, timeout=SECONDS)):
            assert differences(values_of(SPEC), live.values) == {}

    def test_a_job_with_nothing_but_defaults_is_as_it_was_sent(self, backend: Backend) -> None:
        spec = JobSpec("plain", "* * * * *", "UTC", "https://shop.example.com")
        assert differences(values_of(spec), backend.create(spec, timeout=SECONDS).values) == {}

    def test_a_second_job_of_the_same_name_is_refused(self, backend: Backend) -> None:
        backend.create(SPEC, timeout=SECONDS)
        with pytest.raises(exceptions.AlreadyExists):
            backend.create(SPEC, timeout=SECONDS)

    def test_an_update_changes_what_the_mask_names_and_nothing_else(self, backend: Backend) -> None:
        backend.create(SPEC, timeout=SECONDS)
        changed = replace(SPEC, description="New", schedule="0 10 * * *")
        live = backend.update(changed, ["description"], timeout=SECONDS)
        assert live.values["description"] == "New"
        assert live.values["schedule"] == SPEC.schedule

    def test_an_update_keeps_a_pause(self, backend: Backend) -> None:
        name = backend.create(SPEC, timeout=SECONDS).remote_name
        assert backend.pause(name, timeout=SECONDS).state == PAUSED
        live = backend.update(replace(SPEC, description="New"), ["description"], timeout=SECONDS)
        assert (live.state, live.schedule_time) == (PAUSED, None)
        assert backend.resume(name, timeout=SECONDS).state == ENABLED

    def test_a_schedule_that_google_refuses_is_an_invalid_argument(self, backend: Backend) -> None:
        with pytest.raises(
            exceptions.InvalidArgument, match=r"The provided schedule or timezone are invalid\."
        ):
            backend.create(replace(SPEC, schedule="0 0 * * * *"), timeout=SECONDS)

    def test_a_job_that_does_not_exist_is_not_found(self, backend: Backend) -> None:
        name = backend.remote_name("nothing")
        for call in (backend.get, backend.delete, backend.pause, backend.resume, backend.run):
            with pytest.raises(exceptions.NotFound):
                call(name, timeout=SECONDS)
        with pytest.raises(exceptions.NotFound):
            backend.update(replace(SPEC, name="nothing"), ["description"], timeout=SECONDS)

    def test_a_deleted_job_is_gone(self, backend: Backend) -> None:
        name = backend.create(SPEC, timeout=SECONDS).remote_name
        backend.delete(name, timeout=SECONDS)
        assert list(backend.list(timeout=SECONDS)) == []

    def test_a_forced_run_is_accepted(self, backend: Backend) -> None:
        name = backend.create(SPEC, timeout=SECONDS).remote_name
        assert backend.run(name, timeout=SECONDS).name == SPEC.name

    def test_all_pages_are_listed(self, backend: Backend) -> None:
        wanted = {f"job-{n}" for n in range(501)}
        for name in wanted:
            backend.create(replace(SPEC, name=name), timeout=SECONDS)
        listed = list(backend.list(timeout=SECONDS))
        assert {job.name for job in listed} == wanted
        assert len(listed) == 501

    def test_an_empty_location_lists_nothing(self, backend: Backend) -> None:
        assert list(backend.list(timeout=SECONDS)) == []
