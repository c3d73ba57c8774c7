"""What planning a study of any kind has in common: what a plan is and how its questions are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from studyapp.models import (
    Arm,
    AttackRun,
    Category,
    Classifier,
    Dataset,
    PredictionRun,
    Question,
    QuestionUse,
    Study,
    StudyClassifier,
)
from studyapp.protocol.schema import Protocol
from studyapp.services.planning.asking import QuestionDraft
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.study_files import StudyFiles

ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class ClassifierRuns:
    """A classifier of a study and the runs that its predictions and adversarial images come from."""

    classifier: Classifier
    run: PredictionRun
    attack_run: AttackRun | None = None


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """Questions by the part they play (pooled ones play several), all arms together; pictures to render.

    `questions` are those that collect answers: gold and practice are counted apart.
    """

    roles: Mapping[QuestionUse.Role, int]
    questions: int
    gold: int
    practice: int
    stimuli: int


class StudyPlan(Interface):
    """Everything that a study will ask, decided and not yet written.

    `notes` say what came out smaller than the protocol asks, `drawer` holds the random draws behind it,
    `categories` are the ids of those whose names people may read; `runs` are in the protocol's order.
    """

    @property
    def notes(self) -> tuple[str, ...]: ...

    @property
    def drawer(self) -> Drawer: ...

    @property
    def categories(self) -> frozenset[int]: ...

    @property
    def runs(self) -> tuple[ClassifierRuns, ...]: ...

    def counts(self) -> PlanCounts:
        """How much there is to ask, for the page of a new study."""

    def write(self, *, study: Study, positions: Sequence[StudyClassifier]) -> None:
        """Write stimuli (their pictures come later), questions with their uses, and the draws.

        The study's arms are there already; `positions` are its classifiers in the order of `runs`.
        Runs inside the caller's transaction.
        """


# (protocol, dataset, classifiers in the protocol's order, files the protocol names) -> plan.
# Raises Refused where there is nothing to ask, or what it needs has not been computed.
Planner = Callable[[Protocol, Dataset, Sequence[Classifier], StudyFiles], StudyPlan]

# (image id, `Stimulus.variant`) -> id of the stimulus.
StimulusIds = Mapping[tuple[int, str], int]


def shown_categories(ids: Iterable[int]) -> list[Category]:
    """The categories of these ids, in the order of the ids."""
    wanted = sorted(ids)
    return [
        category
        for start in range(0, len(wanted), 500)
        for category in Category.objects.filter(pk__in=wanted[start : start + 500]).order_by("pk")
    ]


def counts_of(drafts: Iterable[QuestionDraft], *, stimuli: int) -> PlanCounts:
    """The counts of the drafts of all arms."""
    roles = dict.fromkeys(QuestionUse.Role, 0)
    questions = gold = practice = 0
    for draft in drafts:
        parts = {use.role for use in draft.uses}
        for role in parts:
            roles[role] += 1
        practice += draft.origin == Question.Origin.PRACTICE
        gold += parts == {QuestionUse.Role.GOLD}
        questions += draft.origin == Question.Origin.STUDY and parts != {QuestionUse.Role.GOLD}
    return PlanCounts(
        {role: many for role, many in roles.items() if many}, questions, gold, practice, stimuli
    )


def write_drafts(
    *,
    study: Study,
    arm: Arm,
    drafts: Sequence[QuestionDraft],
    stimuli: StimulusIds,
    positions: Sequence[StudyClassifier],
    parameters: Callable[[QuestionDraft], dict[str, object]],
) -> None:
    """Write the questions of one arm and the parts they play; `parameters` are those of each question."""
    Question.objects.bulk_create(
        (
            Question(
                study=study,
                arm=arm,
                stimulus_id=stimuli[draft.image, draft.variant],
                image_id=draft.image,
                label_id=draft.label,
                labels=list(draft.labels),
                content=draft.content,
                origin=draft.origin,
                expected=draft.expected,
                parameters=parameters(draft),
            )
            for draft in drafts
        ),
        batch_size=ROWS_AT_ONCE,
    )
    rows = Question.objects.filter(study=study, arm=arm).values_list("image_id", "content", "origin", "pk")
    ids = {(image, content, origin): pk for image, content, origin, pk in rows}
    QuestionUse.objects.bulk_create(_uses(drafts, ids, positions), batch_size=ROWS_AT_ONCE)


def _uses(
    drafts: Iterable[QuestionDraft],
    ids: Mapping[tuple[int, str, str], int],
    positions: Sequence[StudyClassifier],
) -> Iterable[QuestionUse]:
    for draft in drafts:
        question = ids[(draft.image, draft.content, draft.origin)]
        for use in draft.uses:
            yield QuestionUse(
                question_id=question,
                role=use.role,
                study_classifier=None if use.classifier is None else positions[use.classifier],
                prediction_id=use.prediction,
                adversarial_id=use.adversarial,
                stratum=use.stratum,
                weight=use.weight,
            )
