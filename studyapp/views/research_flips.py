"""Pictures of a colour probe: the images whose prediction flips, and every change of one image."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import parse_etags, quote_etag
from django.views.decorators.http import require_safe

from studyapp.analysis.colour_stability import NEAR_DEGREES, Axis, Setting
from studyapp.models import Image, ProbeRun
from studyapp.protocol.stability import DIRECTIONS
from studyapp.services.probes.colour import settings_of
from studyapp.services.probes.colour_flips import FlippingImages, flipping_images
from studyapp.services.probes.flips import DIRECTION_WORDS, Direction, Flips, read_flips
from studyapp.services.probes.recolouring import SIDE, strip_picture
from studyapp.services.refusals import Refused
from studyapp.views.paging import address, csv_response, page_of, wants_csv
from studyapp.views.research_colour import colour_run
from studyapp.views.researcher import researcher, researchers_file

PAGE = 24
KEPT = "private, max-age=86400"
MOST_WITHIN = 1000
NEAR: Mapping[Axis, float] = {"hue": NEAR_DEGREES, "saturation": 0.5}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for; `problems` say in sentences what of it was left out."""

    classifier: str
    axis: Axis
    within: float
    direction: str
    problems: tuple[str, ...]

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The ways to turn that are looked for."""
        return tuple(each for each in DIRECTIONS if self.direction in ("", each))


@dataclass(frozen=True, slots=True)
class FlippingImage:
    """An image of the list: what was said of it, and at the smallest change that turns it."""

    image: Image
    before: str
    after: str
    setting: str
    place: int
    flips: int


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a strip; `place` 0 is the original."""

    place: int
    words: str
    said: str
    flipped: bool
    right: bool


@require_safe
@researcher
def flipping(request: HttpRequest, key: str) -> HttpResponseBase:
    """Images whose prediction flips, by classifier, size of the change and direction."""
    run = colour_run(key)
    wanted = _wanted(request, run)
    context = {"nav": "probes", "run": run, "wanted": wanted, "classifiers": _names(run)}
    context["most_within"] = MOST_WITHIN
    try:
        flips = read_flips(run=run, classifier=wanted.classifier)
    except Refused as refusal:
        return render(request, "research/probe_flips.html", context | {"refusal": str(refusal)})
    settings = settings_of(run)
    found = flipping_images(
        flips, settings, axis=wanted.axis, within=wanted.within, directions=wanted.directions
    )
    names = _class_names(flips)
    if wants_csv(request):
        header = ("image", "key", "dataset_label", "axis", "amount", "before", "after", "direction")
        return csv_response(f"colour-{key}-flips", header, _flip_rows(flips, settings, found, names))
    page = page_of(request, range(len(found.row)), size=PAGE)
    context |= {
        "page": page,
        "asked": len(found.asked),
        "images": len(flips.image),
        "shots": _listed(flips, settings, found, page.rows, names),
        "directions": tuple(DIRECTION_WORDS.items()),
        "ask": _ask(run, wanted, [flips.settings[place].name for place in found.asked]),
        "side": SIDE,
    }
    return render(request, "research/probe_flips.html", context)


@require_safe
@researcher
def strip(request: HttpRequest, key: str, image: str) -> HttpResponse:
    """Every change of one image with what a classifier says of it."""
    run = colour_run(key)
    row = get_object_or_404(
        Image.objects.select_related("dataset", "category"), key=image, dataset=run.dataset
    )
    wanted = _wanted(request, run)
    context = {"nav": "probes", "run": run, "image": row, "wanted": wanted, "side": SIDE}
    context["classifiers"] = [(name, address(request, classifier=name)) for name in _names(run)]
    try:
        flips = read_flips(run=run, classifier=wanted.classifier)
    except Refused as refusal:
        return render(request, "research/probe_strip.html", context | {"refusal": str(refusal)})
    place = next((place for place, pk in enumerate(flips.image.tolist()) if pk == row.pk), None)
    if place is None:
        said = f"{row.name} could not be read when the probe ran, so that nothing is known of it."
        return render(request, "research/probe_strip.html", context | {"refusal": said})
    settings = settings_of(run)
    names = _class_names(flips)
    strips = [
        (title, shots)
        for axis, title in (("hue", "Hue turned"), ("saturation", "Saturation multiplied"))
        if len(shots := _strip(flips, settings, place, axis, names)) > 1
    ]
    changed = int(flips.changed[place].sum())
    context |= {"strips": strips, "changed": changed, "settings": len(settings)}
    return render(request, "research/probe_strip.html", context)


@require_safe
@researchers_file
def changed_picture(request: HttpRequest, key: str, image: str, place: int) -> HttpResponse:
    """One small picture of a strip; place 0 is the original."""
    run = colour_run(key)
    settings = settings_of(run)
    row = get_object_or_404(Image.objects.select_related("dataset"), key=image, dataset=run.dataset)
    if place > len(settings):
        raise Http404(f"the probe has {len(settings)} changes")
    setting = settings[place - 1] if place else None
    digest = quote_etag(hashlib.sha256(f"{row.sha256}/{SIDE}/{setting}".encode()).hexdigest()[:32])
    response: HttpResponse
    if digest in parse_etags(request.headers.get("If-None-Match", "")):
        response = HttpResponseNotModified()
    else:
        try:
            response = HttpResponse(strip_picture(image=row, setting=setting), content_type="image/png")
        except Refused as refusal:
            raise Http404(str(refusal)) from refusal
    response["ETag"] = digest
    response["Cache-Control"] = KEPT
    return response


