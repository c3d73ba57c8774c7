"""What stands in a row of the board of turned verdicts: labels, steps and the four pictures of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studyapp.exports.turned_board import BoardRow
from studyapp.models import AdversarialImage, Category, Explanation, ExplanationRun, Stimulus, Study, Version
from studyapp.protocol.adversarial import AdversarialQuestions
from studyapp.services.plans import protocol_of

PICTURES = ("clean", "adversarial", "explanation of clean", "explanation of adversarial")
#: What stands where there is no explanation.
NOT_EXPLAINED = "not explained"


@dataclass(frozen=True, slots=True)
class Shown:
    """An explanation on a board: its own picture, or the very stimulus that people saw."""

    explanation: Explanation
    stimulus: Stimulus | None

    @property
    def file(self) -> str:
        """Where the picture lies in storage."""
        return (self.stimulus.file if self.stimulus is not None else "") or self.explanation.picture_file


@dataclass(frozen=True, slots=True)
class TurnedRow:
    """A row with its image; label and probability are of the prediction that people were asked about.

    `steps` is the step at which that label came up; None where it never did.
    """

    votes: BoardRow
    image: AdversarialImage
    true: Category | None
    predicted: Category | None
    probability: float | None
    steps: int | None
    explained: Mapping[str, Shown]


def turned_rows(study: Study, rows: Sequence[BoardRow]) -> list[TurnedRow]:
    """The rows with what is known of their images, in their order."""
    attacked = AdversarialImage.objects.select_related(
        *("image__category", "true", "displayed_predicted", "float_predicted", "run")
    ).in_bulk([row.adversarial for row in rows])
    explained = explanations_of(study, list(attacked.values()))
    plan = protocol_of(study).questions
    from_file = not isinstance(plan, AdversarialQuestions) or plan.adversarial_label == "displayed"
    return [
        _turned_row(row, attacked[row.adversarial], explained.get(row.adversarial, {}), from_file=from_file)
        for row in rows
    ]


def _turned_row(
    row: BoardRow, image: AdversarialImage, explained: Mapping[str, Shown], *, from_file: bool
) -> TurnedRow:
    steps = image.steps_to_displayed_flip if from_file else image.steps_to_flip
    return TurnedRow(
        votes=row,
        image=image,
        true=image.true or image.image.category,
        predicted=image.displayed_predicted if from_file else image.float_predicted,
        probability=image.displayed_probability if from_file else image.float_probability,
        steps=steps if steps is not None and 0 < steps <= image.steps_taken else None,
        explained=explained,
    )


def explanations_of(study: Study, rows: Sequence[AdversarialImage]) -> Mapping[int, Mapping[str, Shown]]:
    """For each adversarial image, the explanation of its clean and of its adversarial version, if any.

    What people saw comes first; then the method that they saw elsewhere in the study, then the newest.
    """
    stimuli = (
        Stimulus.objects.filter(study=study, image__in=[row.image_id for row in rows])
        .exclude(explanation=None)
        .select_related("explanation__run")
        .order_by("-pk")
    )
    # Random superpixels are cut to an explanation's area and show nothing of it.
    seen = {
        each.explanation_id: each for each in stimuli if each.parameters.get("shows") != "random_superpixels"
    }
    methods = {each.explanation.run.method for each in seen.values() if each.explanation is not None}
    found: dict[int, dict[str, tuple[tuple[bool, bool, bool, int], Explanation]]] = {}
    candidates = Explanation.objects.filter(
        image__in=[row.image_id for row in rows], outcome=Explanation.Outcome.DONE
    ).select_related("run")
    by_image = {(row.image_id, row.run.classifier_id): row for row in rows}
    for each in candidates.exclude(picture_file=""):
        row = by_image.get((each.image_id, each.run.classifier_id))
        adversarial = each.run.version == Version.ADVERSARIAL
        if row is None or (adversarial and each.adversarial_id != row.pk):
            continue
        rank = (
            each.pk in seen,
            each.run.method in methods,
            each.run.explained != ExplanationRun.Explained.TRUE or not adversarial,
            each.pk,
        )
        best = found.setdefault(row.pk, {}).get(each.run.version)
        if best is None or rank > best[0]:
            found[row.pk][each.run.version] = (rank, each)
    return {
        pk: {version: Shown(each, seen.get(each.pk)) for version, (_, each) in versions.items()}
        for pk, versions in found.items()
    }
