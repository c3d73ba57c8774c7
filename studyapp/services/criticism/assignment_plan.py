"""Planning a study of kind `prototype_assignment`: the same trials in every arm, all draws stored."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.analysis.assignment_power import separable_words
from studyapp.models import (
    Arm,
    Classifier,
    Dataset,
    Question,
    QuestionUse,
    Stimulus,
    Study,
    StudyClassifier,
)
from studyapp.protocol.schema import AssignmentArm, AssignmentQuestions, Protocol
from studyapp.services.criticism.assignment_pools import (
    candidate_targets,
    draw_trials,
    eligible_categories,
    images_by_category,
    likeness_of,
    refuse_few,
)
from studyapp.services.criticism.boards import GROUP_PICTURE, Board, Group, Picture
from studyapp.services.criticism.selections import (
    Selected,
    selected_examples,
)
from studyapp.services.criticism.trials import Trial, TrialDraw, shuffled
from studyapp.services.planning.asking import QuestionDraft, Use
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.plan import ROWS_AT_ONCE, ClassifierRuns, PlanCounts, counts_of, write_drafts
from studyapp.services.planning.study_files import StudyFiles
from studyapp.services.planning.study_predictions import read_predictions


@dataclass(frozen=True, slots=True)
class Shown:
    """One trial as one arm shows it: the groups in the order drawn."""

    number: int
    trial: Trial
    practice: bool
    groups: tuple[Group, ...]

    @property
    def content(self) -> str:
        """What tells the questions of one target and arm apart."""
        return f"{'practice' if self.practice else 'trial'}:{self.number}"

    @property
    def right(self) -> int:
        """The number of the target's group, from 1."""
        return 1 + next(
            place for place, group in enumerate(self.groups) if group.category == self.trial.right
        )


@dataclass(frozen=True, slots=True)
class AssignmentPlan:
    """Every trial in every arm, by the arm's name; see `studyapp.services.planning.plan.StudyPlan`."""

    runs: tuple[ClassifierRuns, ...]
    arms: Mapping[str, tuple[Shown, ...]]
    selected: Mapping[str, Selected]
    drawer: Drawer
    notes: tuple[str, ...]

    @property
    def categories(self) -> frozenset[int]:
        """Names stay hidden."""
        return frozenset()

    def counts(self) -> PlanCounts:
        """One question per trial and arm."""
        drafts = [_draft(shown) for every in self.arms.values() for shown in every]
        return counts_of(drafts, stimuli=len(self._targets()) + len(self._pictures()))

    def write(self, *, study: Study, positions: Sequence[StudyClassifier]) -> None:
        """Write stimuli of targets and of group pictures, the questions of every arm, and the draws."""
        targets = {image: Stimulus(study=study, image_id=image) for image in self._targets()}
        pictures = {
            image: Stimulus(study=study, image_id=image, variant=GROUP_PICTURE) for image in self._pictures()
        }
        Stimulus.objects.bulk_create([*targets.values(), *pictures.values()], batch_size=ROWS_AT_ONCE)
        stored = Stimulus.objects.filter(study=study, variant="").values_list("image_id", "variant", "pk")
        stimuli = {(image, variant): pk for image, variant, pk in stored}
        keys = {image: stimulus.key for image, stimulus in pictures.items()}
        for arm in study.arms.order_by("position"):
            every = {(each.trial.target, each.content): each for each in self.arms[arm.name]}
            boards = {place: _board(shown, keys).parameters() for place, shown in every.items()}
            _note_selection(arm, self.selected[arm.name])

            def parameters(
                draft: QuestionDraft, boards: Mapping[tuple[int, str], dict[str, object]] = boards
            ) -> dict[str, object]:
                told: dict[str, object] = {"feedback": draft.feedback} if draft.feedback else {}
                return boards[draft.image, draft.content] | told

            write_drafts(
                study=study,
                arm=arm,
                drafts=[_draft(shown) for shown in every.values()],
                stimuli=stimuli,
                positions=positions,
                parameters=parameters,
            )
        self.drawer.store(study)

    def _targets(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(shown.trial.target for every in self.arms.values() for shown in every))

    def _pictures(self) -> tuple[int, ...]:
        return tuple(
            dict.fromkeys(
                image
                for every in self.arms.values()
                for shown in every
                for group in shown.groups
                for image in group.images
            )
        )


