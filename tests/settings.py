"""The sample project's settings, with nothing of the demo left in them.

``DATABASE_URL`` names the database of the tests; without it they run on SQLite, in memory.
"""

import os

import django

from sample_project.settings import *  # noqa: F403
from sample_project.settings import DATABASES

if os.environ.get("DATABASE_URL"):
    import dj_database_url

    DATABASES["default"] = dict(dj_database_url.parse(os.environ["DATABASE_URL"]))
    if DATABASES["default"]["ENGINE"].endswith("mysql"):
        # In place of mysqlclient, which is compiled: whoever runs the tests need not be able to.
        import pymysql

        pymysql.install_as_MySQLdb()
        DATABASES["default"]["TEST"] = {"CHARSET": "utf8mb4"}
else:
    DATABASES["default"]["NAME"] = "unused.sqlite3"

# No test may read our tables from anywhere but where they are written: in the replica there are none.
DATABASES["replica"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": "unused-replica.sqlite3"}
DATABASE_ROUTERS = ["tests.support.routers.ReadsFromReplica"]

DEBUG = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DJANGO_CLOUD_TASKS_EMULATOR_HOST = None
DJANGO_CLOUD_TASKS_BUILTIN_TASKS: list[str] = []
DJANGO_CLOUD_TASKS_PROJECT_ID = "test-project"
DJANGO_CLOUD_TASKS_LOCATION = "europe-west1"
DJANGO_CLOUD_TASKS_ENDPOINT = "https://shop.example.com"
DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT = "scheduler@test-project.iam.gserviceaccount.com"
DJANGO_CLOUD_TASKS_BACKEND = "scheduled_jobs.backends.memory.MemoryBackend"

if django.VERSION >= (6, 1):
    # Without it each mail is told to be the old way, and a warning is an error here.
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend"}}
