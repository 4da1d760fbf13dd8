"""Runs: the list, the page of one, and what a person may ask for from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import router, transaction
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduled_jobs.admin.actions.ask import AskForm, told
from scheduled_jobs.admin.page.permissions import allowed, may, require
from scheduled_jobs.admin.page.reading import only_read
from scheduled_jobs.admin.page.refusals import refusing
from scheduled_jobs.admin.page.render import TEMPLATES, address, pushes_are_off, render
from scheduled_jobs.admin.run.view import RunPage, build, title_of, tools
from scheduled_jobs.admin.run_list.changelist import RunListMixin
from scheduled_jobs.admin.words import masked
from scheduled_jobs.admin.words.names import label_of
from scheduled_jobs.admin.words.run_times import dated
from scheduled_jobs.domain.jobs import same_json
from scheduled_jobs.exceptions import InvalidPayload, RunRefused
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob, attribution
from scheduled_jobs.services import execution, scheduling
from scheduled_jobs.services.execution.requests import OWES_ITS_SLOT
from scheduled_jobs.services.history.run_story import story_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

POLL = 3
"""Seconds between two looks at a run that goes on, while its page is seen."""


@admin.register(JobRun)
class JobRunAdmin(RunListMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Runs are read. What changes them is a request of its own, by POST."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "view")

    def has_view_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:  # noqa: ARG002
        return may(request.user, "view")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 – Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: JobRun | None = None) -> bool:  # noqa: ARG002
        return False

    def get_urls(self) -> list[URLPattern]:
        pages = {
            "live": self.live_view,
            "rerun": self.rerun_view,
            "cancel": self.cancel_view,
            "settle": self.settle_view,
        }
        own = [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"scheduled_jobs_jobrun_{name}",
            )
            for name, view in pages.items()
        ]
        return refusing([*own, *super().get_urls()])

    def _find(self, request: HttpRequest, object_id: str, *verbs: str) -> JobRun:
        require(request, "view", *verbs)
        try:
            return JobRun.objects.select_related("job").get(pk=unquote(object_id))
        except (JobRun.DoesNotExist, ValueError, OverflowError) as error:
            raise Http404(_("There is no such run; old runs are pruned.")) from error

    # --- Reading ------------------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 – Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of a run. Nothing is written by looking at it."""
        run = self._find(request, object_id)
        if refused := only_read(request):
            return refused
        return render(
            self, request, "jobrun/run.html", title=title_of(run), crumbs=self._crumbs(),
            context={**self._context(request, run), "crumb": str(run.pk), **(extra_context or {})},
        )  # fmt: skip

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What Django's own log knows of a run."""
        self._find(request, object_id)
        return only_read(request) or super().history_view(request, object_id, extra_context)

    def live_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The parts of the page that change while the run goes on, as HTML."""
        run = self._find(request, object_id)
        if refused := only_read(request):
            return refused
        context = {**self._context(request, run), "now": timezone.now(), "allowed": allowed(request)}
        return TemplateResponse(request, f"{TEMPLATES}/jobrun/_live.html", context)

    def _context(self, request: HttpRequest, run: JobRun) -> dict[str, Any]:
        page: RunPage = build(story_of(run), timezone.now())
        return {
            "page": page,
            "run": run,
            "job": run.job,
            "job_label": label_of(run.job),
            "job_url": address(self, "scheduledjob_change", run.job_id),
            "runs_url": f"{address(self, 'jobrun_changelist')}?job__id__exact={run.job_id}",
            "live_url": address(self, "jobrun_live", run.pk),
            "rerun_url": address(self, "jobrun_rerun", run.pk),
            "cancel_url": address(self, "jobrun_cancel", run.pk),
            "settle_url": address(self, "jobrun_settle", run.pk),
            "tools": tools(run, allowed(request)),
            "poll": POLL,
        }

    def _crumbs(self) -> list[tuple[str, str]]:
        return [(_("Runs"), address(self, "jobrun_changelist"))]

    # --- Asking -------------------------------------------------------------------------------

    def rerun_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the same again, with the recorded payload or, for those who may, another."""
        wants_changes = "changes" in request.GET
        run = self._find(request, object_id, "run", *(["change"] if wants_changes else []))
        job = run.job
        recorded = job.payload if run.payload is None else run.payload
        obstacle = _why_not_again(run)
        if request.method == "POST" and not obstacle:
            using = router.db_for_write(JobRun)
            with transaction.atomic(using=using):
                # Locked until it is asked for: a form that is sent twice at once finds the first one's run.
                JobRun.objects.using(using).select_for_update().get(pk=run.pk)
                form = _ask_form(request, run, recorded, wants_changes=wants_changes)
                if again := self._ask_again(request, run, form):
                    return HttpResponseRedirect(address(self, "jobrun_change", again.pk))
        else:
            form = _ask_form(request, run, recorded, wants_changes=wants_changes)
        if form.errors.get("seen"):
            form = form.shown_again()
        context = {
            "form": form,
            "run": run,
            "job": job,
            "job_label": label_of(job),
            "back_url": address(self, "jobrun_change", run.pk),
            "payload": masked.in_pieces(recorded),
            "differs": not same_json(recorded, job.payload),
            "follows": _what_follows(run),
            "obstacle": obstacle,
            "wants_changes": wants_changes,
        }
        title = _("Rerun with changes") if wants_changes else _("Rerun")
        crumbs = [*self._crumbs(), (str(run.pk), address(self, "jobrun_change", run.pk))]
        return render(self, request, "jobrun/rerun.html", title=title, context=context, crumbs=crumbs)

    def _ask_again(self, request: HttpRequest, run: JobRun, form: AskForm) -> JobRun | None:
        if not form.is_valid():
            return None
        reason = form.cleaned_data["reason"]
        try:
            with attribution(request.user, via="form", reason=reason):
                again = execution.rerun(run, payload=form.chosen, by=request.user, reason=reason)
        except InvalidPayload as error:
            form.add_error(None, told(error))
            return None
        except RunRefused as error:
            form.add_error(None, str(error))
            return None
        text = _("Rerun of #%(run)s as #%(again)s. %(reason)s")
        self._log(request, run.job, text % {"run": run.pk, "again": again.pk, "reason": reason})
        return again

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take back a run that has not begun."""
        run = self._find(request, object_id, "run")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        with attribution(request.user, via="form"):
            cancelled = execution.cancel(run, by=request.user)
        if cancelled:
            self._log(request, run.job, _("Cancelled run #%(run)s.") % {"run": run.pk})
            messages.success(
                request, _("Run #%(run)s is cancelled; it will not be executed.") % {"run": run.pk}
            )
        else:
            messages.warning(
                request, _("Run #%(run)s could not be cancelled: it has begun, or is over.") % {"run": run.pk}
            )
        return HttpResponseRedirect(address(self, "jobrun_change", run.pk))

    def settle_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask Google again for a run that was not delivered, or give it up where that was done already."""
        run = self._find(request, object_id, "run")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        before = (run.status, run.sent)
        scheduling.settle(run.job_id)
        run.refresh_from_db(fields=["status", "sent"])
        name = {"run": run.pk}
        if (run.status, run.sent) == before:
            text = _(
                "Run #%(run)s still waits: Google could not be asked, or was asked a few minutes ago at most."
            )
            messages.warning(request, text % name)
        else:
            with attribution(request.user, via="form"):
                JobChange.record(run.job, {"run": (run.pk, run.status)})
            given_up = before[0] == JobRun.Status.QUEUED and run.status == JobRun.Status.LOST
            text = _("Gave up run #%(run)s.") if given_up else _("Asked Google again for run #%(run)s.")
            self._log(request, run.job, text % name)
        return HttpResponseRedirect(address(self, "jobrun_change", run.pk))

    def _log(self, request: HttpRequest, job: ScheduledJob, text: str) -> None:
        """Django's own log speaks of the job: its history is where people look."""
        model_admin = self.admin_site._registry.get(ScheduledJob)  # noqa: SLF001 – Django's own admin does
        if model_admin is not None:
            model_admin.log_change(request, job, text)


