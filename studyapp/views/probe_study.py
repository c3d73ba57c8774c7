"""From a probe of any kind to a study of its flips: choose settings, then the new-study page."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.models import ProbeRun, Study
from studyapp.protocol.stability import DIRECTIONS
from studyapp.services.flips import DIRECTION_WORDS, read_flips
from studyapp.services.refusals import Refused
from studyapp.views.probe_pages import probe_address
from studyapp.views.researcher import researcher

PROTOCOL = "stability.toml"
# What a colour probe can be asked about, too.
SAME_CONTENT = "same-content.toml"
SAMPLE = 40


@dataclass(frozen=True, slots=True)
class SettingChoice:
    """A setting, how many predictions of each classifier it changes, and whether it is chosen."""

    name: str
    counts: tuple[tuple[str, int], ...]
    chosen: bool

    @property
    def total(self) -> int:
        """Changed predictions of all classifiers."""
        return sum(count for _, count in self.counts)


@require_safe
@researcher
def probe_study(request: HttpRequest, key: str) -> HttpResponse:
    """Every setting of a probe with its changed predictions; what is chosen goes to the new-study page."""
    run = get_object_or_404(ProbeRun.objects.select_related("dataset"), key=key)
    names = list(run.probe_classifiers.order_by("position").values_list("classifier__name", flat=True))
    asked = request.GET.getlist("classifier")
    context = {
        "nav": "probes",
        "run": run,
        "back": probe_address(run),
        "protocol": PROTOCOL,
        "same_content": SAME_CONTENT if run.kind == ProbeRun.Kind.COLOUR else "",
        "classifiers": [(name, not asked or name in asked) for name in names],
        "directions": [
            (each, DIRECTION_WORDS[each], each in (request.GET.getlist("direction") or DIRECTIONS))
            for each in DIRECTIONS
        ],
        "sample": SAMPLE,
    }
    try:
        context["settings"] = _choices(run, names, request.GET.getlist("setting"))
    except Refused as refusal:
        context["refusal"] = str(refusal)
    return render(request, "research/probe_study.html", context)


def _choices(run: ProbeRun, names: Sequence[str], chosen: Sequence[str]) -> list[SettingChoice]:
    counts: dict[str, list[tuple[str, int]]] = {}
    for name in names:
        flips = read_flips(run=run, classifier=name)
        for setting, count in zip(flips.settings, flips.changed.sum(axis=0).tolist(), strict=True):
            counts.setdefault(setting.name, []).append((name, int(count)))
    return [SettingChoice(name, tuple(of), name in chosen) for name, of in counts.items()]


def asks_about_flips(query: Mapping[str, object]) -> bool:
    """Whether the new-study page is asked to begin with a probe."""
    return query.get("protocol") in (PROTOCOL, SAME_CONTENT) and bool(query.get("probe"))


def with_flips(text: str, query: QueryDict) -> str:
    """The ready-made protocol with what was chosen on the probe's page written into it."""
    settings = query.getlist("setting")
    directions = [each for each in query.getlist("direction") if each in DIRECTIONS]
    sample = query.get("sample", "")
    values: dict[str, object] = {"probe": query.get("probe", ""), "settings": settings}
    if directions:
        values["directions"] = directions
    if sample.isdecimal() and int(sample) > 0:
        values["sample"] = int(sample)
    elif "sample" in query and not sample.strip():
        # Without a sample every flip is asked about.
        text = re.sub(r"^sample(_per)? = .*\n", "", text, flags=re.MULTILINE)
    for key, value in values.items():
        # A backslash in JSON must not be read as a group.
        written = f"{key} = {json.dumps(value)}".replace("\\", "\\\\")
        text = re.sub(rf"^{key} = .*$", written, text, count=1, flags=re.MULTILINE)
    return text


def free_name(dataset: str, protocol: str) -> str:
    """A name for a study of this dataset by a ready-made protocol that no study has."""
    for number in range(1, Study.objects.count() + 2):
        name = f"{protocol.removesuffix('.toml')}-{dataset}" + (f"-{number}" if number > 1 else "")
        if not Study.objects.filter(name=name).exists():
            break
    return name
