from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import make_job, make_task
from tests.support.alerts import Failing

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.tasks import PeriodicTask


@pytest.fixture(autouse=True)
def _somebody_is_told(settings: SettingsWrapper) -> None:
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = ["ops@shop.example"]
    settings.DJANGO_CLOUD_TASKS_APP_NAME = "shop"
    settings.DJANGO_CLOUD_TASKS_ENVIRONMENT = "production"
    settings.DEFAULT_FROM_EMAIL = "noreply@shop.example"


@pytest.fixture
def failing() -> Failing:
    return Failing()


@pytest.fixture
def task(failing: Failing) -> type[PeriodicTask]:
    return make_task(failing.run, name="SyncWarehouseStock")


@pytest.fixture
def job(db: None, task: type[PeriodicTask]) -> ScheduledJob:
    return make_job(
        task,
        "shop--sync",
        declared_time_zone="Europe/Paris",
        declared_description="Pull stock levels from the three warehouses.",
    )
