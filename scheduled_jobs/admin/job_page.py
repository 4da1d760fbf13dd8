"""The job page: one sentence, the last runs, and for every field what code, people and Google say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import router, transaction
from django.http import HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin import masked
from scheduled_jobs.admin.duration_chart import LENGTHS, draw
from scheduled_jobs.admin.job_changes import lines_of
from scheduled_jobs.admin.job_facts import facts_of, lede_of
from scheduled_jobs.admin.job_forms import Editing, text_of
from scheduled_jobs.admin.job_runs import rows_of
from scheduled_jobs.admin.pages import address, find_job, label_of, render
from scheduled_jobs.admin.permissions import JobAdmin, allowed, may
from scheduled_jobs.admin.schedule_preview import COOKIE, Preview, known_zone, preview
from scheduled_jobs.admin.truths import Truths, payload_difference, who
from scheduled_jobs.admin.values import as_text, label, short_json, stamp
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import ScheduledJob, attribution
from scheduled_jobs.services.history import job_story

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse, QueryDict
    from django.urls import URLPattern

TABS = ("recent", "upcoming", "changes")
RECENT, CHANGES = 10, 50
TEMPLATE = "scheduledjob/change_form.html"
SETTINGS = ("description", "retry_count", "min_backoff", "max_backoff", "max_retry_duration",
            "max_doublings", "attempt_deadline")  # fmt: skip
COOKIE_AGE = 365 * 86_400


class JobPageMixin(JobAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        return [
            path("<path:object_id>/preview/", view, name="scheduled_jobs_scheduledjob_preview"),
            *super().get_urls(),
        ]

    # --- What is asked for ------------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 – Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the job; by POST save, preview, reset a field, or take what somebody else has set."""
        if request.method != "POST":
            return self._job_page(request, Editing(find_job(request, object_id)), extra=extra_context)
        job = find_job(request, object_id, "change")
        if job.deleting_at is not None:
            messages.error(request, _("This job is being deleted; nothing was saved."))
            return HttpResponseRedirect(request.path)
        if field := request.POST.get("_reset"):
            return self._reset_field(request, job, field)
        if field := request.POST.get("_take"):
            editing = Editing(job, request.POST).rebased(without=field)
            editing.is_valid()
            return self._job_page(request, editing, shows_edit=True)
        if "_preview" in request.POST:
            editing = Editing(job, request.POST)
            editing.is_valid()
            return self._job_page(request, editing, shows_edit=True)
        return self._save_job(request, job)

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The preview alone, for the script of the page; nothing is saved."""
        if request.method != "POST":
            raise PermissionDenied
        job = find_job(request, object_id, "change")
        now = timezone.now()
        editing = Editing(job, request.POST)
        context = {"preview": _preview(editing, _viewer_zone(request), now), "may_change": True}
        return render(self, request, "scheduledjob/_preview.html", title="", context=context)

    # --- Saving -----------------------------------------------------------------------------------

    def _save_job(self, request: HttpRequest, job: ScheduledJob) -> HttpResponse:
        using = router.db_for_write(ScheduledJob)
        with transaction.atomic(using=using):
            # Locked until it is written: of two who save at once, the second sees the first one's values.
            job = ScheduledJob.objects.using(using).select_for_update().get(pk=job.pk)
            editing = Editing(job, request.POST)
            if theirs := editing.theirs:
                return self._refuse_save(request, editing, theirs)
            if not editing.is_valid():
                return self._job_page(request, editing, shows_edit=True)
            changed = editing.changed
            if changed:
                with attribution(request.user, via="form", reason=editing.reason):
                    job.save(using=using)
                names = ", ".join(label(name).lower() for name in changed)
                self.log_change(request, job, f"{_('Set')}: {names}. {editing.reason}".strip())
        if changed:
            messages.success(
                request,
                _("Saved: %(fields)s of %(job)s.") % {"fields": names, "job": label_of(job)},
            )
        else:
            messages.info(request, _("Nothing was changed."))
        if "_continue" in request.POST or may(request.user, "view"):
            return HttpResponseRedirect(address(self, "scheduledjob_change", job.pk))
        return HttpResponseRedirect(address(self, "scheduledjob_changelist"))

    def _refuse_save(self, request: HttpRequest, editing: Editing, theirs: list[str]) -> HttpResponse:
        """Nothing is saved: both are shown, and the second person decides."""
        now = timezone.now()
        changes = job_story.changes_after(editing.job, theirs)
        mine = editing.mine
        conflicts = [
            {
                "name": name,
                "label": label(name),
                "theirs": _saved_text(editing.job, name),
                "change": changes.get(name),
                "who": who(changes[name]) if name in changes else _("somebody"),
                "at": stamp(changes[name].at, editing.job.time_zone, now) if name in changes else None,
                "mine": _typed_text(editing, name) if name in mine else "",
                "is_mine": name in mine,
            }
            for name in theirs
        ]
        again = editing.rebased()
        again.is_valid()
        return self._job_page(request, again, shows_edit=True, conflicts=conflicts)

    def _reset_field(self, request: HttpRequest, job: ScheduledJob, field: str) -> HttpResponse:
        name = field.removesuffix("_override")
        editing = Editing(job, request.POST)
        if name not in OVERRIDABLE:
            messages.error(request, _("There is no field %(field)s to reset.") % {"field": field})
            return HttpResponseRedirect(request.path)
        if name in editing.theirs:
            return self._refuse_save(request, editing, editing.theirs)
        reason = request.POST.get("reason", "").strip()[:2000]
        try:
            with attribution(request.user, via="form", reason=reason):
                job.reset(name, by=request.user, reason=reason)
        except ValueError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.path)
        text = _("%(field)s follows the code again.") % {"field": label(name)}
        self.log_change(request, job, f"{text} {reason}".strip())
        messages.success(request, text)
        if set(editing.mine) - {name}:
            # What else was typed and not saved is kept on the page.
            rest = editing.rebased(without=name)
            fresh = Editing(ScheduledJob.objects.get(pk=job.pk), rest.data)
            fresh = fresh.rebased(without=name)
            fresh.is_valid()
            return self._job_page(request, fresh, shows_edit=True)
        return HttpResponseRedirect(address(self, "scheduledjob_change", job.pk))

    # --- Showing ----------------------------------------------------------------------------------

    def _job_page(
        self,
        request: HttpRequest,
        editing: Editing,
        *,
        shows_edit: bool = False,
        conflicts: list[dict[str, Any]] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> HttpResponse:
        now = timezone.now()
        typed = editing.job
        # What was typed is on the object; what is saved is read anew where anything was.
        job = ScheduledJob.objects.get(pk=typed.pk) if editing.data is not None else typed
        rights = allowed(request)
        may_change = rights.change and job.deleting_at is None
        viewer_zone = _viewer_zone(request)
        set_by = job_story.provenance_of(job)
        truths = Truths(
            editing, set_by=set_by, since=job_story.changed_since(job, set_by), now=now, saved=job
        )
        health = job_story.health_of(job, now)
        context = {
            "job": job,
            "job_label": label_of(job),
            "may_change": may_change,
            "is_operators": job.origin == ScheduledJob.Origin.OPERATOR,
            "lede": lede_of(job, health, now),
            "editing": editing,
            "form": editing.form,
            "payload": editing.payload,
            "schedule_rows": truths.rows("schedule", "time_zone"),
            "payload_row": truths.row("payload"),
            "payload_difference": payload_difference(job),
            "parameters": [(p, truths.live_parameter(p.name)) for p in editing.payload.parameters],
            "settings_rows": truths.rows(*SETTINGS),
            "raw": masked.in_pieces(job.payload),
            "preview": _preview(editing, viewer_zone, now)
            if shows_edit
            else _saved_preview(job, viewer_zone, now),
            "conflicts": conflicts or [],
            "has_errors": bool(editing.form.errors or editing.payload.has_errors),
            "zones": sorted(
                z for z in available_timezones() if "/" in z and not z.startswith(("Etc/", "posix", "right"))
            ),
            "viewer_zone": viewer_zone,
            "drift": _drift_of(job, truths, now),
            "seen_in_google": stamp(job.live_seen_at, job.time_zone, now) if job.live_seen_at else None,
            "is_paused": job.is_paused(now),
            **self._job_addresses(job),
            **self._job_story(request, job, truths, viewer_zone, now),
            **(extra or {}),
        }
        crumbs = [(_("Jobs"), address(self, "scheduledjob_changelist"))]
        response = render(self, request, TEMPLATE, title=label_of(job), context=context, crumbs=crumbs)
        if chosen := known_zone(request.POST.get("viewer_zone")):
            response.set_cookie(COOKIE, chosen, max_age=COOKIE_AGE, samesite="Lax")
        return response

    def _job_addresses(self, job: ScheduledJob) -> dict[str, str]:
        names = ("run_now", "pause", "resume", "drift", "history", "delete", "preview")
        found = {f"{name}_url": address(self, f"scheduledjob_{name}", job.pk) for name in names}
        runs = address(self, "jobrun_changelist")
        return {
            **found,
            "runs_url": f"{runs}?job__id__exact={job.pk}",
            "list_url": address(self, "scheduledjob_changelist"),
        }

    def _job_story(
        self, request: HttpRequest, job: ScheduledJob, truths: Truths, viewer_zone: str, now: datetime
    ) -> dict[str, Any]:
        """Chart, facts and the tab that is open."""
        tab = request.GET.get("tab", "")
        tab = tab if tab in TABS else TABS[0]
        length = LENGTHS[1] if request.GET.get("last") == str(LENGTHS[1]) else LENGTHS[0]
        bars = job_story.lasted(job, length)
        chart = draw(bars, job.time_zone, now)
        facts = facts_of(job, chart, len(bars), job_story.last_success(job), len(truths.differing), now)
        story: dict[str, Any] = {
            "tab": tab,
            "tabs": [
                ("recent", _("Recent runs")), ("upcoming", _("Upcoming")), ("changes", _("Changes")),
            ],
            "lengths": LENGTHS,
            "length": length,
            "chart": chart if bars else None,
            "shown": len(bars),
            "facts": facts,
        }  # fmt: skip
        if tab == "recent":
            story["runs"] = rows_of(job, job_story.recent(job, RECENT), bars, now)
        elif tab == "changes":
            changes = job_story.changes_of(job, CHANGES + 1)
            story["changes"] = lines_of(changes[:CHANGES], job.time_zone, now)
            story["has_more_changes"] = len(changes) > CHANGES
        else:
            story["upcoming"] = _upcoming(job, viewer_zone, now)
        return story


def _viewer_zone(request: HttpRequest) -> str:
    """The viewer's zone: as chosen or found by the script, else the one of Django."""
    chosen = known_zone(request.POST.get("viewer_zone")) or known_zone(request.COOKIES.get(COOKIE))
    return chosen or known_zone(timezone.get_current_timezone_name()) or "UTC"


