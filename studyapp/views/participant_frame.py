"""What every participant page has in common: signed address, strict headers, no cookie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from studyapp.models import Sitting, Study
from studyapp.services.participation.arrival import Screen, Visitor
from studyapp.services.plans import READ_WITH_SITTING, protocol_of

_SITTINGS = signing.Signer(sep=".", salt="second look sitting")
_VISITORS = "second look visitor"
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors {frames}"
)


class SeeOther(HttpResponseRedirect):
    """A redirect after a POST: whatever came before, the next request is a GET."""

    status_code = 303


@dataclass(frozen=True, slots=True)
class Notice:
    """A page that says one thing kindly."""

    heading: str
    text: str
    status: int = 200


UNKNOWN = Notice(
    "This address does not lead to a study",
    "Perhaps a part of it got lost on the way. Please open the link again as it was given to you.",
    404,
)


def participant_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, object],
    *,
    study: Study | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render one page with the headers of its study: who may frame it, nothing kept, nothing foreign."""
    response = render(request, f"participant/{template}", {"study": study, **context}, status=status)
    frames = protocol_of(study).recruitment.frame_ancestors if study is not None else ()
    response["Content-Security-Policy"] = _POLICY.format(frames=" ".join(frames) or "'none'")
    if frames:
        # The older header knows no list of sites; the policy above is what browsers go by.
        response.xframe_options_exempt = True
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex"
    return response


def notice_page(request: HttpRequest, notice: Notice, *, study: Study | None = None) -> HttpResponse:
    """Render a notice."""
    return participant_page(request, "notice.html", {"notice": notice}, study=study, status=notice.status)


def sitting_token(sitting: Sitting) -> str:
    """The signed token that stands for a sitting in addresses and forms."""
    return _SITTINGS.sign(sitting.key)


def sitting_url(sitting: Sitting) -> str:
    """The one address of a sitting: it shows whatever step comes now."""
    return reverse("participant:sitting", args=[sitting_token(sitting)])


def for_sitting(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Give a view the sitting of the signed token in its address; a notice for any other token.

    Exempt from Django's CSRF check, which needs a cookie: knowing the token is the protection.
    """

    @csrf_exempt
    @wraps(view)
    def with_sitting(request: HttpRequest, token: str, **more: object) -> HttpResponse:
        found = _sitting_of(token)
        return notice_page(request, UNKNOWN) if found is None else view(request, found, **more)

    return with_sitting


def for_posts(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """`for_sitting` for views that change something: any other method is sent to the sitting's own page."""

    @for_sitting
    @wraps(view)
    def only_posts(request: HttpRequest, found: Sitting, **more: object) -> HttpResponse:
        if request.method != "POST":
            return SeeOther(sitting_url(found))
        return view(request, found, **more)

    return only_posts


def _sitting_of(token: str) -> Sitting | None:
    try:
        key = _SITTINGS.unsign(token)
    except signing.BadSignature:
        return None
    found = Sitting.objects.select_related("study__dataset", "arm").filter(key=key).order_by()
    return found.only(*READ_WITH_SITTING, "study__dataset__enlarge", "arm__name").first()


def signed_visitor(visitor: Visitor) -> str:
    """A visitor as a signed form value, so that nobody can put another id into the form."""
    return signing.dumps([visitor.panel, visitor.person, visitor.panel_sitting], salt=_VISITORS)


def visitor_of(value: str) -> Visitor | None:
    """The visitor of a signed form value; None for anything else."""
    try:
        panel, person, panel_sitting = signing.loads(value, salt=_VISITORS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Visitor(str(panel), str(person), str(panel_sitting))


def screen_of(request: HttpRequest) -> Screen:
    """The screen as the page's script reports it; what is missing or impossible is None."""
    width, height = number_in(request, "screen_width"), number_in(request, "screen_height")
    ratio = number_in(request, "pixel_ratio")
    return Screen(
        int(width) if width is not None and 0 < width < 100_000 else None,
        int(height) if height is not None and 0 < height < 100_000 else None,
        ratio if ratio is not None and 0 < ratio < 100 else None,
    )


def text_in(request: HttpRequest, name: str) -> str:
    """A text from the form; empty where it is missing."""
    return request.POST.get(name, "")


def number_in(request: HttpRequest, name: str) -> float | None:
    """A finite number from the form; None for anything else."""
    try:
        number = float(request.POST.get(name, ""))
    except ValueError:
        return None
    return number if abs(number) < 1e12 else None