def plan_assignment(
    protocol: Protocol, dataset: Dataset, classifiers: Sequence[Classifier], files: StudyFiles
) -> AssignmentPlan:
    """The planner of the kind `prototype_assignment` (science.md, section 4).

    Raises Refused for too few categories, missing selections (with the command), or no target left.
    """
    asked = protocol.questions
    assert isinstance(asked, AssignmentQuestions)
    [classifier] = classifiers
    images = images_by_category(dataset)
    refuse_few(len(images), asked.groups, f"dataset {dataset.name} has images of")
    predictions = read_predictions(dataset=dataset, classifiers=classifiers)
    weights = predictions.runs[0].run.weights_sha256
    plans = {arm.name: arm for arm in protocol.arms if isinstance(arm, AssignmentArm)}
    selected = {
        name: selected_examples(
            dataset=dataset,
            classifier=classifier,
            weights_sha256=weights,
            method=arm.method,
            prototypes=arm.prototypes,
            criticisms=arm.criticisms,
        )
        for name, arm in plans.items()
    }
    notes: list[str] = []
    eligible = eligible_categories(dataset, asked, images, selected, notes)
    alike, nearest = likeness_of(dataset, classifier, asked, selected, {key: images[key] for key in eligible})
    shown = {
        category: tuple(
            dict.fromkeys(image for each in selected.values() for image in each.by_category[category].images)
        )
        for category in eligible
    }
    drawer = Drawer()
    seed, rng = drawer.generator()
    draw = TrialDraw(
        candidates=candidate_targets(dataset, asked.target_split, shown),
        shown=shown,
        groups=asked.groups,
        near_duplicate=alike.near_duplicate,
        nearest=nearest,
        rng=rng,
    )
    trials, practice = draw_trials(draw, eligible, asked, protocol.participants.practice_questions, notes)
    if len(plans) > 1:
        planned = sum(contrast.between == "arms" for contrast in protocol.contrasts)
        notes.append(
            separable_words(
                len(trials) * protocol.answers.required, contrasts=planned or math.comb(len(plans), 2)
            )
        )
    mixed = protocol.participants.arm_order != "between"
    arms = {
        name: (
            *(_shown(number, trial, each, rng, practice=False) for number, trial in enumerate(trials, 1)),
            *(
                _shown(number, trial, condition, rng, practice=True)
                for number, (trial, condition) in enumerate(
                    zip(
                        practice, _practised(each, selected.values(), len(practice), mixed=mixed), strict=True
                    ),
                    1,
                )
            ),
        )
        for name, each in selected.items()
    }
    drawer.record("trials", seed, [[*trial.categories, trial.target] for trial in (*trials, *practice)])
    runs = tuple(ClassifierRuns(run.classifier, run.run) for run in predictions.runs)
    return AssignmentPlan(runs, arms, selected, drawer, tuple(notes))


def _practised(own: Selected, every: Collection[Selected], count: int, *, mixed: bool) -> list[Selected]:
    """What each practice trial of an arm shows: its own condition, or all sorts where people meet all.

    Then the later half has criticisms, whichever arm a sitting begins in.
    """
    plain = [each for each in every if not each.selection.criticisms]
    marked = [each for each in every if each.selection.criticisms]
    if not mixed or not plain or not marked:
        return [own] * count
    half = count // 2
    return [plain[0]] * half + [marked[0]] * (count - half)


def _shown(
    number: int, trial: Trial, selected: Selected, rng: np.random.Generator, *, practice: bool
) -> Shown:
    """The trial in the order drawn for one arm: groups, and pictures within their role."""
    groups = []
    for category in shuffled(trial.categories, rng):
        examples = selected.by_category[category]
        groups.append(Group(category, shuffled(examples.prototypes, rng), shuffled(examples.criticisms, rng)))
    return Shown(number, trial, practice, tuple(groups))


def _draft(shown: Shown) -> QuestionDraft:
    origin = Question.Origin.PRACTICE if shown.practice else Question.Origin.STUDY
    role = QuestionUse.Role.PRACTICE if shown.practice else QuestionUse.Role.ASSIGNMENT
    draft = QuestionDraft(shown.trial.target, shown.content, origin, None, ())
    draft.uses.append(Use(role, None if shown.practice else 0, stratum=shown.content))
    if shown.practice:
        draft.expected = str(shown.right)
        draft.feedback = _feedback(shown)
    return draft


def _feedback(shown: Shown) -> str:
    text = f"The picture and group {shown.right} show the same kind of thing."
    if any(group.criticisms for group in shown.groups):
        text += " The pictures marked as untypical belong to their group, too: they are its exceptions."
    return text


def _board(shown: Shown, keys: Mapping[int, str]) -> Board:
    return Board(
        groups=tuple(
            (
                group.category,
                tuple(Picture(keys[image], untypical=image in group.criticisms) for image in group.images),
            )
            for group in shown.groups
        ),
        right=shown.right,
        trial=shown.content,
    )


def _note_selection(arm: Arm, selected: Selected) -> None:
    """Keep with the arm which selection it shows."""
    arm.selection = selected.selection
    arm.parameters = arm.parameters | {
        "method": selected.selection.method,
        "prototypes": selected.selection.prototypes,
        "criticisms": selected.selection.criticisms,
    }
    arm.save(update_fields=["selection", "parameters"])
