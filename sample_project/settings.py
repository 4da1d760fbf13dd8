"""Settings of the sample project: those of ``make demo``. The tests start from them too."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent
DEMO_DIR = Path(os.environ.get("DEMO_DIR") or BASE_DIR / ".demo")

SECRET_KEY = "sample-project-only-never-in-production"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "sample_project.urls"
WSGI_APPLICATION = "sample_project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "scheduled_jobs",
    "sample_project.shop",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# One writer at a time: a write waits for its turn instead of failing at once.
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DEMO_DIR / "db.sqlite3",
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
}

# What the shop says of its runs stands on their pages; nothing of it is printed.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"nowhere": {"class": "logging.NullHandler"}},
    "loggers": {"sample_project": {"level": "INFO", "handlers": ["nowhere"]}},
}

# The demo writes down the ports it was given, so that manage.py finds the same emulator.
_ports_file = DEMO_DIR / "ports.json"
_ports = json.loads(_ports_file.read_text()) if _ports_file.exists() else {}
PORT = int(os.environ.get("PORT") or _ports.get("web", 8000))
EMULATOR_PORT = int(os.environ.get("EMULATOR_PORT") or _ports.get("emulator", 8085))

# As those of `scheduled_jobs dev`, which the demo runs: other commands find the same jobs.
DJANGO_CLOUD_TASKS_APP_NAME = "shop"
# A run that does not come is noticed, and said on the first page.
DJANGO_CLOUD_TASKS_BUILTIN_TASKS = ["scheduled_jobs.builtin.WatchJobs"]
DJANGO_CLOUD_TASKS_ENDPOINT = f"http://127.0.0.1:{PORT}"
DJANGO_CLOUD_TASKS_EMULATOR_HOST = f"127.0.0.1:{EMULATOR_PORT}"
