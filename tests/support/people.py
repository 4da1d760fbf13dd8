"""Staff with exactly the permissions that a test names, signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import Permission, User
from django.test import Client

if TYPE_CHECKING:
    from collections.abc import Iterable

LIST = "/admin/scheduled_jobs/scheduledjob/"


def staff(*verbs: str, name: str = "rui", runs: bool = True) -> User:
    """A member of staff who may do this with jobs: ``view``, ``change``, ``pause``, ``run``, ``sync`` …

    Whoever may see the jobs may see their runs too, where the test does not say otherwise.
    """
    user = User.objects.create_user(name, password="secret", is_staff=True)
    sees_runs = runs and {"view", "change"} & set(verbs)
    user.user_permissions.set(permissions([*verbs, "runs"] if sees_runs else verbs))
    return user


def permissions(verbs: Iterable[str]) -> list[Permission]:
    return list(Permission.objects.filter(codename__in=[codename(verb) for verb in verbs]))


def codename(verb: str) -> str:
    """The permission in Django's words."""
    return "view_jobrun" if verb == "runs" else f"{verb}_scheduledjob"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def superuser(name: str = "maria") -> Client:
    return signed_in(User.objects.create_superuser(name, "", "secret"))
