"""The pages of the gallery: which there are, the grid of one, one image of it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from studyapp.admin.gallery.asked import Addresses
from studyapp.admin.gallery.curves import path_curve
from studyapp.admin.gallery.gate import context, looking, may_decide, scope_or_404
from studyapp.models import Mode
from studyapp.services.adversarial.words import picture_words
from studyapp.services.gallery.decisions import reviews_of
from studyapp.services.gallery.filters import MODES, REVIEWS, SORTS, GalleryFilter, read_filter
from studyapp.services.gallery.images import GalleryImage, described, explanations_beside, gallery_images
from studyapp.services.gallery.listing import PAGE, neighbours, window
from studyapp.services.gallery.opening import galleries
from studyapp.services.gallery.scopes import Scope
from studyapp.services.gallery.strips import CLEAN_PANELS, PANELS, SIDE, strip_source, strip_width


@require_safe
@looking
def index(request: HttpRequest) -> HttpResponse:
    """Every gallery: studies first, then what no study shows yet."""
    return render(request, "admin/gallery/index.html", context(request, "Galleries", found=galleries()))


@require_safe
@looking
def gallery_page(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """A page of the grid, or with `?one=KEY` one image."""
    scope = scope_or_404(kind, name)
    asked = read_filter(request.GET)
    more = shared(request, scope, asked.wanted) | {"problems": asked.problems}
    if one := request.GET.get("one", ""):
        return _one(request, scope, asked.wanted, one, more)
    at = request.GET.get("at", "")
    found = window(
        scope,
        asked.wanted,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
        at=int(at) if at.isascii() and at.isdecimal() and len(at) < 10 else None,
    )
    images = described(scope, found.rows, method=asked.wanted.method, mode=asked.wanted.mode)
    cards = [(image, strip_source(image.strip)) for image in images]
    addresses = Addresses(scope, asked.wanted)
    page = {
        "window": found,
        "images": images,
        "cards": cards,
        "missing": sum(not strip for _, strip in cards),
        "previous": addresses.page(before=images[0].key) if found.before and images else None,
        "following": addresses.page(after=images[-1].key) if found.last < found.total and images else None,
        "last": addresses.page(at=(found.total - 1) // PAGE * PAGE + 1) if found.last < found.total else None,
        "categories": scope.categories(),
        "classifiers": scope.classifiers,
        "sorts": _sorts(scope),
        "reviews": REVIEWS.items(),
        "modes": _modes(scope, asked.wanted),
        **review_state(scope),
    }
    return render(
        request, "admin/gallery/grid.html", context(request, f"Gallery of {scope.title}", **more, **page)
    )


def shared(request: HttpRequest, scope: Scope, wanted: GalleryFilter) -> dict[str, Any]:
    """What the grid, one image and their parts need alike."""
    panels = CLEAN_PANELS if scope.of_explanations else PANELS
    return {
        "scope": scope,
        "wanted": wanted,
        "choice": scope.choice(wanted.method),
        "to": Addresses(scope, wanted),
        "filter": wanted.encoded(),
        "may_decide": may_decide(request, scope),
        "panels": panels,
        "strip_width": strip_width(panels),
        "strip_height": SIDE,
        "not_real": "" if wanted.mode == Mode.REAL else MODES[wanted.mode],
    }


def review_state(scope: Scope) -> dict[str, Any]:
    """How far the review of the study is, in words, what waits on its Review page, and the reasons so far."""
    found = reviews_of(scope.study)
    return {
        "counts": {REVIEWS[state]: many for state, many in found.counts.items()},
        "reasons": found.reasons,
        "elsewhere": found.elsewhere,
    }


def one_context(scope: Scope, wanted: GalleryFilter, key: str) -> dict[str, Any]:
    """Everything about one image; raises Http404 where the gallery has none of that key."""
    here = window(scope, wanted, size=1, key=key)
    if not here.rows or here.rows[0].key != key:
        raise Http404("no such image in this gallery")
    [image] = described(scope, here.rows, method=wanted.method, mode=wanted.mode)
    previous, following = neighbours(scope, wanted, key)
    addresses = Addresses(scope, wanted)
    return {
        "image": image,
        "shown": [(each, picture_words(each.parameters) or each.get_kind_display) for each in image.stimuli],
        "number": here.before + 1,
        "total": here.total,
        "previous": addresses.page(one=previous) if previous else None,
        "following": addresses.page(one=following) if following else None,
        "ahead": _pictures(scope, wanted, following),
        "back": addresses.page(at=here.before // PAGE * PAGE + 1),
        "beside": explanations_beside(scope, image),
        "curve": path_curve(image.explanation),
    }


def _one(
    request: HttpRequest, scope: Scope, wanted: GalleryFilter, key: str, more: dict[str, Any]
) -> HttpResponse:
    found = one_context(scope, wanted, key)
    if request.headers.get("HX-Request"):
        return render(request, "admin/gallery/_one.html", more | found)
    more |= review_state(scope)
    return render(
        request, "admin/gallery/one.html", context(request, f"Gallery of {scope.title}", **more, **found)
    )


def _pictures(scope: Scope, wanted: GalleryFilter, key: str | None) -> list[str]:
    """The addresses of the pictures that the next image will show, for the browser to fetch ahead."""
    if key is None:
        return []
    row = scope.images().filter(key=key).values_list("pk", flat=True)
    images = gallery_images(scope, list(row), method=wanted.method)
    return [address for image in images for address in picture_addresses(image)]


def picture_addresses(image: GalleryImage) -> list[str]:
    """Where the large pictures of an image are."""
    found = []
    if image.adversarial is not None:
        found += [
            reverse("picture-clean", args=[image.key]),
            reverse("picture-adversarial", args=[image.key]),
        ]
    for each in (image.clean_explanation, image.explanation):
        if each is not None and each.picture_file:
            found.append(reverse("picture-explanation", args=[each.key]))
        if each is not None and each.heat_file:
            found.append(reverse("picture-heat", args=[each.key]))
    return found


def _modes(scope: Scope, wanted: GalleryFilter) -> list[tuple[str, str]]:
    """Whose votes there are to be looked at."""
    there = {Mode.REAL.value, *scope.modes, wanted.mode}
    return [(mode, words) for mode, words in MODES.items() if mode in there]


def _sorts(scope: Scope) -> list[tuple[str, str]]:
    left_out = {"votes"} if scope.study is None else set()
    if scope.of_explanations:
        left_out |= {"steps", "steps_shown", "votes"}
    kept = [(key, words) for key, words in SORTS.items() if key not in left_out]
    return [
        each
        for key, words in kept
        for each in (
            [(key, words)]
            if not key
            else [(key, f"{words}, lowest first"), (f"-{key}", f"{words}, highest first")]
        )
    ]
