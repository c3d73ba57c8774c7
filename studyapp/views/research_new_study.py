"""A new study: a protocol, a dataset, classifiers; what it would ask; then the study itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from studyapp.models import Classifier, Dataset, PredictionRun
from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.reading import read_protocol_text
from studyapp.protocol.schema import Protocol
from studyapp.protocol.target import with_target
from studyapp.services.probes.whole_pictures import shown_side
from studyapp.services.refusals import Refused
from studyapp.services.studies.life import create_study, start_build
from studyapp.services.studies.sizes import StudySize, study_size
from studyapp.views.probe_study import asks_about_flips, free_name, with_flips
from studyapp.views.protocol_facts import Fact, protocol_facts
from studyapp.views.ready_protocols import (
    PROTOCOLS,
    is_ready_made,
    ready_made,
    ready_text,
    targeted,
    with_whole_pictures,
)
from studyapp.views.researcher import person, researcher

FAVOURITE = "misclassification-calibrated.toml"
LARGEST = 200_000


@dataclass(frozen=True, slots=True)
class Draft:
    """What the form holds. `file` is the ready-made protocol that the text comes from, if any."""

    file: str
    text: str
    dataset: str
    classifiers: tuple[str, ...]
    name: str
    title: str

    @property
    def folder(self) -> Path | None:
        """Where files that the protocol names lie: only a ready-made protocol has any, its target apart."""
        return PROTOCOLS if is_ready_made(self.text, self.file) else None


@require_http_methods(["GET", "HEAD", "POST"])
@researcher
def new_study(request: HttpRequest) -> HttpResponse:
    """GET fills the form from a ready-made protocol or a probe's flips; POST counts, and creates if asked."""
    draft = _posted(request) if request.method == "POST" else _asked(request)
    protocol: Protocol | None = None
    size: StudySize | None = None
    problems: tuple[str, ...] = ()
    if request.method == "POST":
        try:
            protocol = _protocol(draft)
            if request.POST.get("do") == "create":
                study = create_study(
                    protocol=protocol, text=draft.text, owner=person(request), folder=draft.folder
                )
                start_build(study=study, queue="default", created_by=person(request))
                messages.success(request, f"{study.title} is made; its pictures are being rendered.")
                return redirect("study", name=study.name)
            size = study_size(protocol=protocol, folder=draft.folder)
        except ProtocolError as error:
            problems = tuple(str(problem) for problem in error.problems)
        except Refused as refusal:
            problems = tuple(str(refusal).splitlines())
    facts: tuple[Fact, ...] = protocol_facts(protocol) if protocol else ()
    context = {
        "nav": "studies",
        "draft": draft,
        "ready_made": ready_made(),
        "datasets": Dataset.objects.order_by("name").values_list("name", flat=True),
        "classifiers": _classifiers(draft.dataset),
        "problems": problems,
        "protocol": protocol,
        "facts": facts,
        "size": size,
    }
    return render(request, "research/new_study.html", context, status=422 if problems else 200)


def _asked(request: HttpRequest) -> Draft:
    file = request.GET.get("protocol", FAVOURITE)
    first = Dataset.objects.order_by("name").values_list("name", flat=True).first()
    dataset = request.GET.get("dataset") or first or ""
    flips = asks_about_flips(request.GET)
    chosen = [name for name in request.GET.getlist("classifier") if name in _classifiers(dataset)]
    text = ready_text(file)
    classifiers = tuple(chosen) or _proposed(text, dataset)
    # Pictures of a probe's own dataset are shown to their edges.
    side = shown_side(dataset)
    name = free_name(dataset, file) if flips or side or "probe" in request.GET else ""
    if side:
        text = with_whole_pictures(text, side)
    return Draft(
        file=file if file in ready_made() else "",
        text=targeted(
            with_flips(text, request.GET) if flips else text,
            dataset=dataset,
            classifiers=classifiers,
            name=name,
        ),
        dataset=dataset,
        classifiers=classifiers,
        name=name,
        title="",
    )


def _proposed(text: str, dataset: str) -> tuple[str, ...]:
    """The protocol's own classifiers where they have predictions, else all; one or none where it has so."""
    available = _classifiers(dataset)
    try:
        own = read_protocol_text(text).classifiers
    except ProtocolError:
        return tuple(available)
    if not own:
        return ()
    named = [name for name in available if name in own]
    return tuple(named or (available[:1] if len(own) == 1 else available))


def _posted(request: HttpRequest) -> Draft:
    upload = request.FILES.get("upload")
    text = request.POST.get("text", "").replace("\r\n", "\n")
    file = request.POST.get("file", "")
    if upload and upload.size and upload.size <= LARGEST:
        text, file = upload.read().decode("utf-8-sig", errors="replace"), ""
    return Draft(
        file=file,
        text=text[:LARGEST],
        dataset=request.POST.get("dataset", ""),
        classifiers=tuple(request.POST.getlist("classifier")),
        name=request.POST.get("name", "").strip(),
        title=request.POST.get("title", "").strip(),
    )


def _protocol(draft: Draft) -> Protocol:
    """The protocol with what the form says differently; raises ProtocolError with every problem's line."""
    read = read_protocol_text(draft.text, file=draft.file or "protocol.toml")
    return with_target(
        read,
        dataset=draft.dataset or None,
        classifiers=draft.classifiers or None,
        name=draft.name or None,
        title=draft.title or None,
    )


def _classifiers(dataset: str) -> list[str]:
    """Names of the classifiers that have a finished run on the dataset."""
    runs = PredictionRun.objects.filter(dataset__name=dataset, finished_at__isnull=False)
    return list(
        Classifier.objects.filter(pk__in=runs.values("classifier"))
        .order_by("name")
        .values_list("name", flat=True)
    )
