"""The words of alerts: plain text of 78 columns for people, and the same as fields for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs import times
from scheduled_jobs.conf import PREFIX, settings
from scheduled_jobs.models import AlertRun, JobRun, ScheduledJob
from scheduled_jobs.models.alerts import MAX_SUBJECT
from scheduled_jobs.services.alerts import links
from scheduled_jobs.services.alerts.channels import escaped
from scheduled_jobs.services.alerts.drafts import Draft, Telling, draft_of
from scheduled_jobs.services.alerts.paragraphs import numbered, prose
from scheduled_jobs.services.alerts.pieces import (
    NAMED,
    first_line_of,
    page_of,
    see_it,
    short_name,
    some_of,
    where_it_runs,
    with_query,
)

Kind, Status = AlertRun.Kind, JobRun.Status

IN_FIELDS = 50
IN_CHAT = 12_000
"""Characters: a chat cuts, or refuses, what is longer."""
MAX_LINE = 150


class Message(NamedTuple):
    """What is told."""

    kind: str
    subject: str
    text: str
    fields: dict[str, Any]


def message(tellings: Sequence[Telling], now: datetime) -> Message:
    """What is told at ``now`` (aware): one cause at length, or a line of each."""
    with translation.override(django_settings.LANGUAGE_CODE):
        if len(tellings) > 1:
            return _message(Kind.DIGEST, _digest(tellings), (one.runs[-1] for one in tellings))
        return _message(tellings[0].kind, draft_of(tellings[0], now), tellings[0].runs)


def in_short(tellings: Sequence[Telling]) -> Message:
    """What is told where the words for it fail: which runs it is about."""
    kind, runs = tellings[0].kind, [run for one in tellings for run in one.runs]
    with translation.override(django_settings.LANGUAGE_CODE):
        subject = f"{Kind(kind).label}: {some_of([short_name(run.job) for run in runs])}"
        return _message(kind, Draft(subject, [*map(page_of, runs[:NAMED])]), [])


def test_message(by: str) -> Message:
    """What a test tells, which somebody asked for."""
    with translation.override(django_settings.LANGUAGE_CODE):
        who = _("%(who)s asked for it.") % {"who": by} if by else ""
        first = _("This is a test: alerts of scheduled jobs arrive here.")
        draft = Draft(
            _("TEST: alerts arrive here"), prose(f"{first} {who}".strip()), url=links.page("dashboard")
        )
        return _message(Kind.TEST, draft, [])


def reason_of_pause(job: ScheduledJob) -> str:
    """Why a job was paused by itself, as it is kept with the pause: also those read it who may see no run."""
    text = ngettext(
        "%(n)d scheduled time failed (%(setting)s)",
        "%(n)d scheduled times in a row failed (%(setting)s)",
        job.failures_in_a_row,
    )
    setting = f"{PREFIX}AUTO_PAUSE_AFTER"
    with translation.override(django_settings.LANGUAGE_CODE):
        return text % {"n": job.failures_in_a_row, "setting": setting}


def _digest(tellings: Sequence[Telling]) -> Draft:
    counted = Counter(map(_label, tellings))
    subject = _("%(n)d causes at once: %(counts)s") % {
        "n": len(tellings),
        "counts": ", ".join(f"{n} {label}" for label, n in counted.most_common()),
    }
    first = _(
        "This is one mail for all of them, what concerns most jobs first; none of these causes is told again "
        "for %(time)s."
    ) % {"time": times.duration(settings.ALERT_COOLDOWN)}
    lines = numbered((_line(one), _place(one)) for one in tellings)
    return Draft(subject, prose(first), [lines], links.page("dashboard"), of_many=True)


def _label(telling: Telling) -> str:
    return _("OK again") if telling.kind == Kind.RECOVERED else Kind(telling.kind).label.upper()


def _line(telling: Telling) -> str:
    """What happened, to which jobs, and what was wrong."""
    names = some_of([*dict.fromkeys(short_name(run.job) for run in telling.runs)])
    is_failure = telling.kind in (Kind.FAILING, Kind.PAUSED)
    error = first_line_of(telling.runs[-1]) if is_failure else ""
    text = ": ".join(filter(None, [_label(telling), names, error]))
    # What ends in a colon is nothing without an address.
    return text[:MAX_LINE].rstrip(": ")


def _place(telling: Telling) -> str:
    run = telling.runs[-1]
    if len(telling.runs) == 1 or telling.kind == Kind.RECOVERED:
        return page_of(run)
    is_failure = telling.kind in (Kind.FAILING, Kind.PAUSED)
    query = {"error": run.error_key} if is_failure else {"status": run.status}
    return with_query(links.page("jobrun_changelist"), **query)


def _message(kind: str, draft: Draft, runs: Iterable[JobRun]) -> Message:
    subject = " ".join(f"[{where_it_runs()}] {draft.subject}".split())[:MAX_SUBJECT]
    head = [*draft.head, *see_it(draft.url, _("See them") if draft.of_many else _("See it"))]
    notes = [*draft.notes]
    if draft.says_why_sent and (recipients := settings.ALERT_RECIPIENTS):
        why = ngettext(
            "You get this because %(who)s is in %(setting)s.",
            "You get this because %(who)s are in %(setting)s.",
            len(recipients),
        )
        notes.append(why % {"who": ", ".join(recipients), "setting": f"{PREFIX}ALERT_RECIPIENTS"})
    paragraphs = [head, *draft.body, notes]
    chat = "\n".join([subject, *head, *(draft.body[0] if kind == Kind.DIGEST else [])])
    if len(chat) > IN_CHAT:
        chat = chat[:IN_CHAT].rpartition("\n")[0] + "\n…"
    fields = {
        # What is called text every chat shows, by the rules of Slack.
        "text": escaped(chat),
        "event": str(kind),
        "subject": subject,
        "app": settings.APP_NAME or "",
        "environment": settings.ENVIRONMENT or "",
        "url": draft.url,
        "runs": [_as_fields(run) for run in islice(runs, IN_FIELDS)],
    }
    return Message(
        kind, subject, "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n", fields
    )


def _as_fields(run: JobRun) -> dict[str, Any]:
    return {
        "run": run.pk,
        "job": run.job.name,
        "task": run.job.task,
        "status": run.status,
        "scheduled_for": run.scheduled_for,
        "error": first_line_of(run) if run.error else "",
        "error_key": run.error_key,
        "failures_in_a_row": run.job.failures_in_a_row,
        "url": page_of(run),
    }