def _preview(editing: Editing, viewer_zone: str, now: datetime) -> Preview:
    """What is typed, against what is saved."""
    job, data = editing.job, editing.data
    schedule, zone = _typed(data, "schedule"), _typed(data, "time_zone")
    saved = ScheduledJob.objects.get(pk=job.pk) if data is not None else job
    return preview(
        schedule or saved.declared_schedule,
        zone or saved.declared_time_zone,
        now=now,
        viewer_zone=viewer_zone,
        saved=(saved.schedule, saved.time_zone),
        paused=_paused(saved, now),
    )


def _saved_preview(job: ScheduledJob, viewer_zone: str, now: datetime) -> Preview:
    return preview(
        job.schedule,
        job.time_zone,
        now=now,
        viewer_zone=viewer_zone,
        saved=(job.schedule, job.time_zone),
        paused=_paused(job, now),
    )


def _typed(data: QueryDict | None, name: str) -> str:
    return (data.get(f"{name}_override") or "").strip() if data is not None else ""


def _paused(job: ScheduledJob, now: datetime) -> str:
    if not job.is_paused(now):
        return ""
    if job.paused_until is None:
        return _("The job is paused: none of these runs before somebody resumes it.")
    return _("The job is paused until %(time)s; what is due before is skipped.") % {
        "time": stamp(job.paused_until, job.time_zone, now)["exact"]
    }


