"""Attack runs: opened once for their parameters and categories, written chunk by chunk, found again."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from studyapp.models import AdversarialImage, AttackRun, Classifier, Dataset, Image, PredictionRun, Study
from studyapp.protocol.attack import AttackPlan
from studyapp.services.refusals import Refused

BATCH = 500
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Said:
    """What the classifier says of a picture: a category (primary key), its probability and the label's."""

    predicted: int
    probability: float
    true_probability: float


@dataclass(frozen=True, slots=True)
class Perturbation:
    """Its largest and Euclidean size in grey levels of 255, in float and in the stored picture."""

    float_linf: float
    float_l2: float
    displayed_linf: float
    displayed_l2: float


@dataclass(frozen=True, slots=True)
class Attacked:
    """An attacked image whose picture is in storage under `file`."""

    image_id: int
    true: int
    steps_taken: int
    steps_to_flip: int
    steps_to_displayed_flip: int
    clean: Said
    float32: Said
    displayed: Said
    displayed_ranking: tuple[int, ...]
    perturbation: Perturbation
    sha256: str
    side: int


@dataclass(frozen=True, slots=True)
class WrongAtStart:
    """An image that the classifier got wrong before any attack: counted, not attacked."""

    image_id: int
    true: int
    clean: Said


@dataclass(frozen=True, slots=True)
class NotAttacked:
    """An image whose attack failed, and why."""

    image_id: int
    true: int
    reason: str


def parameters_of(plan: AttackPlan) -> dict[str, object]:
    """The plan as stored with a run: every key, defaults filled in."""
    return asdict(plan)


def plan_of(run: AttackRun) -> AttackPlan:
    """The plan that a run carries out."""
    return AttackPlan(**{key.name: run.parameters[key.name] for key in fields(AttackPlan)})


def digest_of(plan: AttackPlan, categories: Iterable[int]) -> str:
    """SHA-256 of parameters and categories (none: all of the dataset's), whatever their order."""
    what = {"parameters": parameters_of(plan), "categories": sorted(categories)}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


@transaction.atomic
def open_attack_run(
    *,
    dataset: Dataset,
    classifier: Classifier,
    plan: AttackPlan,
    categories: Sequence[int] = (),
    seed: int | None = None,
) -> AttackRun:
    """The run of this attack by these weights on these categories; there is only ever one.

    Raises Refused where the classifier's predictions of the dataset, which give the accuracy before the
    attack, are missing.
    """
    run, _ = AttackRun.objects.get_or_create(
        dataset=dataset,
        classifier=classifier,
        weights_sha256=classifier.weights_sha256,
        digest=digest_of(plan, categories),
        defaults={
            "prediction_run": _prediction_run(dataset, classifier),
            "parameters": parameters_of(plan),
            "categories": sorted(categories),
            "seed": seed,
        },
    )
    return run


def attack_run_for(dataset: Dataset, classifier: Classifier, plan: AttackPlan) -> AttackRun:
    """The newest finished run of this attack on the dataset, on all of its categories or on drawn ones.

    Raises Refused with the command that makes or finishes it.
    """
    runs = [
        run
        for run in AttackRun.objects.filter(
            dataset=dataset, classifier=classifier, weights_sha256=classifier.weights_sha256
        ).order_by("-pk")
        if run.parameters == parameters_of(plan)
    ]
    for run in runs:
        if run.finished_at is not None and not images_to_attack(run=run).exists():
            return run
    command = attack_command(dataset=dataset, classifier=classifier, plan=plan, run=runs[0] if runs else None)
    if not runs:
        raise Refused(
            f"{dataset.name} has not been attacked with classifier {classifier.name} and these parameters; "
            f"run: {command}"
        )
    left = images_to_attack(run=runs[0]).count()
    raise Refused(
        f"Attack {runs[0].pk} on {classifier.name} with {dataset.name} is not finished "
        f"({left:,} of {run_images(run=runs[0]).count():,} images are left); run: {command}"
    )


def attack_command(
    *, dataset: Dataset, classifier: Classifier, plan: AttackPlan, run: AttackRun | None = None
) -> str:
    """The command line of this attack, without what is left at its default."""
    words = ["manage.py attack", dataset.name, classifier.name]
    if run is not None and run.seed is not None:
        words += ["--categories", str(len(run.categories)), "--seed", str(run.seed)]
    for key in fields(AttackPlan):
        value = getattr(plan, key.name)
        if value == key.default:
            continue
        option = f"--{key.name.replace('_', '-')}"
        words += [option] if value is True else [option, str(value)]
    return " ".join(words)


