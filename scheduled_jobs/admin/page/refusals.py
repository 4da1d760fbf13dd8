"""What every address of the desk answers where a view could only fail."""

from __future__ import annotations

from functools import wraps
from itertools import chain
from typing import TYPE_CHECKING

from django.core.exceptions import BadRequest
from django.http import Http404
from django.utils.translation import gettext as _

from scheduled_jobs.exceptions import BeingDeleted
from scheduled_jobs.models import JobRun, ScheduledJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern


def refusing(patterns: Iterable[URLPattern]) -> list[URLPattern]:
    """The patterns, with views that answer 400 to what is no text, and 404 for what is gone meanwhile."""
    found = list(patterns)
    for pattern in found:
        pattern.callback = _refusing(pattern.callback)
    return found


def _refusing(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
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
