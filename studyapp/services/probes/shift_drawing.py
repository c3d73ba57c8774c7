"""Flips of a shift run for people: which are drawn, the job that writes their pictures, and the dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from studyapp.models import Dataset, Image, Job, PredictionRun, ShiftRun
from studyapp.services.jobs import ChunkPlan, JobPlan, begun_or_new_job, retry_job
from studyapp.services.predictions.runs import Ranked, finish_run, write_predictions
from studyapp.services.probes.shift_flips import ClassifierFlips, shift_flips
from studyapp.services.refusals import Refused

KIND = "shift_flips"
#: Stands where a run of `predict` names its precision: these predictions are the shift run's own.
PRECISION = "shift"
#: Under this name the parameters of a prediction run hold the key of the shift run that it is of.
SHIFT = "shift"
SAMPLE, MOST = 40, 1_000
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class FlipDraw:
    """At most `sample` flips of each classifier (`positions` in the run), drawn from `seed`."""

    run: ShiftRun
    positions: tuple[int, ...]
    sample: int
    seed: int

    @property
    def dataset(self) -> str:
        """The name of the dataset that the drawn pictures become: the same for the same draw.

        It says nothing of what the picture shows, because names of studies begin with it.
        """
        told_apart = json.dumps([self.run.key, self.positions, self.sample, self.seed])
        return f"shift-flips-{hashlib.sha256(told_apart.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class DrawnFlips:
    """The flips of one classifier and the places drawn from them, in order."""

    flips: ClassifierFlips
    places: tuple[int, ...]


def flip_draw(*, run: ShiftRun, classifiers: Sequence[str], sample: int, seed: int) -> FlipDraw:
    """What to draw. Raises Refused for a classifier that is not of the run or has no flip to ask about."""
    if not 1 <= sample <= MOST:
        raise Refused(f"{sample:,} flips of each classifier are out of range: give 1 to {MOST:,}.")
    if not 0 <= seed <= LARGEST_SEED:
        raise Refused(f"The seed {seed} is out of range: give 0 to {LARGEST_SEED:,}.")
    found = {each.classifier.name: each for each in shift_flips(run)}
    if not any(len(each.in_question) for each in found.values()):
        raise Refused(_why_none(run, found))
    if not classifiers:
        raise Refused("No classifier is chosen: choose at least one.")
    for name in classifiers:
        if name not in found:
            raise Refused(f"{run} has no classifier {name!r}; it has {', '.join(found)}.")
        if not len(found[name].in_question):
            raise Refused(f"{name} flips to no class but {run.target_name}: leave it out.")
    chosen = sorted({found[name].maps.position for name in classifiers})
    return FlipDraw(run, tuple(chosen), sample, seed)


def _why_none(run: ShiftRun, found: Mapping[str, ClassifierFlips]) -> str:
    if any(each.flips for each in found.values()):
        return f"Every flip is to {run.target_name}, the picture's own label: there is nothing to ask about."
    return "Nothing flips: every classifier says the same at every place as at the centre."


def drawn_flips(draw: FlipDraw) -> tuple[DrawnFlips, ...]:
    """The places drawn for each chosen classifier: without replacement, and whoever else is chosen."""
    found = []
    for each in shift_flips(draw.run):
        if each.maps.position in draw.positions:
            there = each.in_question
            rng = np.random.default_rng([draw.seed, each.maps.position])
            drawn = rng.choice(there, min(draw.sample, len(there)), replace=False)
            found.append(DrawnFlips(each, tuple(sorted(drawn.tolist()))))
    return tuple(found)


def places_of(drawn: Sequence[DrawnFlips]) -> list[int]:
    """Every place drawn for any of the classifiers, in order."""
    return sorted({place for each in drawn for place in each.places})


def start_drawing(*, draw: FlipDraw, created_by: User | None = None) -> Job | None:
    """The job that writes the drawn pictures, begun anew where it had failed; None where they are there."""
    if Dataset.objects.filter(name=draw.dataset).exists():
        return None
    parameters = {
        "run": draw.run.pk,
        "dataset": draw.dataset,
        "positions": list(draw.positions),
        "sample": draw.sample,
        "seed": draw.seed,
    }
    pictures = len(places_of(drawn_flips(draw)))
    job = begun_or_new_job(
        rows=ShiftRun.objects.filter(pk=draw.run.pk),
        plan=JobPlan(
            kind=KIND,
            title=f"Flips for people: {draw.run.title}"[:200],
            parameters=parameters,
            chunks=lambda: [ChunkPlan({}, pictures)],
            unit="pictures",
            created_by=created_by,
        ),
    )
    return retry_job(job=job) if job is not None and job.can_be_retried else job


def draw_of(job: Job) -> FlipDraw:
    """What a job of `start_drawing` draws."""
    told = job.parameters
    run = ShiftRun.objects.get(pk=told["run"])
    return FlipDraw(run, tuple(told["positions"]), told["sample"], told["seed"])


@transaction.atomic
def register_drawn(*, draw: FlipDraw, drawn: Sequence[DrawnFlips], digests: Mapping[int, str]) -> Dataset:
    """The drawn pictures as a dataset with the stored top-1 as predictions; all of it or nothing, once.

    `digests`: place -> SHA-256 of its picture's file, which is in storage. Places that look alike in every
    pixel are one image, and what a classifier says of it is its top-1 at the first of them.
    """
    run, first = draw.run, drawn[0].flips.classifier
    dataset, new = Dataset.objects.get_or_create(
        name=draw.dataset,
        defaults={
            "layout": Dataset.Layout.CSV,
            "copied": True,
            "enlarge": Dataset.Enlarge.NEAREST,
            "class_list": first.class_list,
        },
    )
    if not new:
        return dataset
    first_place: dict[str, int] = {}
    for place in sorted(digests):
        first_place.setdefault(digests[place], place)
    label = first.class_list.categories.get(index=run.target)
    source = _source(run)
    written = Image.objects.bulk_create(
        (
            Image(
                dataset=dataset,
                name=_file_name(run, place),
                category=label,
                width=run.width,
                height=run.height,
                sha256=digest,
                source=source,
            )
            for digest, place in first_place.items()
        ),
        batch_size=1000,
    )
    images = dict(zip(first_place.values(), (image.pk for image in written), strict=True))
    shown_at = {place: first_place[digest] for place, digest in digests.items()}
    for each in drawn:
        _write_predictions(draw, dataset, each, images, shown_at)
    return dataset


def _write_predictions(
    draw: FlipDraw,
    dataset: Dataset,
    drawn: DrawnFlips,
    images: Mapping[int, int],
    shown_at: Mapping[int, int],
) -> None:
    """The top-1 of one classifier at the place of every image, and what was drawn for it."""
    flips = drawn.flips
    stands_for: dict[int, int] = {}
    for place in drawn.places:
        shown = shown_at[place]
        # Of places alike in every pixel one may fall to the other side of a tie: it is not asked about.
        if flips.top1[shown] == flips.top1[place]:
            stands_for[images[shown]] = stands_for.get(images[shown], 0) + 1
    run = PredictionRun.objects.create(
        dataset=dataset,
        classifier=flips.classifier,
        weights_sha256=flips.maps.weights_sha256,
        precision=PRECISION,
        device=draw.run.device,
        versions=draw.run.versions,
        parameters={
            SHIFT: draw.run.key,
            "seed": draw.seed,
            "sample": draw.sample,
            "places": flips.places,
            "flips": flips.flips,
            "flips_to_class": flips.right,
            # Images drawn for this classifier, and how many drawn places each stands for.
            "drawn": sorted(stands_for.items()),
        },
    )
    write_predictions(
        run=run,
        ranked=[Ranked(pk, (int(flips.top1[place]),), ()) for place, pk in images.items()],
        labels=dict.fromkeys(images.values(), draw.run.target),
        categories=dict(flips.classifier.class_list.categories.values_list("index", "pk")),
    )
    finish_run(run=run)


def drawn_runs(run: ShiftRun) -> QuerySet[PredictionRun]:
    """The stored top-1 of a shift run's classifiers at places that were drawn from it."""
    return PredictionRun.objects.filter(**{f"parameters__{SHIFT}": run.key})


def _file_name(run: ShiftRun, place: int) -> str:
    """Rows and columns of pixels of the top left corner, such as y012-x034.png; they sort as they lie."""
    row, column = divmod(place, run.columns)
    digits = max(3, len(str(max(run.rows, run.columns) * run.stride)))
    return f"y{row * run.stride:0{digits}}-x{column * run.stride:0{digits}}.png"


def _source(run: ShiftRun) -> Image | None:
    """The dataset's image that was shifted, where it came from one (DATASET:NAME)."""
    told = str(run.parameters.get("patch") or run.parameters.get("image") or "")
    holder, _, name = told.partition(":")
    return Image.objects.filter(dataset__name=holder, name=name).first() if name else None