def _ask_form(request: HttpRequest, run: JobRun, recorded: dict[str, Any], *, wants_changes: bool) -> AskForm:
    return AskForm(
        request.POST if request.method == "POST" else None,
        job=run.job,
        payload=recorded,
        newest=run.reruns.order_by("-pk").first(),
        may_change=wants_changes,
        needs_reason=wants_changes,
    )


def _why_not_again(run: JobRun) -> str:
    if not run.is_over:
        return _("Run #%(run)s is %(status)s; wait until it is over.") % {
            "run": run.pk,
            "status": run.get_status_display(),
        }
    if run.job.deleting_at is not None or run.job.retired_at is not None:
        return _("This job is retired: Google has no job to run any more.")
    return pushes_are_off()


def _what_follows(run: JobRun) -> list[tuple[str, str]]:
    """Icons and sentences: what will happen, and what will not."""
    found = []
    if run.scheduled_for is not None and run.status in OWES_ITS_SLOT:
        text = _("It is the next attempt at the slot %(slot)s, unless another attempt has settled it by now.")
        found.append(("retry", text % {"slot": dated(run.scheduled_for, run.job.time_zone)}))
    else:
        found.append(("play", _("It is a run of its own: no slot is settled by it, and none is repeated.")))
    found.append(("ok", _("Executed at most once, and skipped if another run of this job is going on then.")))
    found.append(("sched", _("The schedule stays as it is.")))
    return found
