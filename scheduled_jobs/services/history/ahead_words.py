"""Why nothing runs, and what is to be known about the runs ahead, in words: a row for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _

from scheduled_jobs.domain.ahead import Notice, WhyNone

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Why(NamedTuple):
    """A reason why nothing runs."""

    short: _StrPromise
    """As it stands in a column."""
    sentence: _StrPromise


WHY_NONE: dict[WhyNone, Why] = {
    WhyNone.RETIRED: Why(
        _("not in the code"), _("No run lies ahead: the class of the job is not in the code any more.")
    ),
    WhyNone.DELETING: Why(_("is being deleted"), _("No run lies ahead: the job is being deleted.")),
    WhyNone.PAUSED: Why(_("paused"), _("No run lies ahead: the job is paused until somebody resumes it.")),
    WhyNone.PAUSED_IN_GOOGLE: Why(
        _("paused in Google"), _("No run lies ahead: the job is paused in Google, as last seen there.")
    ),
    WhyNone.DISABLED_IN_GOOGLE: Why(
        _("disabled in Google"), _("No run lies ahead: Google has disabled the job, as last seen there.")
    ),
    WhyNone.UNREADABLE: Why(
        _("the schedule cannot be read"), _("No run is known: the schedule cannot be read here.")
    ),
    WhyNone.NEVER: Why(_("no run ahead"), _("No run lies ahead: the schedule never comes again.")),
}

NOTICES: dict[Notice, _StrPromise] = {
    Notice.TOLD_BY_GOOGLE: _("The schedule cannot be read here: this is the time that Google told last."),
    Notice.ESTIMATE: _("Google counts from the end of the last run, so these times are estimates."),
    Notice.COUNTED_FROM_NOW: _(
        "Google counts from the end of the last run, which is not known here: these times are a guess."
    ),
    Notice.NOT_IN_CODE: _("The class of the job is not in the code of this process, which refuses the run."),
}
