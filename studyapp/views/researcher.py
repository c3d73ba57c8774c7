"""Who may open researcher pages: Django's staff. Everybody else sees nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.cache import cache_control

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def researcher(view: View[P]) -> View[P]:
    """Let staff in; strangers are asked to log in, and other accounts find nothing at the address.

    Pages are private and never kept: what a researcher logs out of must not come back by "back".
    """
    kept: Any = cache_control(private=True, no_cache=True)(researchers_file(view))
    return kept  # type: ignore[no-any-return]  # the decorator of Django is typed loosely


def researchers_file(view: View[P]) -> View[P]:
    """The same gate for pictures that say themselves how long a browser may keep them."""

    @wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not (request.user.is_active and request.user.is_staff):
            raise Http404
        return view(request, *args, **kwargs)

    return checked


def person(request: HttpRequest) -> User:
    """The researcher who asks; only for views behind `researcher`."""
    assert isinstance(request.user, User)
    return request.user
