"""Requests with a NUL character are answered in words: PostgreSQL has no place for one in a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict

_NUL = "\0"
_REFUSED = "The {where} of this request has a NUL character, which no text here can hold. Take it out."


class NulMiddleware:
    """No view meets a NUL: an address with one leads nowhere (404); elsewhere it is a bad request (400).

    Stands after the check of cross-site requests, so that no form is read that this check refuses.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; what is refused is refused once its view is known."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, _view: object, _arguments: object, _named: object
    ) -> HttpResponse | None:
        """The refusal, or None where the view may answer."""
        if _NUL in request.path_info:
            raise Http404("No address has a NUL character.")
        given = (
            ("query", _texts(request.GET)),
            # A quoted cookie may write it as \000; the session's is looked up.
            ("cookie", request.COOKIES.values()),
            ("form", _texts(request.POST)),
        )
        for where, texts in given:
            if any(_NUL in text for text in texts):
                return HttpResponseBadRequest(_REFUSED.format(where=where), content_type="text/plain")
        return None


def _texts(fields: QueryDict) -> Iterable[str]:
    return (text for name, values in fields.lists() for text in (name, *values))
