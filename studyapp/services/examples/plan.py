"""Which examples a researcher asks for, checked against what is there before any work is done."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db.models import Count, QuerySet

from studyapp.models import (
    AdversarialImage,
    AttackRun,
    Category,
    Classifier,
    Dataset,
    ExampleSelection,
    Image,
    PredictionRun,
)
from studyapp.services.catalogue.class_lists import plain
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.catalogue.listings import SPLITS
from studyapp.services.refusals import Refused

NAMED = 5


@dataclass(frozen=True, slots=True)
class ExampleRequest:
    """What the researcher says of a selection, with the defaults of the paper.

    `categories`: names, wnids or indices; none: all that have images. `split`: choose among its images only;
    empty: among all. `attack`: beginning of an attack run's digest; empty: the newest. `seed`: None draws
    one, unless the same selection is there already.
    """

    method: str
    prototypes: int
    criticisms: int = 0
    categories: tuple[str, ...] = ()
    split: str = ""
    layer: str = "penultimate"
    gamma: float | None = None
    lambda_: float = 1e-5
    lambda_role: str = "regulariser"
    ties: str = "draw"
    above: float = 0.9
    below: float = 0.1
    attack: str = ""
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class ExamplePlan:
    """A request that can be carried out: its categories in order of index, the runs it reads, its parameters.

    `parameters`: of this method only, as they are stored.
    """

    request: ExampleRequest
    categories: tuple[Category, ...]
    prediction_run: PredictionRun | None
    attack_run: AttackRun | None
    parameters: Mapping[str, object]


def plan_examples(*, dataset: Dataset, classifier: Classifier, request: ExampleRequest) -> ExamplePlan:
    """Check a request against the images and the runs that are there; raises Refused with the remedy."""
    request = replace(request, split=SPLITS.get(request.split.casefold(), request.split))
    _check_numbers(request)
    map_classes(dataset=dataset, classifier=classifier)
    if request.split and not dataset.images.filter(split=request.split).exists():
        known = sorted(set(dataset.images.exclude(split="").order_by().values_list("split", flat=True)))
        raise Refused(
            f"Dataset {dataset.name} has no split {request.split!r} (it has {', '.join(known) or 'none'}); "
            "give one of them, or none for all images."
        )
    method = ExampleSelection.Method
    if request.method == method.MMD_CRITIC:
        _check_network(dataset, classifier)
    categories = _categories(dataset, request)
    wanted = request.prototypes + request.criticisms
    _check_counts(_counts(candidates(dataset, request.split)), categories, wanted, images_word(request.split))
    prediction_run = _prediction_run(dataset, classifier, needed=request.method == method.PROBABILITY)
    attack_run = _attack_run(dataset, classifier, request)
    if request.method == method.PROBABILITY and prediction_run is not None:
        predicted = candidates(dataset, request.split).filter(predictions__run=prediction_run)
        _check_counts(_counts(predicted), categories, wanted, f"predicted {images_word(request.split)}")
    if request.method == method.ADVERSARIAL and attack_run is not None:
        _check_attacked(attack_run, categories, request, wanted)
    parameters: dict[ExampleSelection.Method, dict[str, object]] = {
        method.MMD_CRITIC: {
            "layer": request.layer,
            "kernel": "rbf",
            "gamma": request.gamma,
            "lambda": request.lambda_,
            "lambda_role": request.lambda_role,
        },
        method.ADVERSARIAL: {
            "ties": request.ties,
            "steps": attack_run.parameters["steps"] if attack_run else None,
            "attack": attack_run.digest if attack_run else "",
        },
        method.PROBABILITY: {"above": request.above, "below": request.below},
        method.RANDOM: {},
    }
    return ExamplePlan(request, categories, prediction_run, attack_run, parameters[method(request.method)])


def candidates(dataset: Dataset, split: str) -> QuerySet[Image]:
    """The images that examples are chosen from."""
    return dataset.images.filter(split=split) if split else dataset.images.all()


def images_word(split: str) -> str:
    """What the images of a split are called in sentences: "training images"."""
    return f"{'training' if split == 'train' else split} images".strip()


def _check_numbers(request: ExampleRequest) -> None:
    if request.method not in ExampleSelection.Method.values:
        raise Refused(f"Method {request.method!r} is none of {', '.join(ExampleSelection.Method.values)}.")
    if request.prototypes < 1 or request.criticisms < 0:
        raise Refused(
            f"{request.prototypes} prototypes and {request.criticisms} criticisms: ask for at least one "
            "prototype and no negative number of criticisms."
        )
    if not 0 < request.below <= request.above < 1:
        raise Refused(
            f"Probability thresholds {request.below:g} (criticisms) and {request.above:g} (prototypes): they "
            "lie between 0 and 1, the first no larger than the second."
        )
    if not 0 <= request.lambda_ < float("inf"):
        raise Refused(f"Lambda {request.lambda_}: give a number from 0 on.")


def _check_network(dataset: Dataset, classifier: Classifier) -> None:
    if not dataset.root and not dataset.copied:
        raise Refused(
            f"Dataset {dataset.name} lists names without pixels, so there are no features to choose by; take "
            "another method."
        )
    if classifier.source == Classifier.Source.ELSEWHERE:
        raise Refused(
            f"Classifier {classifier.name} has no network here, so there are no features to choose by; take "
            "another method."
        )


def _categories(dataset: Dataset, request: ExampleRequest) -> tuple[Category, ...]:
    """The categories asked for, in order of index; all that have images of the split where none is named."""
    used = Category.objects.filter(
        pk__in=candidates(dataset, request.split).order_by().values("category").distinct()
    )
    if not request.categories:
        return tuple(used.order_by("index"))
    every = list(dataset.class_list.categories.all())
    by_key: dict[str, list[Category]] = {}
    for category in every:
        for key in {str(category.index), category.wnid, plain(category.name)} - {""}:
            by_key.setdefault(key, []).append(category)
    chosen: dict[int, Category] = {}
    for text in request.categories:
        found = by_key.get(text) or by_key.get(plain(text)) or []
        if not found:
            close = difflib.get_close_matches(plain(text), by_key, n=3)
            nearest = f" Nearest: {', '.join(by_key[key][0].name for key in close)}." if close else ""
            raise Refused(
                f"Dataset {dataset.name} has no category {text!r}.{nearest} Give names, wnids or indices of "
                "its classes."
            )
        if len(found) > 1:
            raise Refused(
                f"{text!r} names {len(found)} categories of {dataset.name}: give wnids "
                f"({', '.join(each.wnid or str(each.index) for each in found)})."
            )
        chosen[found[0].pk] = found[0]
    return tuple(sorted(chosen.values(), key=lambda category: category.index))


def _counts(images: QuerySet[Image]) -> dict[int, int]:
    return dict(
        images.order_by().values_list("category").annotate(count=Count("pk")).values_list("category", "count")
    )


def _check_counts(
    counts: Mapping[int, int], categories: Sequence[Category], wanted: int, images: str
) -> None:
    """Refuse categories with fewer images than asked, all of them in one message."""
    short = [each for each in categories if counts.get(each.pk, 0) < wanted]
    if not categories:
        raise Refused(f"There are no {images} to choose from; import them first.")
    if short:
        named = ", ".join(f"{each.name!r} {counts.get(each.pk, 0)}" for each in short[:NAMED])
        raise Refused(
            f"{wanted} examples are asked for and {len(short):,} of {len(categories):,} categories have "
            f"fewer {images}: {named}{', ...' if len(short) > NAMED else ''}. Ask for fewer examples, or "
            "name the other categories."
        )


def _prediction_run(dataset: Dataset, classifier: Classifier, *, needed: bool) -> PredictionRun | None:
    run = (
        PredictionRun.objects.filter(
            dataset=dataset, classifier=classifier, weights_sha256=classifier.weights_sha256
        )
        .exclude(finished_at=None)
        .order_by("-created_at")
        .first()
    )
    if run is None and needed:
        raise Refused(
            f"There are no complete predictions of {classifier.name} for {dataset.name}; make them with: "
            f"predict {dataset.name} {classifier.name}"
        )
    return run


def _attack_run(dataset: Dataset, classifier: Classifier, request: ExampleRequest) -> AttackRun | None:
    """The attack that the request names, else the newest complete one; None where there is no need of one."""
    runs = AttackRun.objects.filter(
        dataset=dataset, classifier=classifier, weights_sha256=classifier.weights_sha256
    ).exclude(finished_at=None)
    run = runs.filter(digest__startswith=request.attack).order_by("-created_at").first()
    if run is None and (request.method == ExampleSelection.Method.ADVERSARIAL or request.attack):
        known = ", ".join(digest[:12] for digest in runs.values_list("digest", flat=True))
        named = f" whose digest begins with {request.attack!r}" if request.attack else ""
        raise Refused(
            f"There is no complete attack{named} on {classifier.name} with {dataset.name}"
            f"{f' (there are: {known})' if known else ''}; make one with: "
            f"attack {dataset.name} {classifier.name}"
        )
    return run


def _check_attacked(
    run: AttackRun, categories: Sequence[Category], request: ExampleRequest, wanted: int
) -> None:
    """Refuse where the attack left out a category, or too few of its images were right before it."""
    outside = [each for each in categories if run.categories and each.pk not in run.categories]
    if outside:
        named = ", ".join(each.name for each in outside[:NAMED])
        raise Refused(
            f"The attack {run.digest[:12]} left out {len(outside):,} of the {len(categories):,} categories: "
            f"{named}{', ...' if len(outside) > NAMED else ''}. Name the others, or attack these too."
        )
    attacked = candidates(run.dataset, request.split).filter(
        adversarial_images__run=run,
        adversarial_images__outcome=AdversarialImage.Outcome.ATTACKED,
        adversarial_images__steps_to_flip__gte=1,
    )
    _check_counts(
        _counts(attacked),
        categories,
        wanted,
        f"{images_word(request.split)} that were predicted rightly and attacked",
    )
