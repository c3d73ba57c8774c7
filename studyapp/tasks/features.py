"""Features of images: a layer's activations, in chunks that resume, once per image."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from studyapp.models import Chunk, Classifier, Dataset, FeatureRun, Image, Job
from studyapp.services import jobs
from studyapp.services.catalogue.listings import LeftOut
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobFailure, JobPlan
from studyapp.services.predictions import features as stored
from studyapp.services.refusals import Refused
from studyapp.tasks.chunks import job_stream, work_at_what_is_missing
from studyapp.tasks.classifiers import load_prepared
from studyapp.tasks.items import crop_cache, image_item
from studyapp.tasks.predict import BATCH
from studyapp.tasks.provenance import device_name, library_versions

if TYPE_CHECKING:
    from inference.features import FeatureBatch
    from inference.images import ImageItem

KIND = "features"
CHUNK = 256


def layer_of(classifier: Classifier, name: str) -> str:
    """The layer of that name as runs record it; raises Refused with the nearest names."""
    from inference.features import UnknownLayerError, find_layer

    try:
        return str(find_layer(load_prepared(classifier).classifier, name))
    except UnknownLayerError as problem:
        raise Refused(str(problem)) from problem


def compute_features(
    dataset: Dataset,
    classifier: Classifier,
    *,
    layer: str,
    images: Sequence[int],
    queue: str = FOREGROUND,
    progress: bool = True,
) -> tuple[FeatureRun, Job | None]:
    """Compute the features of `images` (primary keys) that the run of this layer lacks.

    `layer`: the researcher's name for it. Returns the run, and the job where workers do it. Repeating it does
    nothing. Raises Refused for a layer that the network lacks, JobFailure where the work fails.
    """
    run = stored.open_feature_run(dataset=dataset, classifier=classifier, layer=layer_of(classifier, layer))

    def begin(before: Job | None) -> Job | None:
        plan = JobPlan(
            kind=KIND,
            title=f"Features of {dataset.name} with {classifier.name}",
            chunks=partial(_missing_chunks, run, images, again=before is None),
            queue=queue,
            parameters={"run": run.pk, "layer": layer},
        )
        return jobs.job_of_runs(runs=FeatureRun.objects.filter(pk=run.pk), plan=plan)

    waiting = work_at_what_is_missing(begin, queue=queue, progress=progress)
    run.refresh_from_db()
    return run, waiting


def _missing_chunks(run: FeatureRun, images: Sequence[int], *, again: bool) -> list[ChunkPlan] | None:
    """Chunks of the images that the run's file lacks; `again`: also of those that could not be read."""
    # Another process may have put a new file in the place of the one that we knew.
    run.refresh_from_db()
    missing = stored.images_without_features(run=run, images=images)
    missing = missing if again else _readable(run.dataset, missing)
    parts = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
    return [ChunkPlan(payload={"run": run.pk, "images": part}, size=len(part)) for part in parts] or None


def _readable(dataset: Dataset, images: Sequence[int]) -> list[int]:
    """Without the files that the job which was just gone on with could not read."""
    skipped = dataset.skipped_files.values("name")
    left_out = set(dataset.images.filter(name__in=skipped).values_list("pk", flat=True))
    return [image for image in images if image not in left_out]


def _finish(job: Job) -> None:
    run = FeatureRun.objects.get(pk=job.parameters["run"])
    stored.join_parts(run=run, parts=[str(pk) for pk in job.chunks.values_list("pk", flat=True)])
    if job.queue != FOREGROUND:
        from studyapp.tasks.examples import start_waiting

        start_waiting(run, queue=job.queue)


@dataclass(slots=True)
class _Part:
    """A chunk under way: its images by primary key, which are awaited, what is there to store."""

    chunk: Chunk
    images: dict[int, Image]
    awaited: set[int]
    keys: list[int] = field(default_factory=list)
    rows: list[np.ndarray[tuple[int, int], np.dtype[np.float32]]] = field(default_factory=list)
    unreadable: list[LeftOut] = field(default_factory=list)


@job_stream(KIND, finish=_finish)
def compute_chunks(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Compute the chunks of one run; the next is fed to the network before the last is stored."""
    from inference.features import NotFiniteError, features, find_layer

    first = next(chunks, None)
    if first is None:
        return
    run = FeatureRun.objects.select_related("dataset", "classifier").get(pk=first.payload["run"])
    prepared = load_prepared(run.classifier)
    device = prepared.classifier.device
    stored.describe_feature_run(
        run=run,
        device=device_name(device),
        versions=library_versions("torch", "torchvision", "pillow"),
    )
    parts: deque[_Part] = deque()
    batches = features(
        prepared,
        _fed(run.dataset, chain([first], chunks), parts),
        layer=find_layer(prepared.classifier, first.job.parameters["layer"]),
        batch_size=BATCH[device.type],
        cache=crop_cache(run.dataset, prepared),
    )
    try:
        for batch in batches:
            _sort_in(parts, batch)
            while parts and not parts[0].awaited:
                yield _stored(run, parts.popleft())
        while parts:
            yield _stored(run, parts.popleft())
    except NotFiniteError as problem:
        image = run.dataset.images.get(pk=problem.key)
        raise JobFailure(
            f"The features of {image.name} are not finite ({run.layer} of {run.classifier.name}).",
            "Look at that image, at the weights and the preprocessing; take the image out of the dataset or "
            "choose another layer.",
        ) from problem


def _fed(dataset: Dataset, chunks: Iterable[Chunk], parts: deque[_Part]) -> Iterator[ImageItem]:
    """The images of the chunks as they are asked for, every chunk noted among the parts under way."""
    for chunk in chunks:
        images = {image.pk: image for image in dataset.images.filter(pk__in=chunk.payload["images"])}
        parts.append(_Part(chunk, images, set(images)))
        for image in images.values():
            yield image_item(dataset, image)


def _sort_in(parts: Iterable[_Part], batch: FeatureBatch) -> None:
    """Put the results of a batch to the chunks that await them."""
    owner = {key: part for part in parts for key in part.awaited}
    for position, key in enumerate(int(each) for each in batch.keys):
        part = owner[key]
        part.awaited.discard(key)
        part.keys.append(key)
        part.rows.append(batch.features[position])
    for failure in batch.failures:
        part = owner[int(failure.key)]
        part.awaited.discard(int(failure.key))
        name = part.images[int(failure.key)].name
        part.unreadable.append(LeftOut(name, f"Could not be read for its features. {failure.message}"))


def _stored(run: FeatureRun, part: _Part) -> Chunk:
    if part.unreadable:
        stored.note_unreadable(run=run, files=part.unreadable)
    if part.keys:
        stored.store_part(run=run, part=str(part.chunk.pk), images=part.keys, rows=np.stack(part.rows))
    return part.chunk
