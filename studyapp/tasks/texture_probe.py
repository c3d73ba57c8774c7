"""Texture probes: which category networks choose for cue-conflict pictures, in chunks that resume."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.utils.text import slugify

from studyapp.analysis.shape_texture import Aggregation, check_groups, cue_of
from studyapp.models import Chunk, Classifier, Dataset, Image, Job, Observer, ProbeRun
from studyapp.services import jobs
from studyapp.services.catalogue.listings import PICTURE_SUFFIXES
from studyapp.services.catalogue.plan import ImportRequest
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobFailure, JobPlan
from studyapp.services.observers import writing as observers
from studyapp.services.observers.writing import TrialRow
from studyapp.services.planning.cue_pictures import (
    CuePicture,
    cue_picture,
    cue_pictures,
    refuse_unfit_names,
)
from studyapp.services.probes import runs as probes
from studyapp.services.probes import texture as texture_probes
from studyapp.services.refusals import Refused
from studyapp.tasks.alike import places_alike
from studyapp.tasks.catalogue import import_dataset
from studyapp.tasks.chunks import job_function, work_or_hand_over
from studyapp.tasks.classifiers import load_prepared
from studyapp.tasks.items import crop_cache, image_item
from studyapp.tasks.provenance import device_name, library_versions

if TYPE_CHECKING:
    from inference.prepared import PreparedClassifier

KIND = "probe_texture"
CHUNK = 128


def catalogue_pictures(
    folder: Path,
    classifiers: Sequence[Classifier],
    *,
    categories: Mapping[str, Sequence[int]],
    name: str = "",
    progress: bool = True,
) -> Dataset:
    """The dataset of a folder of cue-conflict pictures, its own or one folder per shape; imported once.

    Labels are the shapes that the names tell. Raises Refused, before anything is written, for whatever
    `probe_texture` would refuse of these pictures, classifiers and categories.
    """
    _refuse_unfit(classifiers, categories)
    files = (
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
    )
    pictures = sorted(
        path.as_posix() for path in files if not any(part.startswith(".") for part in path.parts)
    )
    if not pictures:
        raise Refused(f"{folder} holds no picture; give a folder of files like cat7-elephant1.png.")
    refuse_unfit_names(pictures, tuple(categories), place=str(folder))
    rows = [(picture, cue_of(picture)[0]) for picture in pictures]
    called = name or slugify(folder.resolve().name)
    if not called:
        raise Refused(f"{folder} has no name that a dataset could have; give one with --name NAME.")
    there = Dataset.objects.filter(name=called).first()
    if there is not None and Path(there.root).resolve() != folder.resolve():
        raise Refused(
            f"A dataset {called} of another folder is there; give this one another name (--name NAME)."
        )
    with tempfile.TemporaryDirectory() as scratch:
        labels = Path(scratch) / "labels.csv"
        with labels.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("path", "class"), *rows])
        done = import_dataset(
            ImportRequest(name=called, root=folder.resolve(), labels=labels), progress=progress
        )
    return done.dataset


def probe_texture(
    dataset: Dataset,
    classifiers: Sequence[Classifier],
    *,
    categories: Mapping[str, Sequence[int]],
    aggregation: Aggregation = "mean",
    queue: str = FOREGROUND,
    progress: bool = True,
) -> tuple[ProbeRun, Job | None]:
    """Let every classifier choose a category for every picture; the run, and the job where workers do it.

    `categories`: the class indices of each. Repeating a complete run does nothing. Raises Refused for
    categories that a classifier does not have, pictures named otherwise than cat7-elephant1.png, a classifier
    without a network, and JobFailure where the work fails.
    """
    pictures = cue_pictures(dataset, tuple(categories))
    _refuse_unfit(classifiers, categories)
    run = probes.open_probe(
        kind=ProbeRun.Kind.TEXTURE,
        dataset=dataset,
        classifiers=classifiers,
        parameters={
            "categories": {name: list(categories[name]) for name in sorted(categories)},
            "aggregation": aggregation,
        },
    )
    if run.finished_at is not None:
        return run, None
    observers.ensure_measured(run=run, choices=observers.choice_set(categories))
    job = jobs.job_of_runs(
        runs=ProbeRun.objects.filter(pk=run.pk, finished_at=None),
        plan=JobPlan(
            kind=KIND,
            title=f"Texture probe of {dataset.name}",
            chunks=partial(_chunks, run, [picture.image for picture in pictures]),
            queue=queue,
            parameters={"run": run.pk},
        ),
    )
    waiting = work_or_hand_over(job, queue=queue, progress=progress)
    run.refresh_from_db()
    return run, waiting


def _finish(job: Job) -> None:
    texture_probes.finish_texture(run=ProbeRun.objects.get(pk=job.parameters["run"]))


@job_function(KIND, finish=_finish)
def choose_chunk(chunk: Chunk) -> None:
    """Let every classifier of the run choose for the pictures of one chunk, and keep what it chose."""
    run = ProbeRun.objects.select_related("dataset").get(pk=chunk.payload["run"])
    # PostgreSQL keeps the keys of a JSON object in an order of its own.
    names = tuple(sorted(run.parameters["categories"]))
    watchers = list(
        Observer.objects.filter(probe_classifier__run=run)
        .select_related("probe_classifier__classifier")
        .order_by("probe_classifier__position")
    )
    images = list(
        run.dataset.images.filter(pk__gte=chunk.payload["first"], pk__lte=chunk.payload["last"]).order_by(
            "pk"
        )
    )
    # The number of a trial is the picture's place in the data set, whatever chunk it is in.
    numbered = [
        (number, cue_picture(run.dataset, image.pk, image.name))
        for number, image in enumerate(images, start=chunk.payload["before"] + 1)
    ]
    prepared = [load_prepared(_classifier(watcher)) for watcher in watchers]
    probes.describe_probe(
        run=run,
        device=device_name(prepared[0].classifier.device),
        versions=library_versions("torch", "pillow", "numpy"),
    )
    for group in places_alike(each.classifier.preprocessing.crop.key for each in prepared):
        chosen = _chosen(run, images, [prepared[place] for place in group])
        if not any(chosen):
            raise JobFailure(
                f"None of the {len(images)} images from {images[0].name} on could be read.",
                f"See that the files of {run.dataset.name} are where they were imported from.",
            )
        for place, of_images in zip(group, chosen, strict=True):
            texture_probes.write_choices(
                observer=watchers[place],
                rows=[
                    _row(number, picture, of_images[picture.image], names)
                    for number, picture in numbered
                    if picture.image in of_images
                ],
            )


def _chosen(
    run: ProbeRun, images: Sequence[Image], prepared: Sequence[PreparedClassifier]
) -> list[dict[int, int]]:
    """For each classifier the place of its category by image; unreadable images are left out."""
    from inference.categories import choose_categories

    categories = run.parameters["categories"]
    found: list[dict[int, int]] = [{} for _ in prepared]
    for batch in choose_categories(
        prepared,
        (image_item(run.dataset, image) for image in images),
        [categories[name] for name in sorted(categories)],
        cast(Aggregation, run.parameters["aggregation"]),
        cache=crop_cache(run.dataset, prepared[0]),
    ):
        for place, chosen in enumerate(batch.chosen):
            found[place] |= dict(zip(map(int, batch.keys), chosen.tolist(), strict=True))
    return found


def _row(number: int, picture: CuePicture, response: int, names: tuple[str, ...]) -> TrialRow:
    return TrialRow(
        session=1,
        trial=number,
        seconds=None,
        response=response,
        shape=names.index(picture.shape),
        texture=names.index(picture.texture),
        condition="",
        stimulus=picture.stimulus,
        image_name=picture.name,
        image=picture.image,
    )


def _classifier(watcher: Observer) -> Classifier:
    assert watcher.probe_classifier is not None
    return watcher.probe_classifier.classifier


def _refuse_unfit(classifiers: Sequence[Classifier], categories: Mapping[str, Sequence[int]]) -> None:
    for classifier in classifiers:
        if classifier.source == Classifier.Source.ELSEWHERE:
            raise Refused(
                f"Classifier {classifier.name} has no network here: its predictions are made elsewhere."
            )
        try:
            check_groups(categories, classifier.class_list.categories.count())
        except ValueError as problem:
            raise Refused(f"Classifier {classifier.name}: {problem}") from problem
    names = [classifier.name for classifier in classifiers]
    if len(set(names)) < len(names):
        raise Refused(f"The classifiers {', '.join(names)} are not all different; name each once.")


def _chunks(run: ProbeRun, images: Sequence[int]) -> list[ChunkPlan]:
    return [
        ChunkPlan(
            payload={"run": run.pk, "first": part[0], "last": part[-1], "before": start},
            size=len(part),
        )
        for start in range(0, len(images), CHUNK)
        for part in (images[start : start + CHUNK],)
    ]
