"""What stands above the run list: chips by status with their counts, and menus. All are links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Case, Q, When
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.page import FilterLink, FilterMenu
from scheduled_jobs.admin.run_list.question import ListQuestion
from scheduled_jobs.admin.words import RUN_BADGES, JobName, first_line, times, write_duration
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.run_list import MOST_OPEN

Status, Trigger = JobRun.Status, JobRun.Trigger

ORDER = (
    Status.FAILED, Status.TIMED_OUT, Status.LOST, Status.MISSED, Status.RUNNING, Status.QUEUED,
    Status.SKIPPED, Status.DISCARDED, Status.SUCCEEDED,
)  # fmt: skip
"""Of the chips: what may need somebody first."""
GROUP_TITLES = {
    "open": gettext_lazy("Queued or running"),
    "failing": gettext_lazy("Failed, timed out or lost"),
}
TRIGGERS = {
    Trigger.SCHEDULE: gettext_lazy("Schedule"),
    Trigger.MANUAL: gettext_lazy("Run now"),
    Trigger.RETRY: gettext_lazy("Rerun"),
    Trigger.BACKFILL: gettext_lazy("Backfill"),
    Trigger.EAGER: gettext_lazy("Eager"),
}
DURATIONS = tuple(timedelta(seconds=n) for n in (1, 10, 60, 600, 3600))
DELAYS = tuple(timedelta(seconds=n) for n in (10, 60, 300, 1800))
SPAN_TITLES = {
    "1h": gettext_lazy("1 h"),
    "24h": gettext_lazy("24 h"),
    "7d": gettext_lazy("7 d"),
    "30d": gettext_lazy("30 d"),
    "all": gettext_lazy("all times"),
}
MAX_JOBS = 30
"""Jobs that the menu names; of more, a part of the name is asked for."""
MAX_KEY = 60


def chips_of(question: ListQuestion, counts: Mapping[str, int] | None) -> list[FilterLink]:
    """The chips; without ``counts`` all of them. A status that no run has, has none."""
    chosen = question.given.get("status", "")
    total = "" if counts is None else intcomma(sum(counts.values()))
    chips = [FilterLink(_("All"), question.link(status=""), total, not chosen)]
    if chosen in GROUP_TITLES:
        chips.append(FilterLink(GROUP_TITLES[chosen], question.link(), is_chosen=True))
    for status in ORDER:
        count = 0 if counts is None else counts.get(status, 0)
        if counts is None or count or status == chosen:
            badge = RUN_BADGES[status]
            url = question.link(status=status)
            text = "" if counts is None else _count(status, count)
            chips.append(FilterLink(badge.word, url, text, status == chosen, badge.icon, badge.tone))
    return chips


def _count(status: str, count: int) -> str:
    is_capped = status in JobRun.OPEN and count >= MOST_OPEN
    return _("%(n)s or more") % {"n": intcomma(count)} if is_capped else intcomma(count)


def menus_of(question: ListQuestion, part: str) -> list[FilterMenu]:
    """The menus; ``part`` is a part of the names of jobs that are looked for. In one query."""
    how = [(str(trigger), str(title)) for trigger, title in TRIGGERS.items()]
    lengths = [(_seconds(length), _over(length)) for length in DURATIONS]
    return [
        _job_menu(question, part),
        _menu(question, "how", _("How"), how),
        _menu(question, "over", _("Duration"), lengths, _over),
        _further(question),
    ]


def _further(question: ListQuestion) -> FilterMenu:
    """What is asked for more seldom, and how far back: each choice takes the one of its kind off again."""
    kinds = (
        ("late", [(_seconds(length), _late(length)) for length in DELAYS]),
        ("twice", [("1", _("Delivered twice"))]),
        ("span", [(span, _("In %(span)s") % {"span": title}) for span, title in SPAN_TITLES.items()]),
    )
    choices, chosen = [], []
    for name, values in kinds:
        given = question.given.get(name, "")
        texts = dict(values)
        if given:
            chosen.append(texts.get(given) or _late(timedelta(seconds=float(given))))
        for value, text in values:
            is_chosen = value == (given or (question.span if name == "span" else ""))
            wanted = "" if value == given else value
            choices.append(FilterLink(text, question.link(**{name: wanted}), is_chosen=is_chosen))
    return FilterMenu(_("More"), choices, ", ".join(chosen))


def narrowed_by(question: ListQuestion) -> list[FilterLink]:
    """What no menu shows: a span with ends of its own, and errors that are equal."""
    found = []
    if "start" in question.given or "end" in question.given:
        start = question.start if "start" in question.given else None
        words = (
            _("%(start)s to %(end)s")
            if start is not None and question.end is not None
            else _("since %(start)s")
        )
        if start is None:
            words = _("until %(end)s")
        ends = {
            "start": start and _moment(start, question),
            "end": question.end and _moment(question.end, question),
        }
        found.append(FilterLink(words % ends, question.link(start="", end="")))
    if key := question.given.get("error"):
        found.append(
            FilterLink(
                _("Equal errors: %(key)s") % {"key": first_line(key, MAX_KEY)}, question.link(error="")
            )
        )
    return found


def span_words(question: ListQuestion) -> str:
    """The span that is counted: "24 h"."""
    return str(SPAN_TITLES[question.span]) if question.span else _("this time")


def wider_spans(question: ListQuestion) -> list[FilterLink]:
    """Where to look on, for a search that goes as far back as the span alone."""
    if question.asked.start is None or question.span not in SPAN_TITLES:
        return []
    spans = list(SPAN_TITLES)
    return [
        FilterLink(_("Look in %(span)s") % {"span": SPAN_TITLES[span]}, question.link(span=span))
        for span in spans[spans.index(question.span) + 1 :]
    ]


def _menu(
    question: ListQuestion,
    name: str,
    title: str,
    values: list[tuple[str, str]],
    say: Callable[[timedelta], str] | None = None,
) -> FilterMenu:
    given = question.given.get(name, "")
    choices = [FilterLink(_("All"), question.link(**{name: ""}), is_chosen=not given)]
    choices += [
        FilterLink(text, question.link(**{name: value}), is_chosen=value == given) for value, text in values
    ]
    chosen = dict(values).get(given, "")
    if given and not chosen and say is not None:
        chosen = say(timedelta(seconds=float(given)))
    return FilterMenu(title, choices, chosen)


def _job_menu(question: ListQuestion, part: str) -> FilterMenu:
    given = question.given.get("job", "")
    key = int(given or 0)
    found = ScheduledJob.objects.order_by(Case(When(pk=key, then=0), default=1), "task", "name")
    if part:
        found = found.filter(Q(name__icontains=part) | Q(task__icontains=part) | Q(pk=key))
    jobs = list(found.only("name", "task", "origin")[: MAX_JOBS + 1])
    names = {str(job.pk): JobName.for_job(job) for job in jobs}
    choices = [FilterLink(_("All"), question.link(job=""), is_chosen=not given)]
    choices += [
        FilterLink(name.short, question.link(job=pk), name.module.rstrip("."), pk == given)
        for pk, name in list(names.items())[:MAX_JOBS]
    ]
    chosen = names[given].short if given in names else given and f"#{given}"
    hidden = question.hidden_for_jobs if part or len(jobs) > MAX_JOBS else None
    return FilterMenu(_("Job"), choices, chosen, hidden, part)


def _over(length: timedelta) -> str:
    return _("Over %(length)s") % {"length": write_duration(length)}


def _late(length: timedelta) -> str:
    return _("Over %(length)s late") % {"length": write_duration(length)}


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():g}"


def _moment(at: datetime, question: ListQuestion) -> str:
    local = at.astimezone(times.zone_of(question.zone))
    return times.told(local, "H:i") if local.date() == question.now.date() else date_format(local, "j M H:i")
