"""What every test of ours may rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from coverage import Coverage
from django.core.management.commands import flush
from hypothesis import HealthCheck, settings

from scheduled_jobs import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

    from scheduled_jobs.backends.memory import MemoryBackend

# No test is timed: a busy machine must not fail what is right.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("untimed")

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_serialized_rollback", "live_server", "new_database"}
SAME_ANYWHERE = (
    "tests/admin/test_markup.py",
    "tests/admin/test_next_run.py",
    "tests/admin/test_query_counts.py",
    "tests/admin/words/",
    "tests/contrib/",
    "tests/lessons/test_schedules.py",
    "tests/sample_project/",
    "tests/services/alerts/test_wording.py",
    "tests/services/scheduling/seed/test_shape.py",
    "tests/services/scheduling/test_advice.py",
    "tests/test_operating_documentation.py",
    "tests/test_registry.py",
    "tests/test_user_documentation.py",
)
"""What is about words, clocks, classes or numbers of queries: it asks of a database what other tests ask too."""
ONE_STANDS_FOR_ALL = ("tests/admin/", "tests/test_values_past_the_forms.py")
CONSTANT = {"django_content_type", "auth_permission"}
"""Tables that hold what the migrations have put there, and that no test changes."""
LONG = (
    "tests/projects/",
    "tests/ends/",
    "tests/test_demo.py",
    "tests/admin/test_strange_requests.py",
    "tests/browser/",
    "tests/emulator/test_process.py",
    "tests/management/test_interruptions.py",
    "tests/test_values_past_the_forms.py",
)
"""Files that start other programs, and wait for them more than they work, or that take longer than most."""
UNCOUNTED = (
    "tests/admin/dashboard/test_plans.py",
    "tests/admin/job/test_overview.py",
    "tests/admin/job_list/test_view.py",
    "tests/admin/plan/test_decide.py",
    "tests/admin/test_next_run.py",
    "tests/backends/test_quota.py",
    "tests/domain/test_attempts.py",
    "tests/domain/test_payloads_storage.py",
    "tests/domain/test_schedules_english.py",
    "tests/domain/test_schedules_words.py",
    "tests/emulator/test_runner.py",
    "tests/ends/",
    "tests/lessons/",
    "tests/models/test_job_queryset.py",
    "tests/models/test_jobs.py",
    "tests/models/test_runs.py",
    "tests/projects/",
    "tests/sample_project/",
    "tests/services/execution/test_plans.py",
    "tests/services/history/stats/test_fold.py",
    "tests/services/history/test_health.py",
    "tests/services/history/test_retention.py",
    "tests/services/history/test_run_list.py",
    "tests/services/history/test_strips.py",
    "tests/services/monitoring/test_plans.py",
    "tests/services/scheduling/push/test_push.py",
    "tests/services/scheduling/sync/test_compare.py",
    "tests/services/scheduling/test_drift.py",
    "tests/services/scheduling/test_google_names.py",
    "tests/services/scheduling/test_left_behind.py",
    "tests/services/scheduling/test_masked.py",
    "tests/services/scheduling/test_seen.py",
    "tests/services/scheduling/test_settling.py",
    "tests/test_architecture.py",
    "tests/test_loop.py",
    "tests/test_operating_documentation.py",
    "tests/test_poison.py",
    "tests/test_user_documentation.py",
)
"""What takes long, and goes over lines that others cover: without all of these 96 per cent are counted still."""
LEFT_OUT = pytest.StashKey[int]()


# --- What a database can change --------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as ``database`` what another database could make fail: what uses one, and drives no browser.

    Of a test of a page that has many parameters the first stands for all: they differ in who asks, and in the
    words of the answer. A module whose parameters are other statements is marked by hand.

    In Chromium the same views and statements are at work as in the tests without it. For the same reason no
    lines are counted there, nor in what UNCOUNTED names, nor where a module says so (``uncounted``) that goes
    over the same lines a thousand times: counting makes them two to three times as slow.
    """
    seen = set()
    for item in items:
        test = item.nodeid.partition("[")[0]
        is_same = test.startswith(SAME_ANYWHERE) or (test.startswith(ONE_STANDS_FOR_ALL) and test in seen)
        seen.add(test)
        uses = item.get_closest_marker("django_db") or DATABASE_FIXTURES & set(
            getattr(item, "fixturenames", ())
        )
        is_browser = item.get_closest_marker("browser")
        if is_browser or test.startswith(UNCOUNTED):
            item.add_marker("uncounted")
        if uses and not is_browser and not is_same:
            item.add_marker("database")
    config.stash[LEFT_OUT] = sum(not item.get_closest_marker("database") for item in items)


class LongestFirst:
    """A worker that begins with one of these at the end leaves the others idle."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LongestFirst())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """Count no lines while an ``uncounted`` test runs, here and in the processes that it starts.

    Not by pytest-cov's ``no_cover``: in a worker it leaves running what coverage has begun by itself there, as
    in every process that is started, and what it stops it starts again before the teardown.
    """
    if not item.get_closest_marker("uncounted"):
        return (yield)
    stopped: list[Coverage] = []
    while (counting := Coverage.current()) is not None:
        counting.stop()
        stopped.append(counting)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        try:
            return (yield)
        finally:
            for counting in reversed(stopped):
                counting.start()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.option.markexpr == "database":
        left = config.stash.get(LEFT_OUT, 0)
        terminalreporter.write_line(
            f"{left} tests were left out: they use no database, or a browser, and `make test` has run them."
        )


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """What the migrations have put into the database stays there, instead of being made anew after each test."""

    def statements(style: Any, connection: BaseDatabaseWrapper, **options: Any) -> list[str]:
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        changed = [name for name in tables if name not in CONSTANT]
        if connection.vendor == "postgresql":
            # TRUNCATE makes the files of every table and index anew, which takes longer than most tests.
            return [f"DELETE FROM {connection.ops.quote_name(name)}" for name in changed]
        return connection.ops.sql_flush(style, changed, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "sql_flush", statements)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *args, **kwargs: None)
        yield


# --- What every test may rely on -------------------------------------------------------------------


@pytest.fixture(autouse=True)
def registered_tasks() -> Iterator[None]:
    """Task classes that a test defines are forgotten after it."""
    before = dict(registry._tasks)
    yield
    registry._tasks.clear()
    registry._tasks.update(before)


@pytest.fixture
def no_tasks() -> None:
    """The tasks of the sample project are out of the way: a test sees its own alone."""
    registry._tasks.clear()


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is made again is made again at once."""
    from scheduled_jobs.services.scheduling import client

    monkeypatch.setattr(client, "FIRST_WAIT", 0.0001)


@pytest.fixture
def google(no_backoff: None) -> Iterator[MemoryBackend]:
    """A Cloud Scheduler in memory; ``google.store.faults`` makes its calls fail and records them."""
    from scheduled_jobs.backends import use_backend
    from scheduled_jobs.backends.memory import MemoryBackend

    backend = MemoryBackend()
    with use_backend(backend):
        yield backend
