"""Prediction runs: a classifier over a dataset, in chunks that resume."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from studyapp.models import Chunk, Classifier, Dataset, Image, Job, PredictionRun, Study
from studyapp.services import jobs
from studyapp.services.catalogue.class_mapping import ClassMapping, map_classes
from studyapp.services.catalogue.listings import LeftOut
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobPlan
from studyapp.services.predictions import runs as predictions
from studyapp.services.predictions.runs import Ranked
from studyapp.services.refusals import Refused
from studyapp.tasks.chunks import job_stream, work_or_hand_over
from studyapp.tasks.classifiers import load_prepared
from studyapp.tasks.forward import ForwardThread
from studyapp.tasks.items import crop_cache, image_item
from studyapp.tasks.provenance import device_name, library_versions

if TYPE_CHECKING:
    from inference.prediction import PredictedBatch
    from inference.prepared import PreparedClassifier

KIND = "predict"
CHUNK = 256
BATCH = {"cpu": 32, "cuda": 256, "mps": 64}


def predict_dataset(
    dataset: Dataset,
    classifier: Classifier,
    *,
    precision: str = "float32",
    queue: str = FOREGROUND,
    progress: bool = True,
) -> tuple[PredictionRun, Job | None]:
    """Predict every image of a dataset that its run lacks; the run, and the job where workers do it.

    Repeating a complete run does nothing. Raises Refused where the classifier does not know the
    dataset's classes, there are no pixels, or images came after a study was made from the run, and
    JobFailure where the work fails.
    """
    map_classes(dataset=dataset, classifier=classifier)
    if not dataset.root and not dataset.copied:
        raise Refused(
            f"Dataset {dataset.name} lists names without pixels; bring predictions with import_predictions."
        )
    if classifier.source == Classifier.Source.ELSEWHERE:
        raise Refused(
            f"Classifier {classifier.name} has no network here; bring its predictions with "
            "import_predictions."
        )
    run = predictions.open_run(dataset=dataset, classifier=classifier, precision=precision)
    job = jobs.job_of_runs(
        runs=PredictionRun.objects.filter(pk=run.pk),
        plan=JobPlan(
            kind=KIND,
            title=f"Predict {dataset.name} with {classifier.name}",
            chunks=partial(_missing_chunks, run),
            queue=queue,
            parameters={"run": run.pk},
        ),
    )
    waiting = work_or_hand_over(job, queue=queue, progress=progress)
    run.refresh_from_db()
    return run, waiting


def _refuse_growth(run: PredictionRun) -> None:
    """A study is made from a complete run: what that run lacks now was imported after the study was made."""
    names = list(
        Study.objects.filter(study_classifiers__run=run).order_by("name").values_list("name", flat=True)
    )
    if names:
        raise Refused(
            f"Dataset {run.dataset.name} has grown since study {', '.join(names)} was made from these "
            f"predictions of {run.classifier.name}; more of them would change its error rates. Import the "
            "new images as a dataset of their own."
        )


def _finish(job: Job) -> None:
    predictions.finish_run(run=PredictionRun.objects.get(pk=job.parameters["run"]))


@dataclass(slots=True)
class _Part:
    """A chunk under way: its images by primary key, which of them are awaited, what is there to write."""

    chunk: Chunk
    images: dict[int, Image]
    awaited: set[int]
    ranked: list[Ranked] = field(default_factory=list)
    unreadable: list[LeftOut] = field(default_factory=list)


@job_stream(KIND, finish=_finish)
def predict_chunks(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Predict the chunks of one run, always with the next one fed before the last is written."""
    first = next(chunks, None)
    if first is None:
        return
    run = PredictionRun.objects.select_related("dataset", "classifier").get(pk=first.payload["run"])
    mapping = map_classes(dataset=run.dataset, classifier=run.classifier)
    categories = dict(run.classifier.class_list.categories.values_list("index", "pk"))
    prepared = load_prepared(run.classifier, run.precision)
    _describe(run, prepared)
    batch_size = BATCH[prepared.classifier.device.type]
    forward = ForwardThread(prepared, batch_size=batch_size, cache=crop_cache(run.dataset, prepared))
    # More than decoding takes ahead, so that the network has work while rows are written.
    ahead = 2 * CHUNK + 4 * batch_size
    parts: deque[_Part] = deque()
    try:
        chunk: Chunk | None = first
        while chunk is not None or parts:
            while chunk is not None and sum(len(part.awaited) for part in parts) <= ahead:
                parts.append(_fed(forward, run, chunk))
                chunk = next(chunks, None)
                if chunk is None:
                    forward.no_more()
            while parts and not parts[0].awaited:
                done = parts.popleft()
                _write(run, done, mapping, categories)
                yield done.chunk
            if parts:
                batch = forward.next_batch()
                if batch is not None:
                    _sort_in(parts, batch)
    finally:
        forward.close()


def _fed(forward: ForwardThread, run: PredictionRun, chunk: Chunk) -> _Part:
    """Give the images of a chunk that have no prediction yet to the network."""
    images = Image.objects.filter(
        dataset_id=run.dataset_id, pk__gte=chunk.payload["first"], pk__lte=chunk.payload["last"]
    ).exclude(pk__in=run.predictions.values("image"))
    part = _Part(chunk, {image.pk: image for image in images.order_by("pk")}, set())
    for image in part.images.values():
        part.awaited.add(image.pk)
        forward.feed(image_item(run.dataset, image))
    return part


def _sort_in(parts: deque[_Part], batch: PredictedBatch) -> None:
    """Put the results of a batch to the chunks that await them."""
    owner = {key: part for part in parts for key in part.awaited}
    ranking, probabilities = batch.ranking.tolist(), batch.probabilities.tolist()
    for position, key in enumerate(batch.keys):
        part = owner[int(key)]
        part.awaited.discard(int(key))
        part.ranked.append(Ranked(int(key), tuple(ranking[position]), tuple(probabilities[position])))
    for failure in batch.failures:
        part = owner[int(failure.key)]
        part.awaited.discard(int(failure.key))
        name = part.images[int(failure.key)].name
        part.unreadable.append(LeftOut(name, f"Could not be read for a prediction. {failure.message}"))


def _write(run: PredictionRun, part: _Part, mapping: ClassMapping, categories: dict[int, int]) -> None:
    predictions.write_predictions(
        run=run,
        ranked=part.ranked,
        labels=predictions.label_indices(part.images.values(), mapping),
        categories=categories,
        unreadable=part.unreadable,
    )


def _missing_chunks(run: PredictionRun) -> list[ChunkPlan] | None:
    """Ranges of primary keys that hold the images without a prediction, a chunk's worth in each."""
    missing = list(
        run.dataset.images.exclude(pk__in=run.predictions.values("image"))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if not missing:
        return None
    _refuse_growth(run)
    return [
        ChunkPlan(
            payload={
                "run": run.pk,
                "first": missing[start],
                "last": missing[min(start + CHUNK, len(missing)) - 1],
            },
            size=len(missing[start : start + CHUNK]),
        )
        for start in range(0, len(missing), CHUNK)
    ]


def _describe(run: PredictionRun, prepared: PreparedClassifier) -> None:
    device = prepared.classifier.device
    predictions.describe_run(
        run=run,
        device=device_name(device),
        versions=library_versions("torch", "torchvision", "pillow", "numpy"),
        parameters={"ranks": 20, "batch": BATCH[device.type], "folded": prepared.folded},
    )