def run_images(*, run: AttackRun) -> QuerySet[Image]:
    """The images of the run's categories, attacked or not."""
    images = Image.objects.filter(dataset_id=run.dataset_id)
    return images.filter(category__in=run.categories) if run.categories else images


def images_to_attack(*, run: AttackRun) -> QuerySet[Image]:
    """Images of the run's categories that have no row yet."""
    return run_images(run=run).exclude(pk__in=run.adversarial_images.values("image"))


def forget_failures(*, run: AttackRun) -> int:
    """Drop the rows of images whose attack failed, so that the next job tries them again; how many."""
    return run.adversarial_images.filter(outcome=AdversarialImage.Outcome.FAILED).delete()[0]


def refuse_growth(*, run: AttackRun) -> None:
    """A study is made from a complete attack: raises Refused where more of it would change the study."""
    names = list(
        Study.objects.filter(study_classifiers__attack_run=run)
        .order_by("name")
        .values_list("name", flat=True)
    )
    if names:
        raise Refused(
            f"Dataset {run.dataset.name} has grown since study {', '.join(names)} was made from this attack "
            f"on {run.classifier.name}; more of it would change the study's error rates. Import the new "
            "images as a dataset of their own."
        )


def describe_attack(*, run: AttackRun, device: str, versions: Mapping[str, str]) -> None:
    """Record what computes a run; a run that several machines worked at names the last."""
    AttackRun.objects.filter(pk=run.pk).update(device=device[:100], versions=dict(versions))


def finish_attack(*, run: AttackRun) -> None:
    """Mark a run finished once, with the number of its images."""
    AttackRun.objects.filter(pk=run.pk).update(images=run_images(run=run).count())
    AttackRun.objects.filter(pk=run.pk, finished_at=None).update(finished_at=timezone.now())


def adversarial_key(*, run_id: int, image_id: int) -> str:
    """The public key of an adversarial image: nobody can guess it, and a job that runs again gets the same.

    So a picture that was stored by a worker that died before it wrote the row is replaced, not orphaned.
    """
    digest = salted_hmac("second-look.adversarial", f"{run_id}:{image_id}", algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest[:_KEY_BYTES]).rstrip(b"=").decode()


def adversarial_name(key: str) -> str:
    """The name in storage of an adversarial picture."""
    return f"adversarial/{key[:2]}/{key}.png"


@transaction.atomic
def write_attack(*, run: AttackRun, rows: Sequence[Attacked | WrongAtStart | NotAttacked]) -> None:
    """Write rows, found again by run and image, so that the same chunk may be written twice."""
    AdversarialImage.objects.bulk_create(
        (_row(run, each) for each in rows), batch_size=BATCH, ignore_conflicts=True
    )


def _row(run: AttackRun, found: Attacked | WrongAtStart | NotAttacked) -> AdversarialImage:
    key = adversarial_key(run_id=run.pk, image_id=found.image_id)
    row = AdversarialImage(run=run, image_id=found.image_id, key=key, true_id=found.true)
    if isinstance(found, NotAttacked):
        row.outcome, row.reason = AdversarialImage.Outcome.FAILED, found.reason[:300]
        return row
    row.clean_predicted_id, row.clean_probability = found.clean.predicted, found.clean.probability
    if isinstance(found, WrongAtStart):
        row.outcome = AdversarialImage.Outcome.WRONG_AT_START
        row.steps_to_flip = row.steps_to_displayed_flip = 0
        return row
    row.outcome = AdversarialImage.Outcome.ATTACKED
    row.steps_taken, row.steps_to_flip = found.steps_taken, found.steps_to_flip
    row.steps_to_displayed_flip = found.steps_to_displayed_flip
    row.float_predicted_id, row.float_probability = found.float32.predicted, found.float32.probability
    row.float_true_probability = found.float32.true_probability
    row.displayed_predicted_id = found.displayed.predicted
    row.displayed_probability = found.displayed.probability
    row.displayed_true_probability = found.displayed.true_probability
    row.displayed_ranking = list(found.displayed_ranking)
    for name, size in asdict(found.perturbation).items():
        setattr(row, name, size)
    row.file, row.sha256, row.side = adversarial_name(key), found.sha256, found.side
    return row


def _prediction_run(dataset: Dataset, classifier: Classifier) -> PredictionRun:
    runs = PredictionRun.objects.filter(
        dataset=dataset, classifier=classifier, weights_sha256=classifier.weights_sha256
    ).exclude(finished_at=None)
    newest = runs.order_by("-finished_at", "-pk").first()
    if newest is None:
        raise Refused(
            f"Classifier {classifier.name} has no predictions of {dataset.name} yet, and an attack needs the "
            f"accuracy before it; run: manage.py predict {dataset.name} {classifier.name}"
        )
    return newest
