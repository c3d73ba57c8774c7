"""Questions about classifiers' mistakes: planned from predictions and protocol, then written in one go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from studyapp.models import (
    Category,
    Classifier,
    Dataset,
    Image,
    QuestionUse,
    Stimulus,
    Study,
    StudyClassifier,
)
from studyapp.protocol.schema import Protocol, Top5Questions
from studyapp.services.planning.asking import Asked, QuestionDraft, pooled
from studyapp.services.planning.control_plan import ControlPlanner, fresh_images
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.example_pictures import VARIANT, draw_examples
from studyapp.services.planning.foils import Foils
from studyapp.services.planning.mistake_plan import plan_mistakes
from studyapp.services.planning.plan import ROWS_AT_ONCE, ClassifierRuns, PlanCounts, counts_of, write_drafts
from studyapp.services.planning.study_files import StudyFiles
from studyapp.services.planning.study_predictions import StudyPredictions, read_predictions
from studyapp.services.plans import setup_of
from studyapp.services.refusals import Refused


@dataclass(frozen=True, slots=True)
class QuestionPlan:
    """Everything a study about mistakes asks; see `studyapp.services.planning.plan.StudyPlan`.

    `examples` are the images that explain a category, `categories` all whose name may be shown.
    """

    protocol: Protocol
    runs: tuple[ClassifierRuns, ...]
    asked: tuple[Asked, ...]
    drawer: Drawer
    notes: tuple[str, ...]
    examples: Mapping[int, tuple[int, ...]]
    categories: frozenset[int]

    @property
    def images(self) -> tuple[int, ...]:
        """Every image that is shown, once."""
        return tuple(dict.fromkeys(each.image for each in self.asked))

    def counts(self) -> PlanCounts:
        """The questions of every arm, pooled over classifiers."""
        drafts = (draft for setup in self.protocol.arm_setups() for draft in _arm_drafts(self, setup.name))
        return counts_of(drafts, stimuli=len(self.images))

    def write(self, *, study: Study, positions: Sequence[StudyClassifier]) -> None:
        """Write stimuli (their pictures come later), questions with their uses, and the draws."""
        Stimulus.objects.bulk_create(
            (Stimulus(study=study, image_id=image) for image in self.images), batch_size=ROWS_AT_ONCE
        )
        write_arms(
            study=study,
            drafts=lambda arm: _arm_drafts(self, arm),
            positions=positions,
            examples=self.examples,
        )
        self.drawer.store(study)


def plan_about_mistakes(
    protocol: Protocol, dataset: Dataset, classifiers: Sequence[Classifier], files: StudyFiles
) -> QuestionPlan:
    """The planner of the kinds `relevance` and `relevance_top5`."""
    predictions = read_predictions(dataset=dataset, classifiers=classifiers)
    return plan_questions(protocol=protocol, predictions=predictions, files=files)


def plan_questions(*, protocol: Protocol, predictions: StudyPredictions, files: StudyFiles) -> QuestionPlan:
    """Decide what is asked (science.md, section 1); every random draw is kept in the plan's drawer.

    Raises Refused where there is nothing to ask or the predictions do not hold what the protocol needs.
    """
    questions = protocol.about_mistakes
    if questions is None:
        raise Refused(f"A study of kind {protocol.kind} does not ask about mistakes.")
    drawer = Drawer()
    mistakes = plan_mistakes(predictions=predictions, questions=questions, groups=files.groups, drawer=drawer)
    if not mistakes:
        names = ", ".join(run.classifier.name for run in predictions.runs)
        which = " outside the top-5 list" if isinstance(questions, Top5Questions) else ""
        raise Refused(
            f"{names}: no mistake{which} on {predictions.images:,} images, so there is nothing to ask; "
            "choose another dataset or classifier."
        )
    from_files = (*files.gold, *files.practice)
    used = {image for run in predictions.runs for image in (each.image for each in run.mistakes)}
    used |= {each.image for each in from_files}
    planner = ControlPlanner(
        protocol=protocol,
        questions=questions,
        predictions=predictions,
        foils=Foils(predictions, questions.foils, questions.foil_ranks, files.groups, drawer, {}),
        drawer=drawer,
        fresh=fresh_images(predictions, used),
        notes=[],
    )
    sample = planner.correct_sample()
    # Practice and gold come before the controls: without them a sitting can not run as planned.
    known = (*planner.practice(), *planner.gold())
    controls = planner.controls(asked=(*mistakes, *sample))
    _refuse_gold_that_is_asked(files.gold, (*mistakes, *sample, *controls))
    asked = (*mistakes, *sample, *controls, *known, *from_files)
    setups = protocol.arm_setups()
    beside = any(setup.form == "two_alternative" for setup in setups)
    categories = frozenset(category for each in asked for category in each.categories(beside=beside))
    examples: dict[int, tuple[int, ...]] = {}
    if any(setup.class_help == "examples" for setup in setups):
        examples = draw_examples(
            categories=categories,
            true=predictions.true,
            images=planner.fresh,
            drawer=drawer,
        )
    runs = tuple(ClassifierRuns(run.classifier, run.run) for run in predictions.runs)
    return QuestionPlan(protocol, runs, asked, drawer, tuple(planner.notes), examples, categories)


def _refuse_gold_that_is_asked(gold: Sequence[Asked], asked: Sequence[Asked]) -> None:
    """Gold that is a question of the study already would be pooled with it and be gold no more."""
    there = {(each.image, each.label): each.use.role for each in asked if each.label is not None}
    for each in gold:
        if each.label is None or (each.image, each.label) not in there:
            continue
        image = Image.objects.get(pk=each.image).name
        name = Category.objects.get(pk=each.label).name
        part = QuestionUse.Role(there[each.image, each.label]).label
        raise Refused(
            f"gold_csv: image {image!r} with the class {name!r} is asked about by the study itself ({part}); "
            "take the row out, or give the image another class."
        )


def _arm_drafts(plan: QuestionPlan, arm: str) -> tuple[QuestionDraft, ...]:
    return pooled(plan.asked, setup_of(plan.protocol, arm))


def write_arms(
    *,
    study: Study,
    drafts: Callable[[str], Sequence[QuestionDraft]],
    positions: Sequence[StudyClassifier],
    examples: Mapping[int, tuple[int, ...]],
) -> None:
    """Write the questions of every arm (`drafts` by its name) about the stimuli there are, and examples."""
    rows = Stimulus.objects.filter(study=study).values_list("image_id", "variant", "pk")
    stimuli = {(image, variant): pk for image, variant, pk in rows}
    explained = write_examples(study, examples)
    for arm in study.arms.order_by("position"):
        write_drafts(
            study=study,
            arm=arm,
            drafts=drafts(arm.name),
            stimuli=stimuli,
            positions=positions,
            parameters=partial(question_parameters, examples=explained),
        )


def write_examples(study: Study, chosen: Mapping[int, tuple[int, ...]]) -> dict[int, list[str]]:
    """Write the stimuli of example pictures (`chosen`: images of each category); their keys by category."""
    rows = {
        image: Stimulus(study=study, image_id=image, variant=VARIANT)
        for images in chosen.values()
        for image in images
    }
    Stimulus.objects.bulk_create(rows.values(), batch_size=ROWS_AT_ONCE)
    return {category: [rows[image].key for image in images] for category, images in chosen.items()}


def question_parameters(draft: QuestionDraft, examples: Mapping[int, list[str]]) -> dict[str, object]:
    """What is stored with a question: its feedback, the keys of the pictures that explain its class."""
    found: dict[str, object] = {"feedback": draft.feedback} if draft.feedback else {}
    shown = [draft.label] if draft.label is not None else draft.labels
    if keys := [key for category in shown for key in examples.get(category, ())]:
        found["examples"] = keys
    return found
