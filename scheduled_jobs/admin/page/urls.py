"""The addresses of an admin, and what each of them answers where its view could only fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, wraps
from itertools import chain
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from scheduled_jobs.exceptions import BeingDeleted
from scheduled_jobs.models import JobRun, ScheduledJob

Pages = Iterable[tuple[str, Callable[..., HttpResponse], str]]
"""Route, view (called with the admin, the request and what the route holds) and name of each page."""


def urls_of(model_admin: ModelAdmin[Any], pages: Pages, djangos: list[URLPattern]) -> list[URLPattern]:
    """The addresses of an admin: its own pages, before those that Django gives to every model.

    Each answers 404 where a row is gone meanwhile, and 400 to a character that no text can hold.
    """
    prefix = f"{model_admin.opts.app_label}_{model_admin.opts.model_name}"
    own = [
        path(route, model_admin.admin_site.admin_view(partial(view, model_admin)), name=f"{prefix}_{name}")
        for route, view, name in pages
    ]
    found = [*own, *djangos]
    for pattern in found:
        pattern.callback = _handle_missing_objects(pattern.callback)
        # As Django does with its own: by it, it is known which of several sites is asked.
        vars(pattern.callback)["model_admin"] = model_admin
    return found


def _handle_missing_objects(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        _refuse_half_characters(request)
        try:
            return view(request, *args, **kwargs)
        except (ScheduledJob.DoesNotExist, JobRun.DoesNotExist):
            # Found at first, and deleted by somebody else before it was locked or written.
            raise Http404(_("It has just been deleted; nothing was changed.")) from None
        except BeingDeleted as error:
            raise Http404(str(error)) from None

    return answer


def _refuse_half_characters(request: HttpRequest) -> None:
    """An encoding that the request names itself may make half a surrogate pair, which nothing can hold."""
    try:
        for name, values in chain(request.GET.lists(), request.POST.lists()):
            "".join((name, *values)).encode()
    except UnicodeEncodeError:
        raise BadRequest("The request holds a character that is no character in any encoding.") from None
