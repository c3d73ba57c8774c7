"""From a probe of any kind to a study of its flips: choose settings, then the new-study page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from studyapp.models import ProbeRun, Study
from studyapp.protocol.stability import DIRECTIONS
from studyapp.services.probes.flips import DIRECTION_WORDS, changed_counts, flip_settings
from studyapp.services.refusals import Refused
from studyapp.views.probe_pages import probe_address
from studyapp.views.ready_protocols import ready_questions, with_line
from studyapp.views.researcher import researcher

PROTOCOL = "stability.toml"
# What a colour probe can be asked about, too.
SAME_CONTENT = "same-content.toml"
#: The form's field for the most that are asked about, by protocol: each keeps a default of its own.
SAMPLE_FIELDS = {PROTOCOL: "sample", SAME_CONTENT: "same_sample"}


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
    if run.kind == ProbeRun.Kind.TEXTURE:
        # Its pictures are not changed: what it asks about are choices, and there are no settings.
        return redirect("probe-texture-study", key=run.key)
    names = list(run.probe_classifiers.order_by("position").values_list("classifier__name", flat=True))
    asked = request.GET.getlist("classifier")
    same_content = ready_questions(SAME_CONTENT)
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
        "sample": ready_questions(PROTOCOL)["sample"],
        "same_sample": same_content["sample"],
        "same_settings": same_content["settings"],
    }
    try:
        choices = _choices(run, request.GET.getlist("setting"))
        here = {choice.name for choice in choices}
        context["settings"] = choices
        context["lacking"] = [name for name in same_content["settings"] if name not in here]
    except Refused as refusal:
        context["refusal"] = str(refusal)
    return render(request, "research/probe_study.html", context)


def _choices(run: ProbeRun, chosen: Sequence[str]) -> list[SettingChoice]:
    settings, counts = flip_settings(run), changed_counts(run=run)
    return [
        SettingChoice(
            setting.name,
            tuple((classifier, of[place]) for classifier, of in counts.items()),
            setting.name in chosen,
        )
        for place, setting in enumerate(settings)
    ]


def asks_about_flips(query: Mapping[str, object]) -> bool:
    """Whether the new-study page is asked to begin with a probe."""
    return query.get("protocol") in (PROTOCOL, SAME_CONTENT) and bool(query.get("probe"))


def with_flips(text: str, query: QueryDict) -> str:
    """The ready-made protocol with what was chosen on the probe's page written in; the rest is its own."""
    settings = query.getlist("setting")
    directions = [each for each in query.getlist("direction") if each in DIRECTIONS]
    asked = SAMPLE_FIELDS[query.get("protocol", PROTOCOL)]
    sample = query.get(asked, "")
    values: dict[str, object] = {"probe": query.get("probe", "")}
    if settings:
        values["settings"] = settings
    if directions:
        values["directions"] = directions
    if sample.isdecimal() and int(sample) > 0:
        values["sample"] = int(sample)
    elif asked in query and not sample.strip():
        # Without a sample every flip is asked about.
        text = re.sub(r"^sample(_per)? = .*\n", "", text, flags=re.MULTILINE)
    for key, value in values.items():
        text = with_line(text, key, value)
    return text


def free_name(dataset: str, protocol: str) -> str:
    """A name for a study of this dataset by a ready-made protocol that no study has."""
    for number in range(1, Study.objects.count() + 2):
        name = f"{protocol.removesuffix('.toml')}-{dataset}" + (f"-{number}" if number > 1 else "")
        if not Study.objects.filter(name=name).exists():
            break
    return name
