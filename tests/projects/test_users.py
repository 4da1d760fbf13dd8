"""User models of people's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.projects.walk import SETTINGS, WALK, WALKED

if TYPE_CHECKING:
    from tests.support.project import Project

USER = """
import uuid
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class People(BaseUserManager):
    def create_superuser(self, badge, password):
        return self.create(badge=badge, is_superuser=True)


class Person(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    badge = models.CharField(max_length=320, unique=True)
    is_staff = True
    USERNAME_FIELD = "badge"
    objects = People()
"""
PERSON = """
from django.core.management import call_command
call_command("makemigrations", "people", verbosity=0)
person = {"badge": "maria" + 300 * "a", "password": "x"}
"""


def test_a_user_without_names_does_all_that_users_do(project: Project) -> None:
    project.write("people/__init__.py", "")
    project.write("people/models.py", USER)
    project.add_settings(SETTINGS + 'INSTALLED_APPS += ["people"]\nAUTH_USER_MODEL = "people.Person"')
    known_as = "maria" + 249 * "a"
    assert project.run_code(PERSON + WALK).endswith(WALKED.replace("maria", known_as))
