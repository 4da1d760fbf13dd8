"""Why nothing runs: one question after another, of which none hides what another finds."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db import Error
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.asking import begin
from scheduled_jobs.authentication import certificates
from scheduled_jobs.backends import get_backend
from scheduled_jobs.conf import PREFIX, settings
from scheduled_jobs.domain.attempts import code_meaning
from scheduled_jobs.domain.jobs import ENABLED, TOKEN_HEADER, lies_under
from scheduled_jobs.domain.plan import Change, Desired, is_moved
from scheduled_jobs.exceptions import BackendError, CertificatesUnavailable, Misconfigured
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services import execution, scheduling
from scheduled_jobs.services.history.health import late, paused, running, unserved
from scheduled_jobs.services.history.last_attempts import told_of
from scheduled_jobs.services.monitoring import clock, process, watch
from scheduled_jobs.services.monitoring.findings import Finding, how_many, right, some, wrong
from scheduled_jobs.services.monitoring.reach import WRITABLE, Target, ask_address
from scheduled_jobs.services.scheduling import Report, drift
from scheduled_jobs.services.scheduling.faults import faults

SECONDS = 10.0
"""Most that one answer of somebody else is waited for."""
MOST_ASKED = 4_000
"""Characters of names of tasks that one question has; web servers take headers of eight thousand."""
TIMES_WITHOUT_ZONE = 25
"""The fault that USE_TZ is False, with which no time can be looked for: its number."""
HIDE_ADDRESS = {process.UNREADABLE, 2}
"""Faults with which there is no address that could be asked: their numbers."""
HIDE_GOOGLE = {*HIDE_ADDRESS, 6, 8, 9}
"""Faults with which Google cannot be asked, or would not be: their numbers."""
SYNC = "Run manage.py schedule_tasks."
MADE_ELSEWHERE = (
    "Google has the jobs of this app, and the database that is asked here has none: another made them"
)
ONE_DATABASE = "Give all processes one database (DATABASES), or run schedule_tasks with this one."
UNFETCHED = {
    "ProxyError": "Correct HTTPS_PROXY, the proxy by which they are fetched, or name their host in NO_PROXY.",
    "SSLError": "Let this machine trust who signs for that host, such as a proxy that reads TLS: "
    "REQUESTS_CA_BUNDLE names a file of authorities.",
}
"""Why certificates cannot be fetched, where that has a remedy of its own."""
FORCED_SYNC = "Run manage.py schedule_tasks --yes to delete it."


def examine() -> list[Finding]:
    """Ask all that can be asked, in half a minute or so. Raises nothing."""
    return _Examination().run()


@dataclass
class _Examination:
    """What one question has found and the next ones want to know."""

    report: Report | None = None
    """The jobs beside what Google has."""
    faults: set[int] = field(default_factory=set)
    """The numbers of those with which nothing is sent."""
    has_tables: bool = False
    has_google: bool = False
    told: set[str] = field(default_factory=set)
    """What is told already of what the web server would refuse, of ``reach.REFUSALS``."""
    has_jobs: bool = False
    unserved: dict[int, list[str]] = field(default_factory=dict)
    """Code of Google's last attempt -> jobs of which it surely did not arrive here."""

    def run(self) -> list[Finding]:
        # Waited for last: they have nothing to do with all the rest.
        self.certificates = begin(_ask_certificates)
        questions: dict[str, Callable[[], Iterable[Finding]]] = {
            "settings": self.settings,
            "tasks": process.examine_tasks,
            "database": self.database,
            "google": self.google,
            "jobs": self.jobs,
            "attempts": self.attempts,
            "address": self.address,
            "certificates": self.certificates_and_clock,
            "watch": self.watch,
            "versions": process.examine_versions,
        }
        findings: list[Finding] = []
        for topic, ask in questions.items():
            try:
                findings += ask()
            except Misconfigured:
                continue  # told with the settings, which come first
            except Exception as error:  # noqa: BLE001 – the other questions are asked all the same
                findings.append(
                    wrong(topic, f"the {topic} cannot be looked at: {type(error).__name__}: {error}")
                )
        return findings

    def settings(self) -> Iterator[Finding]:
        self.faults = {fault.number for fault in faults() if fault.holds_back}
        yield from process.examine_settings()

    def database(self) -> list[Finding]:
        found = list(process.examine_database())
        self.has_tables = all(finding.is_ok for finding in found)
        if self.has_tables:
            try:
                execution.write_nothing()
            except Error as error:
                text = f"the database {writer()!r} takes no writes: {error}"
                found.append(wrong("database", text, WRITABLE))
                self.told.add("writes")
            found += clock.examine_database_clock()
        return found

    def watch(self) -> Iterable[Finding]:
        return _watching() if self.has_tables else ()

    # --- Google -----------------------------------------------------------------------------------

    def google(self) -> Iterator[Finding]:
        """Credentials, project, location, API and the right to list, by the one call that needs them all."""
        if self.faults & HIDE_GOOGLE or settings.mode != "google":
            return
        who = _who_is_asked()
        try:
            parent, n = begin(_count_jobs)(SECONDS)
        except TimeoutError:
            text = f"{who} gave no answer within {SECONDS:.0f} seconds"
            yield wrong("google", text, "See whether this machine reaches it.")
        except BackendError as error:
            text = f"{who} could not be asked for its jobs: {error}"
            yield wrong("google", text, scheduling.next_step(error))
        else:
            self.has_google = True
            yield right("google", f"{who} answers: jobs in {parent}: {n}")
            if self.has_tables and not self.faults:
                self.report = drift.look_at_all()

    # --- The jobs ---------------------------------------------------------------------------------

    def jobs(self) -> Iterator[Finding]:
        """How the rows stand with Google, and Google's jobs with what the rows want."""
        if not self.has_tables:
            return
        rows = ScheduledJob.objects.active()
        failed = dict(rows.filter(sync_state=ScheduledJob.SyncState.FAILED).values_list("name", "sync_error"))
        if paused := list(rows.filter(paused=True).values_list("name", flat=True)):
            yield right("jobs", f"Paused here, {how_many(paused, 'job')}")
        found = [*_failures(failed), *self._differences(failed)]
        self.has_jobs = rows.exists()
        if not found and self.report is not None:
            if self.has_jobs:
                found.append(right("jobs", "Google has every job as it is wanted here"))
            elif self.report.plan.unchanged:
                found.append(wrong("jobs", MADE_ELSEWHERE, ONE_DATABASE))
        yield from found

    def _differences(self, failed: Iterable[str]) -> Iterator[Finding]:
        """What the next ``schedule_tasks`` would change; what it was refused for is told already."""
        all_changes = self.report.plan.changes if self.report is not None else ()
        changes = [change for change in all_changes if change.name not in failed]
        if absent := [change.label for change in changes if change.kind == "create"]:
            yield wrong("jobs", f"Not in Google, {how_many(absent, 'job')}", SYNC)
        differing = defaultdict(list)
        for change in changes:
            if change.kind == "update":
                differing[_kind_of(change)].append(change)
                self.told |= {of for name, of in TOKEN.items() if name in change.fields}
        for first, *more in differing.values():
            yield _difference(first, also=[change.label for change in more])
        refused = defaultdict(list)
        for change in (change for change in changes if change.kind == "refuse"):
            refused[change.why.replace(change.task or change.name, "")].append(change)
        for first, *more in refused.values():
            also = f" (so also {some([change.label for change in more])})" if more else ""
            yield wrong("jobs", f"{first.label}{also}: {first.why}")
        for change in changes:
            if change.kind not in ("create", "update", "refuse"):
                remedy = FORCED_SYNC if self.report and self.report.refusal_reason(change) else SYNC
                yield wrong(
                    "jobs", f"Google has {change.name}, which nothing here wants", remedy, stops=False
                )

    def attempts(self) -> Iterator[Finding]:
        """What Google's last attempts met, where it is sure that they did not arrive here."""
        if not self.has_tables or TIMES_WITHOUT_ZONE in self.faults:
            return
        now = datetime.now(UTC)
        # A run that is going on may be what Google tried.
        jobs = ScheduledJob.objects.active().filter(~paused(now), ~running())
        for job in jobs.filter(unserved()).order_by("name"):
            if (told := told_of(job, is_running=False)) is not None:
                self.unserved.setdefault(told.code, []).append(job.name)
        overdue = jobs.filter(late(now)).exclude(unserved()).values_list("name", flat=True)
        for code, names in self.unserved.items():
            meaning = code_meaning(code)
            text = f"Google's last attempt {meaning.told}, and did not arrive here: {some(names)}"
            yield wrong("attempts", text, meaning.remedy)
        yield from process.examine_refusals(jobs, now)
        if overdue:
            text = f"Google was to fire {some(overdue)}, and nothing has arrived here"
            yield wrong("attempts", text, "What is told of Google and of the address may say why.")
        if self.report is not None and not self.unserved and not overdue:
            yield right("attempts", "No last attempt of Google is known to have missed this app")

    # --- What is at the address -------------------------------------------------------------------

    def address(self) -> Iterator[Finding]:
        if self.faults & HIDE_ADDRESS or settings.mode != "google":
            return
        if (target := self._target()) is not None and settings.may_call(target.uri):
            found = ask_address(target, datetime.now(UTC))
            if found.refuses in self.told:
                return  # of the jobs, which have another value than this process would send
            # Of a private service Google alone knows whether it lets the account in.
            is_right = found.is_right and not (found.is_private and self.unserved)
            yield Finding("address", is_right, found.text, found.remedy, stops=not is_right)

    def _target(self) -> Target | None:
        """What Google was seen to have, of the first job that calls this app; else what it would be given."""
        if self.report is not None:
            plan, jobs = self.report.plan, self.report.listing.jobs
            known: list[Desired | Change] = [*plan.unchanged, *plan.of_kind("update")]
            # A retired row that has no job there is unchanged too, and nobody calls its task.
            known = [wanted for wanted in known if wanted.remote_name in jobs]
            for wanted in known:
                live = jobs[wanted.remote_name]
                if lies_under(live.uri, settings.ENDPOINT):
                    account = live.values["oidc_service_account"]
                    return Target(
                        live.uri, wanted.task, live.values["oidc_audience"], account,
                        job=live.name if self.has_jobs else "", tasks=_some_of({one.task for one in known}),
                    )  # fmt: skip
        task = next(iter(registry.tasks()), None)
        if task is None or self.faults:
            return None
        path = registry.dotted_path(task)
        uri = scheduling.task_url(path)
        account = (settings.OIDC_SERVICE_ACCOUNT or "") if registry.uses_oidc(task) else ""
        return Target(uri, path, settings.OIDC_AUDIENCE or "", account)

    # --- Certificates and clock -------------------------------------------------------------------

    def certificates_and_clock(self) -> Iterator[Finding]:
        if self.faults & HIDE_GOOGLE or settings.mode != "google" or settings.is_isolated:
            return
        if settings.EMULATOR_HOST and not self.has_google:
            return  # one cause, one message: an emulator that does not answer serves no certificates either
        url = settings.OIDC_CERTS_URL
        remedy = f"Let this machine reach them, or correct {PREFIX}OIDC_CERTS_URL."
        try:
            server_time, at, took = self.certificates(SECONDS)
        except TimeoutError:
            text = f"the certificates at {url} cannot be fetched: no answer within {SECONDS:.0f} seconds"
            yield wrong("certificates", text, remedy)
        except CertificatesUnavailable as error:
            known = (advice for reason, advice in UNFETCHED.items() if str(error).endswith(f": {reason}"))
            yield wrong("certificates", str(error), next(known, remedy))
        else:
            yield right("certificates", f"the certificates at {url} can be fetched")
            if server_time is not None:
                yield clock.beside_certificates(at - server_time, took)


