"""What all sides of ``bench.admin_list`` and ``bench.history`` share: a Django that measures when told to."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import django
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable

LIST = "list"
"""The one screen of ``bench.admin_list``."""
BASE_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]


def database() -> dict[str, Any]:
    """SQLite in a file of its own, or the server of DATABASE_URL with a database of its own."""
    url = urlparse(os.environ.get("DATABASE_URL", ""))
    name = os.environ["BENCH_DATABASE"]
    if url.scheme.startswith("postgres"):
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path.lstrip("/"),
            "USER": url.username,
            "PASSWORD": url.password,
            "HOST": url.hostname,
            "PORT": url.port,
            "TEST": {"NAME": os.path.basename(name).replace(".", "_")},  # noqa: PTH119 – a database's name
        }
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "TEST": {"NAME": name}}


def serve(
    apps: list[str],
    seed: Callable[[], None],
    screens: Callable[[], dict[str, str]],
    headers: dict[str, str] | None = None,
    **more: Any,
) -> None:
    """Set up, fill the database, then measure a GET for each line on standard input, which names a screen."""
    settings.configure(
        SECRET_KEY="only-for-the-bench",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=[*BASE_APPS, *apps],
        ROOT_URLCONF="bench.list_urls",
        DATABASES={"default": database()},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        STATIC_URL="/static/",
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
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
        ],
        **more,
    )
    django.setup()
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        seed()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")
        client = Client(headers=headers)
        client.force_login(User.objects.create_superuser("bench", "", "bench"))
        addresses = screens()
        about = {}
        for name, address in addresses.items():
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                response = client.get(address)
            length = sum(map(len, response)) if response.streaming else len(response.content)
            about[name] = {"status": response.status_code, "queries": len(queries), "bytes": length}
        say(about)
        for line in sys.stdin:
            started, worked = time.perf_counter(), time.process_time()
            client.get(addresses[line.rstrip("\n")])
            say([time.perf_counter() - started, time.process_time() - worked])
    finally:
        connection.creation.destroy_test_db(settings.DATABASES["default"]["NAME"], verbosity=0)


def say(value: Any) -> None:
    """One line of JSON to the parent."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
