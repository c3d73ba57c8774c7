"""Probe runs: classifiers over series of changed pictures, in chunks that resume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from studyapp.models import Chunk, Classifier, Dataset, Image, Job, ProbeRun
from studyapp.services import jobs
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobFailure, JobPlan
from studyapp.services.probes import runs as probes
from studyapp.services.probes.flips import CHANGED, count_changed
from studyapp.services.probes.runs import COLUMNS, Columns, ProbeColumns
from studyapp.services.refusals import Refused
from studyapp.tasks.alike import places_alike
from studyapp.tasks.chunks import job_function, work_or_hand_over
from studyapp.tasks.classifiers import load_prepared
from studyapp.tasks.items import crop_cache, image_item
from studyapp.tasks.probe_kinds import PROBE_KINDS, Draws, ProbeKind
from studyapp.tasks.provenance import device_name, library_versions

if TYPE_CHECKING:
    from inference.prepared import PreparedClassifier
    from inference.probing import ProbedBatch

KIND = "probe"
CHUNK = 64
# Ranks count from 1.
MOST_CLASSES = int(np.iinfo(COLUMNS["original_rank"]).max)


def run_probe(
    kind: ProbeRun.Kind,
    dataset: Dataset,
    classifiers: Sequence[Classifier],
    *,
    parameters: Mapping[str, object],
    queue: str = FOREGROUND,
    progress: bool = True,
) -> tuple[ProbeRun, Job | None]:
    """Predict every image under every change of a kind; the run, and the job where workers do it.

    Repeating a complete run does nothing, until the dataset has more images: then it is another run, over
    all of them. Raises Refused for a classifier that does not know the dataset's classes, has too many or
    no network, or a dataset without pixels, and JobFailure where the work fails.
    """
    refuse_unfit(dataset, classifiers)
    run = probes.open_probe(kind=kind, dataset=dataset, classifiers=classifiers, parameters=parameters)
    if run.finished_at is not None:
        return run, None
    job = jobs.job_of_runs(
        runs=ProbeRun.objects.filter(pk=run.pk, finished_at=None),
        plan=JobPlan(
            kind=KIND,
            title=f"{kind.label.capitalize()} probe of {dataset.name}",
            chunks=partial(_chunks, run),
            queue=queue,
            parameters={"run": run.pk},
        ),
    )
    waiting = work_or_hand_over(job, queue=queue, progress=progress)
    run.refresh_from_db()
    return run, waiting


def _finish(job: Job) -> None:
    run = ProbeRun.objects.get(pk=job.parameters["run"])
    probes.join_parts(run=run, parts=job.chunks.count())
    with probes.open_columns(run) as columns:
        summaries = PROBE_KINDS[run.kind].summaries(run, columns)
        changed = count_changed(run, columns)
    probes.finish_probe(
        run=run,
        summaries=[{**summary, CHANGED: counts} for summary, counts in zip(summaries, changed, strict=True)],
    )


def _lost(job: Job) -> list[int]:
    """Chunks whose part is gone from storage before the parts were joined."""
    run = ProbeRun.objects.get(pk=job.parameters["run"])
    gone = set(job.chunks.values_list("number", flat=True)) - probes.parts_there(run)
    # Read after the parts: once they are joined they are deleted, and not lost.
    return sorted(gone) if ProbeRun.objects.filter(pk=run.pk, file="").exists() else []


@job_function(KIND, finish=_finish, lost=_lost)
def probe_chunk(chunk: Chunk) -> None:
    """Probe the images of one chunk with every classifier of the run and keep their responses."""
    run = ProbeRun.objects.select_related("dataset").get(pk=chunk.payload["run"])
    if run.file or chunk.number in probes.parts_there(run):
        return
    kind = PROBE_KINDS[run.kind]
    images = list(
        Image.objects.filter(
            pk__gte=chunk.payload["first"], pk__lte=chunk.payload["last"], dataset=run.dataset
        )
        .select_related("category")
        .order_by("pk")
    )
    classifiers = [each.classifier for each in run.probe_classifiers.select_related("classifier")]
    prepared = [load_prepared(classifier) for classifier in classifiers]
    _describe(run, prepared[0])
    labels = [map_classes(dataset=run.dataset, classifier=each).index_of for each in classifiers]
    draws = kind.draws(run, images)
    answered: list[dict[int, Columns]] = [{} for _ in classifiers]
    for group in places_alike(kind.look(run, each) for each in prepared):
        shown = [prepared[place] for place in group]
        for batch in _probed(run, kind, images, draws, shown, [labels[place] for place in group]):
            for place, responses in zip(group, batch.responses, strict=True):
                for row, key in enumerate(batch.keys):
                    answered[place][int(key)] = {
                        column: getattr(responses, column)[row : row + 1] for column in COLUMNS
                    }
    kept = [row for row, image in enumerate(images) if all(image.pk in each for each in answered)]
    readable = [images[row].pk for row in kept]
    if not readable:
        raise JobFailure(
            f"None of the {len(images)} images from {images[0].name} on could be read",
            f"See that the files of {run.dataset.name} are where they were imported from.",
        )
    settings = kind.settings(run) + 1
    columns = ProbeColumns(
        np.array(readable, dtype=np.int64),
        tuple(
            {
                column: np.concatenate([np.empty((0, settings)), *(each[pk][column] for pk in readable)])
                for column in COLUMNS
            }
            for each in answered
        ),
        {name: drawn[kept] for name, drawn in draws.items()},
    )
    probes.write_part(run=run, number=chunk.number, columns=columns, unreadable=len(images) - len(readable))


def _probed(
    run: ProbeRun,
    kind: ProbeKind,
    images: Sequence[Image],
    draws: Draws,
    prepared: Sequence[PreparedClassifier],
    labels: Sequence[Mapping[int, int]],
) -> list[ProbedBatch]:
    from inference.probing import probe

    pictures = kind.pictures(run, prepared[0], images, draws)
    return list(
        probe(
            prepared,
            (image_item(run.dataset, image) for image in images),
            pictures.series,
            labels=[{image.pk: index[image.category_id] for image in images} for index in labels],
            crop=pictures.crop,
            cache=crop_cache(run.dataset, prepared[0]),
        )
    )


def refuse_unfit(dataset: Dataset, classifiers: Sequence[Classifier]) -> None:
    """Raise Refused where these classifiers cannot be asked about this dataset's pictures."""
    if not dataset.root and not dataset.copied:
        raise Refused(f"Dataset {dataset.name} lists names without pixels: there is nothing to change.")
    if not dataset.images.exists():
        raise Refused(f"Dataset {dataset.name} has no images; import_dataset {dataset.name} first.")
    for classifier in classifiers:
        if classifier.source == Classifier.Source.ELSEWHERE:
            raise Refused(
                f"Classifier {classifier.name} has no network here: its predictions are made elsewhere."
            )
        map_classes(dataset=dataset, classifier=classifier)
        last = classifier.class_list.categories.order_by("-index").values_list("index", flat=True).first()
        if last is not None and last >= MOST_CLASSES:
            raise Refused(
                f"Classifier {classifier.name} has a class {last:,}, and a probe keeps classes and ranks up "
                f"to {MOST_CLASSES:,}; probe one with fewer classes."
            )
    names = [classifier.name for classifier in classifiers]
    if len(set(names)) < len(names):
        raise Refused(f"The classifiers {', '.join(names)} are not all different; name each once.")


def _chunks(run: ProbeRun) -> list[ChunkPlan]:
    keys = list(run.dataset.images.order_by("pk").values_list("pk", flat=True))
    return [
        ChunkPlan(
            payload={
                "run": run.pk,
                "first": keys[start],
                "last": keys[min(start + CHUNK, len(keys)) - 1],
            },
            size=len(keys[start : start + CHUNK]),
        )
        for start in range(0, len(keys), CHUNK)
    ]


def _describe(run: ProbeRun, prepared: PreparedClassifier) -> None:
    probes.describe_probe(
        run=run,
        device=device_name(prepared.classifier.device),
        versions=library_versions("torch", "pillow", "numpy"),
    )