def _upcoming(job: ScheduledJob, viewer_zone: str, now: datetime) -> dict[str, Any]:
    if job.retired_at or job.deleting_at:
        return {"none": _("No run lies ahead: the job is not in the code any more, or is being deleted.")}
    if job.paused and job.paused_until is None:
        return {"none": _("No run lies ahead: the job is paused until somebody resumes it.")}
    start = max(now, job.paused_until) if job.is_paused(now) and job.paused_until else now
    found = preview(job.schedule, job.time_zone, now=start, viewer_zone=viewer_zone)
    return {"preview": found, "starts_later": start > now}


def _drift_of(job: ScheduledJob, truths: Truths, now: datetime) -> dict[str, Any] | None:
    """The line that says that Google is otherwise, or could not be told."""
    state = job.sync_state
    if state == ScheduledJob.SyncState.FAILED:
        return {
            "icon": "syncbad",
            "tone": "err",
            "text": _("Not in Google: %(why)s") % {"why": job.sync_error},
        }
    if state == ScheduledJob.SyncState.PENDING:
        text = _("What is saved here is not in Google yet.")
        return {"icon": "pending", "tone": "info", "text": f"{text} {job.sync_error}".strip()}
    if state != ScheduledJob.SyncState.DRIFTED:
        return None
    ago = stamp(job.live_seen_at, job.time_zone, now)["ago"] if job.live_seen_at else ""
    if job.live is None:
        return {
            "icon": "drift",
            "tone": "",
            "text": _("Google has no such job, as seen %(ago)s.") % {"ago": ago},
        }
    parts = [
        _("%(field)s is %(live)s there and %(wanted)s here")
        % {"field": label(name).lower(), "live": as_text(name, live), "wanted": as_text(name, wanted)}
        for name, (live, wanted) in truths.differing.items()
        if name != "payload"
    ]
    if "payload" in truths.differing:
        parts.append(_("the payload is another one there"))
    live_state = (job.live or {}).get("state")
    if live_state != job.desired_state:
        parts.append(
            _("it is %(live)s there and %(wanted)s here")
            % {"live": str(live_state).lower(), "wanted": str(job.desired_state).lower()}
        )
    text = _("Google differs, as seen %(ago)s: %(parts)s.") % {
        "ago": ago,
        "parts": "; ".join(parts) or _("the address, the headers or the account"),
    }
    return {"icon": "drift", "tone": "", "text": text}


def _saved_text(job: ScheduledJob, name: str) -> str:
    own = getattr(job, f"{name}_override")
    if own is None:
        return _("follows the code")
    return short_json(own, 200) if name == "payload" else text_of(job, name)


def _typed_text(editing: Editing, name: str) -> str:
    if name == "payload":
        touched = [p for p in editing.payload.parameters if editing._is_mine(p.html_name)]  # noqa: SLF001
        parts = [
            f"{p.name}: {p.text or (_('a new secret') if p.typed_secret else _('follows the code'))}"
            for p in touched
        ]
        return ", ".join(parts) or _("raw JSON, below")
    typed = str(editing.data.get(f"{name}_override", "")).strip() if editing.data is not None else ""
    return typed or _("follows the code")
