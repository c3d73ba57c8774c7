"""What an adversarial study is made from: the attack on each classifier, the explanations of its images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from studyapp.models import AttackRun, Dataset, Explanation, ExplanationRun
from studyapp.protocol.adversarial import AdversarialLabel
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.protocol.schema import AttackPlan
from studyapp.services.attacks.runs import attack_run_for
from studyapp.services.explanations.images import mistaken
from studyapp.services.explanations.runs import ExplanationSubject, explanation_run_for
from studyapp.services.planning.study_predictions import RunPredictions, StudyPredictions
from studyapp.services.refusals import Refused

_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Fooling:
    """An attacked image that the classifier mistakes; categories by id, in the dataset's words.

    `label` is what it is mistaken for, `ranking` what the classifier says of the stored picture, best
    first; `prediction` is the row of the clean image.
    """

    image: int
    adversarial: int
    prediction: int | None
    true: int
    label: int
    ranking: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """What planning needs to know of one explanation: its row and how many superpixels it can show."""

    explanation: int
    positive: int


@dataclass(frozen=True, slots=True)
class AttackedClassifier:
    """One classifier of the study: its attack, the images that fool it, their explanations.

    `explained` has, for each subject, the explanations that succeeded by image; `tried` the images that
    every subject has been tried on.
    """

    predictions: RunPredictions
    attack_run: AttackRun
    fooling: tuple[Fooling, ...]
    explained: Mapping[ExplanationSubject, Mapping[int, Explained]]
    tried: frozenset[int]
    lost_in_file: int


def read_sources(
    *,
    dataset: Dataset,
    predictions: StudyPredictions,
    attack: AttackPlan,
    explanation: ExplanationPlan,
    label: AdversarialLabel,
    subjects: Sequence[ExplanationSubject],
    sampled: bool,
) -> tuple[AttackedClassifier, ...]:
    """The finished attack and explanations of every classifier, in the study's order.

    A study that draws a sample (`sampled`) may take it from the images that are explained; any other
    needs the explanations of all. Raises Refused with every command that is still to be given.
    """
    found: list[AttackedClassifier] = []
    missing: list[str] = []
    for run in predictions.runs:
        try:
            attack_run = attack_run_for(dataset, run.classifier, attack)
        except Refused as refused:
            missing.append(str(refused))
            if subjects:
                missing.append(
                    f"Then its pictures are explained by: python manage.py explain {dataset.name} "
                    f"{run.classifier.name} --protocol PROTOCOL.toml"
                )
            continue
        fooling = _fooling(attack_run, run, label)
        every = [each.image for each in fooling]
        runs: dict[ExplanationSubject, ExplanationRun] = {}
        for subject in subjects:
            try:
                runs[subject] = explanation_run_for(
                    dataset=dataset,
                    classifier=run.classifier,
                    attack_run=attack_run,
                    version=subject.version,
                    method=subject.method,
                    explained=subject.explained,
                    plan=explanation,
                    adversarial_label=label,
                    images=None if sampled else every,
                )
            except Refused as refused:
                missing.append(str(refused))
        found.append(
            AttackedClassifier(
                predictions=run,
                attack_run=attack_run,
                fooling=fooling,
                explained={subject: _explained(made, every) for subject, made in runs.items()},
                tried=_tried(runs.values(), every),
                lost_in_file=_lost_in_file(attack_run) if label == "displayed" else 0,
            )
        )
    if missing:
        if any(" lacks " in each for each in missing):
            missing.append("Or ask about fewer images: [questions] sample = N draws N of those explained.")
        raise Refused("\n".join(missing))
    return tuple(found)


def _fooling(run: AttackRun, predictions: RunPredictions, label: AdversarialLabel) -> tuple[Fooling, ...]:
    labels = predictions.labels
    rows = mistaken(run, label).order_by("image_id")
    said = "float_predicted_id" if label == "float" else "displayed_predicted_id"
    return tuple(
        Fooling(
            image=image,
            adversarial=pk,
            prediction=predictions.correct.get(image),
            true=true,
            label=labels.by_id[predicted],
            ranking=labels.ranked(ranking),
        )
        for pk, image, true, predicted, ranking in rows.values_list(
            "pk", "image_id", "image__category_id", said, "displayed_ranking"
        )
    )


def _lost_in_file(run: AttackRun) -> int:
    """Images that fool the classifier in float and no longer from the stored picture."""
    in_float = mistaken(run, "float").values("pk")
    return in_float.exclude(pk__in=mistaken(run, "displayed").values("pk")).count()


def _explained(run: ExplanationRun, images: Sequence[int]) -> dict[int, Explained]:
    found: dict[int, Explained] = {}
    for start in range(0, len(images), _IDS_AT_ONCE):
        rows = run.explanations.filter(
            image__in=images[start : start + _IDS_AT_ONCE], outcome=Explanation.Outcome.DONE
        )
        for pk, image, positive in rows.values_list("pk", "image_id", "positive"):
            found[image] = Explained(pk, positive)
    return found


def _tried(runs: Iterable[ExplanationRun], images: Sequence[int]) -> frozenset[int]:
    tried = set(images)
    for run in runs:
        tried &= set(run.explanations.values_list("image_id", flat=True))
    return frozenset(tried)
