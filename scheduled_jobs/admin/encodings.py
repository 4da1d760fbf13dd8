"""What a request says of its own encoding may make texts that no page can show and no database can hold."""

from __future__ import annotations

from functools import wraps
from itertools import chain
from typing import TYPE_CHECKING

from django.core.exceptions import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern


def readable(patterns: Iterable[URLPattern]) -> list[URLPattern]:
    """The patterns, with views that answer 400 to half a surrogate pair, be it in a name or in a value."""
    found = list(patterns)
    for pattern in found:
        pattern.callback = _refusing(pattern.callback)
    return found


def _refusing(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def refusing(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        sent = chain(request.GET.lists(), request.POST.lists())
        try:
            for name, values in sent:
                "".join((name, *values)).encode()
        except UnicodeEncodeError:
            raise BadRequest("The request holds a character that is no character in any encoding.") from None
        return view(request, *args, **kwargs)

    return refusing