def _some_of(tasks: Iterable[str]) -> list[str]:
    """As many as a header has room for."""
    names = sorted(tasks)
    lengths = accumulate(map(len, names))
    return [name for name, length in zip(names, lengths, strict=True) if length <= MOST_ASKED]


def _who_is_asked() -> str:
    if settings.is_isolated:
        return "the Cloud Scheduler of the tests"
    if settings.EMULATOR_HOST:
        return f"the emulator at {settings.EMULATOR_HOST}"
    return "Cloud Scheduler" if settings.calls_google else f"the backend {settings.BACKEND}"


def _count_jobs() -> tuple[str, int]:
    backend = get_backend()
    return backend.parent, sum(1 for _ in backend.list(timeout=min(settings.RPC_TIMEOUT, SECONDS)))


def _ask_certificates() -> tuple[datetime | None, datetime, timedelta]:
    """The time by their server's clock, by ours, and how long the answer took."""
    begun = time.monotonic()
    server_time = certificates.ask(settings.OIDC_CERTS_URL or "")
    return server_time, datetime.now(UTC), timedelta(seconds=time.monotonic() - begun)


def _failures(failed: dict[str, str]) -> Iterator[Finding]:
    by_reason = defaultdict(list)
    for name, reason in failed.items():
        by_reason[reason].append(name)
    for reason, names in by_reason.items():
        text = f"the last push of {some(names)} failed: {reason}"
        yield wrong("jobs", text, "When that is fixed, run manage.py schedule_tasks.")


