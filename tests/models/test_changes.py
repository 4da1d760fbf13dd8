"""The audit remembers people as text: its tables may lie in another database than theirs."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from scheduled_jobs.models import JobChange, attribution
from tests.support import make_job, make_task

pytestmark = pytest.mark.django_db


def test_a_user_is_remembered_by_key_and_name_also_when_gone() -> None:
    user = User.objects.create_user("maria")
    key = str(user.pk)
    with attribution(user, via="form", reason="audit"):
        JobChange.record(make_job(make_task()), {"paused": (False, True)})
    user.delete()
    change = JobChange.objects.get()
    assert (change.actor_id, change.actor_label, change.reason) == (key, "maria", "audit")


@pytest.mark.parametrize(("by", "label"), [(None, ""), ("root", "root"), (User(username="new"), "new")])
def test_who_has_no_key_is_remembered_by_name_alone(by: object, label: str) -> None:
    JobChange.record(make_job(make_task()), {"paused": (False, True)}, by=by)
    assert JobChange.objects.values_list("actor_id", "actor_label").get() == ("", label)


def test_who_is_named_outranks_the_block_around() -> None:
    with attribution(User.objects.create_user("maria"), via="form", reason="audit"):
        JobChange.record(make_job(make_task()), {"paused": (False, True)}, by="cron")
    change = JobChange.objects.get()
    assert (change.actor_id, change.actor_label, change.via) == ("", "cron", "form")


def test_no_table_of_ours_refers_to_another_apps() -> None:
    for model in apps.get_app_config("scheduled_jobs").get_models():
        others = [field.related_model for field in model._meta.fields if field.related_model is not None]
        assert {other._meta.app_label for other in others} <= {"scheduled_jobs"}