def setting_words(setting: Setting) -> str:
    """Such as "+30°" or "× 0.5"."""
    if setting.axis == "hue":
        degrees = (setting.amount + 180.0) % 360.0 - 180.0
        return "180°" if degrees == -180.0 else f"{degrees:+g}°".replace("-", "\u2212")
    return f"× {setting.amount:g}"


def _wanted(request: HttpRequest, run: ProbeRun) -> Wanted:
    problems: list[str] = []
    axis = _axis(request, run, problems)
    return Wanted(
        classifier=request.GET.get("classifier") or _names(run)[0],
        axis=axis,
        within=_within(request, NEAR[axis], problems),
        direction=_one_of(request, "direction", DIRECTIONS, problems),
        problems=tuple(problems),
    )


def _axis(request: HttpRequest, run: ProbeRun, problems: list[str]) -> Axis:
    asked = _one_of(request, "axis", tuple(NEAR), problems)
    axes = {axis for axis, _ in run.parameters["grid"]}
    return next((axis for axis in NEAR if axis == asked), "hue" if "hue" in axes else "saturation")


def _one_of(request: HttpRequest, name: str, words: Sequence[str], problems: list[str]) -> str:
    """The word that the address has; empty without one, and for another than these, which is said."""
    asked = request.GET.get(name, "").strip()
    if asked and asked not in words:
        problems.append(f"{name}={asked[:40]} is none of {', '.join(words)}; it was left out.")
        return ""
    return asked


def _within(request: HttpRequest, usual: float, problems: list[str]) -> float:
    asked = request.GET.get("within", "").strip()
    if not asked:
        return usual
    try:
        within = float(asked)
    except ValueError:
        within = math.nan
    if not 0 <= within <= MOST_WITHIN:
        problems.append(f"within={asked[:40]} is not a number from 0 to {MOST_WITHIN}; it was left out.")
        return usual
    return within


def _ask(run: ProbeRun, wanted: Wanted, settings: Sequence[str]) -> str:
    """The way to a study of the flips that are listed."""
    query = [("classifier", wanted.classifier), *(("setting", name) for name in settings)]
    query += [("direction", each) for each in wanted.directions]
    return f"{reverse('probe-study', kwargs={'key': run.key})}?{urlencode(query)}"


def _names(run: ProbeRun) -> list[str]:
    return list(run.probe_classifiers.order_by("position").values_list("classifier__name", flat=True))


def _class_names(flips: Flips) -> dict[int, str]:
    categories = flips.classifier.classifier.class_list.categories
    return dict(categories.values_list("index", "name"))


def _listed(
    flips: Flips,
    settings: Sequence[Setting],
    found: FlippingImages,
    shown: Sequence[int],
    names: Mapping[int, str],
) -> list[FlippingImage]:
    keys = [int(flips.image[found.row[each]]) for each in shown]
    images = {each.pk: each for each in Image.objects.filter(pk__in=keys).select_related("category")}
    listed = []
    for each, key in zip(shown, keys, strict=True):
        row, nearest = int(found.row[each]), int(found.nearest[each])
        if key in images:
            listed.append(
                FlippingImage(
                    image=images[key],
                    before=names.get(int(flips.before[row, nearest]), "?"),
                    after=names.get(int(flips.after[row, nearest]), "?"),
                    setting=setting_words(settings[nearest]),
                    place=nearest + 1,
                    flips=int(found.flips[each]),
                )
            )
    return listed


def _strip(
    flips: Flips, settings: Sequence[Setting], row: int, axis: str, names: Mapping[int, str]
) -> list[Shot]:
    """The original, then the changes along one axis, in the order of the amounts."""
    label = int(flips.label[row])
    original = int(flips.before[row, 0])
    shots = [Shot(0, "original", names.get(original, "?"), flipped=False, right=original == label)]
    of_axis = [place for place, each in enumerate(settings) if each.axis == axis]
    for place in sorted(of_axis, key=lambda place: settings[place].amount % 360):
        said = int(flips.after[row, place])
        shots.append(
            Shot(
                place + 1,
                setting_words(settings[place]),
                names.get(said, "?"),
                flipped=said != int(flips.before[row, place]),
                right=said == label,
            )
        )
    return shots


def _flip_rows(
    flips: Flips, settings: Sequence[Setting], found: FlippingImages, names: Mapping[int, str]
) -> Iterator[list[object]]:
    images = {
        pk: (name, key)
        for pk, name, key in Image.objects.filter(dataset=flips.classifier.run.dataset_id).values_list(
            "pk", "name", "key"
        )
    }
    ways = {direction: flips.going(direction) for direction in DIRECTIONS}
    for row in found.row.tolist():
        name, key = images.get(int(flips.image[row]), ("", ""))
        for place in found.asked:
            if found.mask[row, place]:
                way = next(direction for direction, turned in ways.items() if turned[row, place])
                yield [
                    *(name, key, names.get(int(flips.label[row]), "")),
                    *(settings[place].axis, settings[place].amount),
                    *(
                        names.get(int(flips.before[row, place]), ""),
                        names.get(int(flips.after[row, place]), ""),
                    ),
                    way,
                ]
