"""Explanation runs: methods over clean and attacked pictures, in chunks that resume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from studyapp.models import AttackRun, Chunk, Classifier, Dataset, ExplanationRun, Job
from studyapp.protocol.adversarial import AdversarialLabel
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.services import jobs
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.explanations.images import eligible_images, extend_draw, named_images
from studyapp.services.explanations.rows import finish_runs, lacking_images, open_runs
from studyapp.services.explanations.runs import Explained, ExplanationSubject, open_run, parameters_of
from studyapp.services.gallery.strips import start_strips_for_runs
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobPlan
from studyapp.services.refusals import Refused
from studyapp.tasks.chunks import job_stream, work_at_what_is_missing
from studyapp.tasks.classifiers import load_prepared
from studyapp.tasks.explanation_methods import Explainer
from studyapp.tasks.explanation_stream import explained_chunks

KIND = "explain"
# Masked pictures in a chunk: some seconds on an accelerator, about a minute on a CPU.
CHUNK_PASSES = 4000
LARGEST_CHUNK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationRequest:
    """What the researcher wants explained; every subject is a run of its own, and they share their passes.

    `limit`, `names`: which images, see `explanation_images`; with neither all that there are. `seed`: of a
    new run. `path`: frames of the explanation path, 0 for none.
    """

    dataset: Dataset
    classifier: Classifier
    subjects: Sequence[ExplanationSubject]
    plan: ExplanationPlan
    attack_run: AttackRun | None = None
    limit: int | None = None
    names: tuple[str, ...] = ()
    seed: int | None = None
    path: int = 0


def explain_images(
    request: ExplanationRequest, *, queue: str = FOREGROUND, progress: bool = True
) -> tuple[list[ExplanationRun], Job | None]:
    """Explain what the runs of a request lack; the runs, and the job where workers do it.

    Repeating a complete request does nothing, but that failed images are tried again. Raises Refused before
    any work where no image could be explained, and JobFailure where the work fails.
    """
    _check(request)
    eligible = _eligible(request)
    runs = _opened(request, eligible)
    keys = [run.pk for run in runs]

    def begin(before: Job | None) -> Job | None:
        plan = JobPlan(
            kind=KIND,
            title=f"Explain {request.dataset.name} by {request.classifier.name}",
            chunks=partial(_missing_chunks, runs, request.path, again=before is None),
            unit="explanations",
            queue=queue,
            parameters={"runs": keys, "path": request.path},
        )
        return jobs.job_of_runs(runs=ExplanationRun.objects.filter(pk__in=keys), plan=plan)

    waiting = work_at_what_is_missing(begin, queue=queue, progress=progress)
    if waiting is None:
        finish_runs(runs=runs)
    for run in runs:
        run.refresh_from_db()
    return runs, waiting


def _check(request: ExplanationRequest) -> None:
    """Refuse what no image could be explained with, before anything is written."""
    dataset, classifier = request.dataset, request.classifier
    if not request.subjects:
        raise Refused("Nothing to explain: give at least one method and version.")
    if not dataset.root and not dataset.copied:
        raise Refused(f"Dataset {dataset.name} lists names without pixels: there is nothing to explain.")
    if classifier.source == Classifier.Source.ELSEWHERE:
        raise Refused(
            f"Classifier {classifier.name} has no network here: its predictions were made elsewhere, and "
            "nothing can explain them."
        )
    if any(subject.explained == Explained.TRUE for subject in request.subjects):
        map_classes(dataset=dataset, classifier=classifier)
    if request.limit is not None and request.limit < 1:
        raise Refused(f"A limit of {request.limit} images: give at least 1.")
    if request.path < 0:
        raise Refused(f"A path of {request.path} frames: give at least 1, or leave it out.")
    explainer = Explainer(load_prepared(classifier))
    for method in dict.fromkeys(subject.method for subject in request.subjects):
        explainer.check(method, parameters_of(method, request.plan))


def _eligible(request: ExplanationRequest) -> list[int]:
    if request.names:
        return named_images(dataset=request.dataset, names=request.names, attack_run=request.attack_run)
    return eligible_images(
        dataset=request.dataset, attack_run=request.attack_run, adversarial_label=_label(request)
    )


def _label(request: ExplanationRequest) -> AdversarialLabel:
    """Which reading of the adversarial label decides what was mistaken."""
    return "float" if any(each.adversarial_label == "float" for each in request.subjects) else "displayed"


def _opened(request: ExplanationRequest, eligible: Sequence[int]) -> list[ExplanationRun]:
    """The runs of a request, each once, with the images chosen for them."""
    runs: dict[int, ExplanationRun] = {}
    seed = request.seed
    for subject in request.subjects:
        run = open_run(
            dataset=request.dataset,
            classifier=request.classifier,
            attack_run=request.attack_run,
            subject=subject,
            plan=request.plan,
            seed=seed,
            seed_if_new=next(iter(runs.values())).seed if runs else None,
        )
        runs[run.pk] = run
    opened = list(runs.values())
    extend_draw(
        runs=opened,
        eligible=eligible,
        limit=request.limit,
        everything=lambda run: (
            not request.names
            and run.attack_run == request.attack_run
            and run.parameters.get("adversarial_label", _label(request)) == _label(request)
        ),
    )
    open_runs(runs=opened)
    return opened


def _missing_chunks(runs: Sequence[ExplanationRun], path: int, *, again: bool) -> list[ChunkPlan] | None:
    """Chunks of images that a run lacks something of; `again`: also of those that failed."""
    lacking: Counter[int] = Counter()
    for run in runs:
        there = set() if again else set(run.explanations.values_list("image_id", flat=True))
        lacking.update(image for image in lacking_images(run, path=path) if image not in there)
    images = sorted(lacking)
    passes = sum(run.parameters.get("samples", 100) for run in runs)
    size = max(1, min(LARGEST_CHUNK, CHUNK_PASSES // passes))
    return [
        ChunkPlan(
            payload={"runs": [run.pk for run in runs], "path": path, "images": images[start : start + size]},
            size=sum(lacking[image] for image in images[start : start + size]),
        )
        for start in range(0, len(images), size)
    ] or None


def _finish(job: Job) -> None:
    runs = ExplanationRun.objects.filter(pk__in=job.parameters["runs"])
    finish_runs(runs=runs)
    start_strips_for_runs(runs)


@job_stream(KIND, finish=_finish)
def explain_chunks(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Explain the images of chunks of one job, pictures read and cut ahead of the network."""
    yield from explained_chunks(chunks)
