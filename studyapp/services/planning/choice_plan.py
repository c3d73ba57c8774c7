"""Planning a study of kind `forced_choice`: the pictures in conflict of a dataset, one question each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studyapp.models import (
    Classifier,
    Dataset,
    Question,
    QuestionUse,
    Stimulus,
    Study,
    StudyClassifier,
)
from studyapp.protocol.schema import ForcedChoiceQuestions, Protocol
from studyapp.services.planning.asking import QuestionDraft, Use
from studyapp.services.planning.cue_pictures import CuePicture, cue_pictures
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.plan import ROWS_AT_ONCE, ClassifierRuns, PlanCounts, counts_of, write_drafts
from studyapp.services.planning.study_files import StudyFiles
from studyapp.services.refusals import Refused

CONTENT = "choice"


@dataclass(frozen=True, slots=True)
class ChoicePlan:
    """The pictures in the order drawn, and those to practise with; see `planning.StudyPlan`."""

    pictures: Mapping[int, CuePicture]
    practice: tuple[int, ...]
    arm: str
    drawer: Drawer
    notes: tuple[str, ...]

    @property
    def runs(self) -> tuple[ClassifierRuns, ...]:
        """No classifier is asked about."""
        return ()

    @property
    def categories(self) -> frozenset[int]:
        """The words on the buttons are the protocol's, not the dataset's."""
        return frozenset()

    def counts(self) -> PlanCounts:
        """One question per picture."""
        return counts_of(self._drafts(), stimuli=len(self.pictures))

    def write(self, *, study: Study, positions: Sequence[StudyClassifier]) -> None:
        """Write stimuli and questions in the order drawn, so that no number tells what a picture shows."""
        Stimulus.objects.bulk_create(
            (Stimulus(study=study, image_id=image) for image in self.pictures), batch_size=ROWS_AT_ONCE
        )
        rows = Stimulus.objects.filter(study=study).values_list("image_id", "variant", "pk")
        write_drafts(
            study=study,
            arm=study.arms.get(name=self.arm),
            drafts=self._drafts(),
            stimuli={(image, variant): pk for image, variant, pk in rows},
            positions=positions,
            parameters=self._parameters,
        )
        self.drawer.store(study)

    def _drafts(self) -> list[QuestionDraft]:
        practice = frozenset(self.practice)
        return [
            QuestionDraft(
                image,
                CONTENT,
                Question.Origin.PRACTICE if image in practice else Question.Origin.STUDY,
                None,
                (),
                expected=picture.shape if image in practice else "",
                uses=[Use(QuestionUse.Role.PRACTICE if image in practice else QuestionUse.Role.CHOICE)],
            )
            for image, picture in self.pictures.items()
        ]

    def _parameters(self, draft: QuestionDraft) -> dict[str, object]:
        picture = self.pictures[draft.image]
        return {"shape": picture.shape, "texture": picture.texture, "stimulus": picture.stimulus}


def plan_choices(
    protocol: Protocol, dataset: Dataset, classifiers: Sequence[Classifier], files: StudyFiles
) -> ChoicePlan:
    """The planner of the kind `forced_choice`: pictures in conflict are asked, the others practised with.

    Raises Refused for pictures that do not name two of the categories, or where none is in conflict.
    """
    asked = protocol.questions
    assert isinstance(asked, ForcedChoiceQuestions)
    every = cue_pictures(dataset, asked.categories)
    by_image = {picture.image: picture for picture in every}
    conflict = [picture.image for picture in every if picture.in_conflict]
    agreeing = [picture.image for picture in every if not picture.in_conflict]
    if not conflict:
        raise Refused(
            f"No picture of dataset {dataset.name} has the shape of one thing and the texture of another, so "
            "there is nothing to ask."
        )
    drawer, notes = Drawer(), list[str]()
    wanted = asked.pictures or len(conflict)
    if wanted > len(conflict):
        notes.append(f"pictures: {wanted:,} wanted, {len(conflict):,} are in conflict.")
    # Drawn also where all are asked: the order tells nothing.
    chosen = drawer.sample(conflict, wanted, purpose="pictures")
    practice = _practice(protocol, agreeing, drawer, notes)
    return ChoicePlan(
        pictures={image: by_image[image] for image in (*practice, *chosen)},
        practice=tuple(practice),
        arm=protocol.arm_setups()[0].name,
        drawer=drawer,
        notes=tuple(notes),
    )


def _practice(protocol: Protocol, agreeing: Sequence[int], drawer: Drawer, notes: list[str]) -> list[int]:
    """Pictures with one thing's shape and texture: of them alone the right answer is known."""
    rules = protocol.participants
    if not rules.practice_questions:
        return []
    if len(agreeing) < rules.practice_questions:
        notes.append(
            f"practice: {rules.practice_questions:,} wanted, {len(agreeing):,} pictures have the shape and "
            "the texture of one thing."
        )
    drawn = drawer.sample(agreeing, rules.practice_questions, purpose="practice")
    if len(drawn) < rules.practice_pass:
        raise Refused(
            f"{len(drawn)} pictures have the shape and the texture of one thing, and practice_pass is "
            f"{rules.practice_pass}; lower it, or add such pictures (cat1-cat2.png)."
        )
    return drawn
