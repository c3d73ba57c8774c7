"""A study's questions: planned from predictions and the protocol, then written in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from studyapp.models import Arm, Category, Question, QuestionUse, Stimulus, Study, StudyClassifier
from studyapp.protocol.schema import Protocol, Top5Questions
from studyapp.services.asking import Asked, QuestionDraft, pooled
from studyapp.services.control_plan import ControlPlanner, fresh_images
from studyapp.services.draws import Drawer
from studyapp.services.example_pictures import VARIANT, draw_examples
from studyapp.services.foils import Foils
from studyapp.services.mistake_plan import plan_mistakes
from studyapp.services.plans import setup_of
from studyapp.services.refusals import Refused
from studyapp.services.study_files import StudyFiles
from studyapp.services.study_predictions import StudyPredictions

_ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class QuestionPlan:
    """Everything a study asks, the draws behind it, and what came out smaller than asked for.

    `examples` are the images that explain a category, `categories` all whose name may be shown.
    """

    asked: tuple[Asked, ...]
    drawer: Drawer
    notes: tuple[str, ...]
    examples: Mapping[int, tuple[int, ...]]
    categories: frozenset[int]

    @property
    def images(self) -> tuple[int, ...]:
        """Every image that is shown, once."""
        return tuple(dict.fromkeys(each.image for each in self.asked))


def plan_questions(*, protocol: Protocol, predictions: StudyPredictions, files: StudyFiles) -> QuestionPlan:
    """Decide what is asked (science.md, section 1); every random draw is kept in the plan's drawer.

    Raises Refused where there is nothing to ask or the predictions do not hold what the protocol needs.
    """
    questions = protocol.questions
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
    return QuestionPlan(asked, drawer, tuple(planner.notes), examples, categories)


def write_questions(
    *, study: Study, protocol: Protocol, plan: QuestionPlan, positions: Sequence[StudyClassifier]
) -> None:
    """Write stimuli (their pictures come later), questions with their uses, and the draws."""
    Stimulus.objects.bulk_create(
        (Stimulus(study=study, image_id=image) for image in plan.images), batch_size=_ROWS_AT_ONCE
    )
    stimuli = dict(Stimulus.objects.filter(study=study).values_list("image_id", "pk"))
    examples = _write_examples(study, plan)
    for arm in study.arms.order_by("position"):
        drafts = pooled(plan.asked, setup_of(protocol, arm.name))
        _write_drafts(study, arm, drafts, stimuli, examples, positions)
    plan.drawer.store(study)


def shown_categories(plan: QuestionPlan) -> list[Category]:
    """The categories whose names people may read in this study."""
    wanted = sorted(plan.categories)
    return [
        category
        for start in range(0, len(wanted), 500)
        for category in Category.objects.filter(pk__in=wanted[start : start + 500])
    ]


def _write_drafts(
    study: Study,
    arm: Arm,
    drafts: Sequence[QuestionDraft],
    stimuli: dict[int, int],
    examples: Mapping[int, list[str]],
    positions: Sequence[StudyClassifier],
) -> None:
    Question.objects.bulk_create(
        (
            Question(
                study=study,
                arm=arm,
                stimulus_id=stimuli[draft.image],
                image_id=draft.image,
                label_id=draft.label,
                labels=list(draft.labels),
                content=draft.content,
                origin=draft.origin,
                expected=draft.expected,
                parameters=_parameters(draft, examples),
            )
            for draft in drafts
        ),
        batch_size=_ROWS_AT_ONCE,
    )
    rows = Question.objects.filter(study=study, arm=arm).values_list("image_id", "content", "origin", "pk")
    ids = {(image, content, origin): pk for image, content, origin, pk in rows}
    QuestionUse.objects.bulk_create(_uses(drafts, ids, positions), batch_size=_ROWS_AT_ONCE)


def _write_examples(study: Study, plan: QuestionPlan) -> dict[int, list[str]]:
    """The keys of the example pictures of each category."""
    rows = {
        image: Stimulus(study=study, image_id=image, variant=VARIANT)
        for images in plan.examples.values()
        for image in images
    }
    Stimulus.objects.bulk_create(rows.values(), batch_size=_ROWS_AT_ONCE)
    return {category: [rows[image].key for image in images] for category, images in plan.examples.items()}


def _parameters(draft: QuestionDraft, examples: Mapping[int, list[str]]) -> dict[str, object]:
    found: dict[str, object] = {"feedback": draft.feedback} if draft.feedback else {}
    shown = [draft.label] if draft.label is not None else draft.labels
    if keys := [key for category in shown for key in examples.get(category, ())]:
        found["examples"] = keys
    return found


def _uses(
    drafts: Iterable[QuestionDraft],
    ids: dict[tuple[int, str, str], int],
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
                stratum=use.stratum,
                weight=use.weight,
            )
