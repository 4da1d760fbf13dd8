"""The sample project's settings, with nothing of the demo left in them."""

from sample_project.settings import *  # noqa: F403
from sample_project.settings import DATABASES

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["NAME"] = "unused.sqlite3"

DEBUG = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DJANGO_CLOUD_TASKS_EMULATOR_HOST = None
DJANGO_CLOUD_TASKS_PROJECT_ID = "test-project"
DJANGO_CLOUD_TASKS_ENDPOINT = "https://shop.example.com"
DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT = "scheduler@test-project.iam.gserviceaccount.com"
DJANGO_CLOUD_TASKS_BACKEND = "scheduled_jobs.backends.memory.MemoryBackend"
