"""Approving and holding back from the gallery, one image or many."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from studyapp.admin.gallery.asked import Addresses, posted_filter, posted_images
from studyapp.admin.gallery.gate import context, deciding, scope_or_404
from studyapp.admin.gallery.pages import one_context, review_state, shared
from studyapp.services.gallery.decisions import approve_waiting, decide, waiting
from studyapp.services.gallery.images import gallery_images
from studyapp.services.gallery.strips import strip_source
from studyapp.services.refusals import Refused


@require_POST
@deciding
def decide_image(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Decide about all that the study shows of one image, or about one stimulus of it."""
    scope = scope_or_404(kind, name)
    wanted = posted_filter(request)
    key, decision = request.POST.get("image", ""), request.POST.get("decision", "")
    try:
        if decision not in ("approve", "hold_back"):
            raise Refused("A decision is approve or hold back.")
        decide(
            scope=scope,
            image=key,
            actor=request.user.get_username(),
            approve=decision == "approve",
            reason=request.POST.get("reason", "")[:300],
            stimulus=request.POST.get("stimulus", ""),
        )
    except Refused as refusal:
        if request.headers.get("HX-Request"):
            return HttpResponse(str(refusal), status=422, content_type="text/plain; charset=utf-8")
        messages.warning(request, str(refusal))
        return redirect(Addresses(scope, wanted).page(one=key or None))
    if not request.headers.get("HX-Request"):
        return redirect(Addresses(scope, wanted).page(one=key))
    more = shared(request, scope, wanted)
    if request.POST.get("part") == "one":
        return render(request, "admin/gallery/_one.html", more | one_context(scope, wanted, key))
    pk = scope.images().filter(key=key).values_list("pk", flat=True)
    [image] = gallery_images(scope, list(pk), method=wanted.method, mode=wanted.mode)
    more |= review_state(scope) | {"again": True, "image": image, "strip": strip_source(image.strip)}
    return render(request, "admin/gallery/_decided.html", more)


@require_POST
@deciding
def approve_many(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Ask how many would be approved, then approve them: those ticked, or all that pass the filter."""
    scope = scope_or_404(kind, name)
    wanted, images = posted_filter(request), posted_images(request)
    addresses = Addresses(scope, wanted)
    expected = request.POST.get("expected", "")
    if not (expected.isascii() and expected.isdecimal()):
        found = waiting(scope, wanted, images=images)
        page = shared(request, scope, wanted) | {"waiting": found, "images": images}
        page |= review_state(scope)
        return render(request, "admin/gallery/approve.html", context(request, "Approve what waits", **page))
    try:
        many = approve_waiting(
            scope=scope,
            wanted=wanted,
            actor=request.user.get_username(),
            expected=int(expected[:9]),
            images=images,
        )
    except Refused as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"{many:,} stimuli are approved." if many else "No stimulus was waiting.")
    return redirect(addresses.grid)
