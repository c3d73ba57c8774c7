"""Who may look into a gallery, who may decide, and what every page of it needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase

from studyapp.services.gallery.opening import gallery
from studyapp.services.gallery.scopes import Scope
from studyapp.services.refusals import Refused

View = Callable[..., HttpResponseBase]


def looking(view: View) -> View:
    """Staff who may view stimuli; strangers are asked to log in to the admin."""
    return _gated(view, "studyapp.view_stimulus", cacheable=False)


def looking_at_a_file(view: View) -> View:
    """The same gate for files that say themselves how long a browser may keep them."""
    return _gated(view, "studyapp.view_stimulus", cacheable=True)


def deciding(view: View) -> View:
    """Staff who may change stimuli."""
    return _gated(view, "studyapp.change_stimulus", cacheable=False)


def may_decide(request: HttpRequest, scope: Scope) -> bool:
    """Whether there is something to decide about, and by this person."""
    return scope.study is not None and request.user.has_perm("studyapp.change_stimulus")


def scope_or_404(kind: str, name: str) -> Scope:
    """The gallery of an address."""
    try:
        return gallery(kind, name)
    except Refused as refusal:
        raise Http404(str(refusal)) from refusal


def context(request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
    """What the admin's own frame needs, and more."""
    return {**admin.site.each_context(request), "title": title, "is_fullwidth": "1", **more}


def _gated(view: View, permission: str, *, cacheable: bool) -> View:
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(permission):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    gated: View = admin.site.admin_view(checked, cacheable=cacheable)
    return gated