OF_EACH_JOB = ("name", "uri", "headers")
ONE_KEY = (
    "Give all processes that push one SECRET_KEY; if it was changed on purpose, run manage.py schedule_tasks."
)
MOVED = (
    f"Correct {PREFIX}PROJECT_ID, LOCATION or APP_NAME if this process has the wrong one; else run "
    "manage.py schedule_tasks, which moves the job."
)
TOKEN = {"oidc_audience": "audience", "oidc_service_account": "account"}


def _kind_of(change: Change) -> str:
    """Equal for differences of one cause: what names the job itself is another with each."""
    return repr({name: "" if name in OF_EACH_JOB else both for name, both in change.fields.items()})


def _difference(change: Change, also: Collection[str]) -> Finding:
    finding = _one_difference(change)
    return replace(finding, text=f"{finding.text}; so also {some(also)}") if also else finding


def _one_difference(change: Change) -> Finding:
    fields: Any = change.fields
    remedy = "Run manage.py schedule_tasks, or decide on the admin's page that compares with Google."
    if "state" in fields:
        live, wanted = fields["state"]
        text = f"{change.label} is {live} in Google, and {wanted} here"
        return wrong("jobs", text, remedy, stops=live != ENABLED)
    if "name" in fields:
        live, wanted = fields["name"]
        text = f"{change.label} is {live} in Google, and by the settings {wanted}"
        if is_moved(change):
            places = [name.rpartition("/jobs/")[0] for name in (live, wanted)]
            text = f"{change.label} is in {places[0]} in Google, and by the settings in {places[1]}"
        return wrong("jobs", text, MOVED)
    if "uri" in fields:
        live, wanted = fields["uri"]
        return wrong(
            "jobs", f"{change.label}: Google calls {live}, and by the settings it is {wanted}", remedy
        )
    for name, called in TOKEN.items():
        if name in fields:
            live, wanted = (value or "none" for value in fields[name])
            text = f"{change.label}: the {called} of Google's token is {live}, and by the settings {wanted}"
            remedy = (
                f"Run manage.py schedule_tasks, with one value of {PREFIX}{name.upper()} in all processes."
            )
            return wrong("jobs", text, remedy)
    if [*fields] == ["headers"] and _differ_in_token_alone(*fields["headers"]):
        text = (
            f"the header {TOKEN_HEADER} of {change.label} in Google was made with another SECRET_KEY: "
            "without an OIDC token, and on a private Cloud Run service, it lets no call in"
        )
        return wrong("jobs", text, ONE_KEY, stops=False)
    text = f"{change.label} differs in Google: {', '.join(fields)}"
    return wrong("jobs", text, remedy, stops="http_method" in fields)  # which the view answers 405


def _differ_in_token_alone(live: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    names = {name.lower() for name, _ in {*live.items()} ^ {*wanted.items()}}
    return names == {TOKEN_HEADER.lower()}


def _watching() -> Iterator[Finding]:
    """Google tells of no run that does not come, so that somebody has to look."""
    now, at = timezone.now(), watch.last_step()
    if at is not None and watch.is_watched(now):
        yield right("watch", f"Somebody watches for runs that do not come, last {at:%Y-%m-%d %H:%M:%S} UTC")
        return
    since = "" if at is None else f" since {at:%Y-%m-%d %H:%M} UTC"
    line = watch.line_to_add()
    remedy = f"{watch.WATCH_JOBS} is named: run schedule_tasks, and see on its page why it does not run."
    if line:
        remedy = f"Set {line} and run schedule_tasks; or let a timer run manage.py scheduled_jobs watch."
    text = f"Nobody watches{since}: a run that does not come is told to nobody"
    yield wrong("watch", text, remedy, stops=False)
