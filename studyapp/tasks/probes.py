"""Probe runs: classifiers over series of changed pictures, in chunks that resume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from studyapp.models import Chunk, Classifier, Dataset, Image, Job, ProbeRun
from studyapp.services import jobs, probes
from studyapp.services.class_mapping import map_classes
from studyapp.services.colour_probe import colour_responses, colour_summary
from studyapp.services.jobs import FOREGROUND, ChunkPlan
from studyapp.services.probes import COLUMNS, Columns, ProbeColumns
from studyapp.services.refusals import Refused
from studyapp.tasks.chunks import job_function, work_here
from studyapp.tasks.classifiers import load_prepared
from studyapp.tasks.items import crop_cache, image_item
from studyapp.tasks.provenance import device_name, library_versions

if TYPE_CHECKING:
    from inference.perturbations.colour import ColourSetting
    from inference.prepared import PreparedClassifier
    from inference.probing import ProbedBatch

KIND = "probe"
CHUNK = 64

Grid = Sequence[tuple[str, float]]


def probe_colour(
    dataset: Dataset,
    classifiers: Sequence[Classifier],
    *,
    grid: Grid,
    queue: str = FOREGROUND,
    progress: bool = True,
) -> tuple[ProbeRun, Job | None]:
    """Predict every image under every setting of colour; the run, and the job where workers do it.

    `grid`: ("hue", degrees) or ("saturation", gain), without the original. Repeating a complete run does
    nothing. Raises Refused for a grid out of range, a classifier that does not know the dataset's classes or
    has no network, or a dataset without pixels, and JobFailure where the work fails.
    """
    _settings(grid)
    _refuse_unfit(dataset, classifiers)
    run = probes.open_probe(
        kind=ProbeRun.Kind.COLOUR,
        dataset=dataset,
        classifiers=classifiers,
        parameters={"grid": [[axis, amount] for axis, amount in grid]},
    )
    if run.finished_at is not None:
        return run, None
    job = jobs.unfinished_job(kind=KIND, parameters={"run": run.pk})
    if job is None:
        job = jobs.start_job(
            kind=KIND,
            title=f"Colour probe of {dataset.name}",
            chunks=_chunks(run),
            queue=queue,
            parameters={"run": run.pk},
        )
        ProbeRun.objects.filter(pk=run.pk).update(job=job)
    elif queue != FOREGROUND:
        job = jobs.hand_over(job=job, queue=queue)
    if queue != FOREGROUND:
        return run, job
    work_here(job, progress=progress)
    run.refresh_from_db()
    return run, None


def _finish(job: Job) -> None:
    run = ProbeRun.objects.get(pk=job.parameters["run"])
    columns = probes.join_parts(run=run, parts=job.chunks.count())
    probes.finish_probe(
        run=run, summaries=[colour_summary(responses) for responses in colour_responses(run, columns)]
    )


@job_function(KIND, finish=_finish)
def probe_chunk(chunk: Chunk) -> None:
    """Probe the images of one chunk with every classifier of the run and keep their responses."""
    run = ProbeRun.objects.select_related("dataset").get(pk=chunk.payload["run"])
    if run.file or chunk.number in probes.parts_there(run):
        return
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
    answered: list[dict[int, Columns]] = [{} for _ in classifiers]
    for group in _same_crop(prepared):
        for batch in _probed(run, images, [prepared[place] for place in group], [labels[p] for p in group]):
            for place, responses in zip(group, batch.responses, strict=True):
                for row, key in enumerate(batch.keys):
                    answered[place][int(key)] = {
                        column: getattr(responses, column)[row : row + 1] for column in COLUMNS
                    }
    readable = [image.pk for image in images if all(image.pk in each for each in answered)]
    settings = len(run.parameters["grid"]) + 1
    columns = ProbeColumns(
        np.array(readable, dtype=np.int64),
        tuple(
            {
                column: np.concatenate([np.empty((0, settings)), *(each[pk][column] for pk in readable)])
                for column in COLUMNS
            }
            for each in answered
        ),
    )
    probes.write_part(run=run, number=chunk.number, columns=columns, unreadable=len(images) - len(readable))


def _probed(
    run: ProbeRun,
    images: Sequence[Image],
    prepared: Sequence[PreparedClassifier],
    labels: Sequence[Mapping[int, int]],
) -> list[ProbedBatch]:
    from inference.perturbations.colour import ColourSeries
    from inference.probing import probe

    return list(
        probe(
            prepared,
            (image_item(run.dataset, image) for image in images),
            ColourSeries(_settings(run.parameters["grid"])),
            labels=[{image.pk: index[image.category_id] for image in images} for index in labels],
            cache=crop_cache(run.dataset, prepared[0]),
        )
    )


def _settings(grid: Grid) -> tuple[ColourSetting, ...]:
    """The grid as inference takes it; raises Refused for what is out of range, doubled or the original."""
    from inference.perturbations.colour import ColourSetting

    try:
        settings = tuple(
            ColourSetting("hue" if axis == "hue" else "saturation", amount) for axis, amount in grid
        )
    except ValueError as problem:
        raise Refused(f"{problem} Mend --hues or --gains.") from problem
    if not settings:
        raise Refused("The grid has no setting; give --hues, --gains, or both.")
    if any(setting.is_identity for setting in settings) or len(set(settings)) < len(settings):
        raise Refused(
            "The grid holds a setting twice, or the original itself (hue 0 or 360, gain 1), which is always "
            "predicted; take it out of --hues or --gains."
        )
    return settings


def _refuse_unfit(dataset: Dataset, classifiers: Sequence[Classifier]) -> None:
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
    names = [classifier.name for classifier in classifiers]
    if len(set(names)) < len(names):
        raise Refused(f"The classifiers {', '.join(names)} are not all different; name each once.")


def _same_crop(prepared: Sequence[PreparedClassifier]) -> list[list[int]]:
    """Places of classifiers that look at the same crop: pictures are decoded and changed once for them."""
    groups: dict[str, list[int]] = {}
    for place, each in enumerate(prepared):
        groups.setdefault(each.classifier.preprocessing.crop.key, []).append(place)
    return list(groups.values())


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
