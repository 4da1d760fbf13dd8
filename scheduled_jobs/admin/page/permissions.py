"""Who may do what in the admin, in one place.

=========  ==========================================================================================
view       read every screen of jobs
runs       read runs: their list and pages, and on every other screen their errors, figures and links
change     set and reset overrides; run a job with another payload than the one in force
pause      pause and resume
run        run now, rerun, backfill, cancel what is still queued, mark a matter as dealt with
sync       compare with Google, push, adopt
add        add a job of one's own
delete     delete a job of one's own; the code's jobs are deleted with their class
=========  ==========================================================================================

None of them includes another, except that all but ``runs`` need ``view``: what cannot be seen cannot be
acted on. ``runs`` is Django's permission to view runs, all others are permissions of jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeAlias

from django.contrib import admin
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.translation import gettext as _

from scheduled_jobs.models import JobRun, ScheduledJob

JobAdmin: TypeAlias = "admin.ModelAdmin[ScheduledJob]"
RunAdmin: TypeAlias = "admin.ModelAdmin[JobRun]"

SAFE_METHODS = ("GET", "HEAD")
JOB = "sj_job"
"""Attribute of a request: the job that its page is about."""
VERBS = ("view", "runs", "change", "pause", "run", "sync", "add", "delete")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a user may do; templates show a control only where its attribute is true."""

    view: bool
    runs: bool
    change: bool
    pause: bool
    run: bool
    sync: bool
    add: bool
    delete: bool

    @property
    def run_with_payload(self) -> bool:
        """Whether the payload of a run may differ from the one in force or recorded."""
        return self.run and self.change

    @property
    def nothing(self) -> bool:
        """Whether the user only looks."""
        return not any(getattr(self, verb) for verb in VERBS if verb not in ("view", "runs"))


def may(user: AbstractBaseUser | AnonymousUser, verb: str) -> bool:
    """Whether a user may do this; ``verb`` is one of VERBS."""
    if verb not in VERBS:
        raise ValueError(f"{verb!r} is no permission of a job; use one of {', '.join(VERBS)}")
    if verb == "runs":
        return bool(user.has_perm("scheduled_jobs.view_jobrun"))  # type: ignore[union-attr]
    if verb == "view":
        return any(_has(user, name) for name in ("view", "change"))
    return _has(user, verb) and may(user, "view")


def admin_of(request: HttpRequest, model: type[Model]) -> admin.ModelAdmin[Any] | None:
    """The class that shows a model on the admin site that is asked: it may be a project's own."""
    site = site_of(request)
    return None if site is None else site._registry.get(model)  # noqa: SLF001 – Django's own admin does


def site_of(request: HttpRequest) -> admin.AdminSite | None:
    """The admin site that is asked, as Django marks its views; two sites may have one name."""
    view = request.resolver_match.func if request.resolver_match else None
    return getattr(getattr(view, "model_admin", view), "admin_site", None)


def permitted(request: HttpRequest, verb: str) -> bool:
    """Whether the request's user may do this, with the job of the page if it has one.

    The admin site's class of the jobs, or of the runs, is asked, which may be a project's own; a site without
    one shows none of them.
    """
    if site_of(request) is None:
        return may(request.user, verb)
    shown = admin_of(request, JobRun if verb == "runs" else ScheduledJob)
    if shown is None:
        return False
    if verb == "runs":
        return shown.has_view_permission(request)
    of_one = [vars(request).get(JOB)] if verb in ("view", "change") else []
    return bool(getattr(shown, f"has_{verb}_permission")(request, *of_one))


def _has(user: AbstractBaseUser | AnonymousUser, verb: str) -> bool:
    return bool(user.has_perm(f"scheduled_jobs.{verb}_scheduledjob"))  # type: ignore[union-attr]


def allowed(request: HttpRequest) -> Allowed:
    """What the request's user may do, for a template."""
    return Allowed(**{verb: permitted(request, verb) for verb in VERBS})


def require(request: HttpRequest, *verbs: str) -> None:
    """Raise PermissionDenied, which is answered 403, unless the user may do all of this."""
    for verb in verbs:
        if not permitted(request, verb):
            if verb == "runs":
                raise PermissionDenied(_("You may not view runs of scheduled jobs."))
            raise PermissionDenied(_("You may not %(verb)s scheduled jobs.") % {"verb": verb})


def require_safe_method(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer 405 to a POST to a page that only shows; 403 to those who may change nothing."""

    @wraps(view)
    def answer(
        model_admin: JobAdmin | RunAdmin, request: HttpRequest, *args: str, **route: str
    ) -> HttpResponse:
        if request.method in SAFE_METHODS:
            return view(model_admin, request, *args, **route)
        require(request, "runs" if model_admin.model is JobRun else "view", "change")
        return HttpResponseNotAllowed(SAFE_METHODS)

    return answer


def require_post(
    *verbs: str,
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Answer 405 to a GET of an address that only acts; 403 to those who may not do all of this."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def answer(
            model_admin: JobAdmin | RunAdmin, request: HttpRequest, *args: str, **route: str
        ) -> HttpResponse:
            require(request, "view", *verbs)
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            return view(model_admin, request, *args, **route)

        return answer

    return decorate
