"""Planning a study of kind `adversarial`: every image in every arm, each with its stimulus and label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from studyapp.models import Classifier, Dataset, Question, QuestionUse, Stimulus, Study, StudyClassifier
from studyapp.protocol.adversarial import AdversarialArm, AdversarialQuestions
from studyapp.protocol.schema import ArmSetup, AttackPlan, ExplanationPlan, Protocol
from studyapp.services.adversarial.practice import plan_practice
from studyapp.services.adversarial.selection import Chosen, Wanted, choose
from studyapp.services.adversarial.shown import WHOLE_CLEAN, Parameter, ShownPicture, shown_in
from studyapp.services.adversarial.sources import Fooling, read_sources
from studyapp.services.planning.asking import Asked, QuestionDraft, Use, pooled
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.example_pictures import draw_examples
from studyapp.services.planning.plan import ROWS_AT_ONCE, ClassifierRuns, PlanCounts, counts_of
from studyapp.services.planning.questions import write_arms
from studyapp.services.planning.study_files import StudyFiles
from studyapp.services.planning.study_predictions import StudyPredictions, read_predictions
from studyapp.services.refusals import Refused


@dataclass(frozen=True, slots=True)
class StimulusDraft:
    """One picture to render; `adversarial` and `explanation` are ids of rows, `seed` draws superpixels."""

    image: int
    variant: str
    kind: Stimulus.Kind
    parameters: Mapping[str, Parameter]
    adversarial: int | None = None
    explanation: int | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class AdversarialPlan:
    """Everything an adversarial study asks; see `studyapp.services.planning.plan.StudyPlan`.

    `drafts` are the questions of each arm by its name, `examples` the images that explain a category.
    """

    runs: tuple[ClassifierRuns, ...]
    drafts: Mapping[str, tuple[QuestionDraft, ...]]
    stimuli: tuple[StimulusDraft, ...]
    drawer: Drawer
    notes: tuple[str, ...]
    examples: Mapping[int, tuple[int, ...]]

    @property
    def categories(self) -> frozenset[int]:
        """Every class asked about in some arm."""
        return frozenset(
            draft.label for drafts in self.drafts.values() for draft in drafts if draft.label is not None
        )

    def counts(self) -> PlanCounts:
        """The questions of every arm; the same picture in two arms is one stimulus."""
        return counts_of((each for arm in self.drafts.values() for each in arm), stimuli=len(self.stimuli))

    def write(self, *, study: Study, positions: Sequence[StudyClassifier]) -> None:
        """Write stimuli (their pictures come later), questions with their uses, and the draws."""
        Stimulus.objects.bulk_create(
            (
                Stimulus(
                    study=study,
                    image_id=each.image,
                    kind=each.kind,
                    variant=each.variant,
                    adversarial_id=each.adversarial,
                    explanation_id=each.explanation,
                    parameters={**each.parameters, **({} if each.seed is None else {"seed": each.seed})},
                )
                for each in self.stimuli
            ),
            batch_size=ROWS_AT_ONCE,
        )
        write_arms(
            study=study,
            drafts=lambda arm: self.drafts[arm],
            positions=positions,
            examples=self.examples,
        )
        self.drawer.store(study)


def plan_adversarial(
    protocol: Protocol, dataset: Dataset, classifiers: Sequence[Classifier], files: StudyFiles
) -> AdversarialPlan:
    """The planner of the kind `adversarial` (science.md, section 2, human part).

    Every image asked about is asked about in every arm. Raises Refused, naming every command that is
    still to be given, while attacks or explanations are missing, and where no image is left to ask about.
    """
    questions = protocol.questions
    assert isinstance(questions, AdversarialQuestions)
    explanation = protocol.explanation or ExplanationPlan()
    arms = {setup.name: _arm(setup) for setup in protocol.arm_setups()}
    pictures = {name: shown_in(arm, explanation) for name, arm in arms.items()}
    made_from = [
        (picture, subject)
        for picture in dict.fromkeys(pictures.values())
        if (subject := picture.subject(questions.adversarial_label)) is not None
    ]
    predictions = read_predictions(dataset=dataset, classifiers=classifiers)
    sources = read_sources(
        dataset=dataset,
        predictions=predictions,
        attack=protocol.attack or AttackPlan(),
        explanation=explanation,
        label=questions.adversarial_label,
        subjects=list(dict.fromkeys(subject for _, subject in made_from)),
        sampled=questions.sample is not None,
    )
    drawer = Drawer()
    notes: list[str] = []
    wanted = Wanted(
        sample=questions.sample,
        foil_ranks=questions.foil_ranks if any(arm.label == "foil" for arm in arms.values()) else None,
        pictures=made_from,
    )
    chosen = [
        choose(classifier=source, position=position, wanted=wanted, drawer=drawer, notes=notes)
        for position, source in enumerate(sources)
    ]
    _refuse_nothing(chosen)
    asked = {each.image for choice in chosen for each in choice.images}
    practice, fresh = plan_practice(
        protocol=protocol,
        predictions=predictions,
        given=files.practice,
        asked=asked,
        drawer=drawer,
        notes=notes,
    )
    drafts = {
        setup.name: (
            *_drafts(chosen, arms[setup.name], pictures[setup.name]),
            *_practice_drafts(practice, setup),
        )
        for setup in protocol.arm_setups()
    }
    plan = AdversarialPlan(
        runs=tuple(
            ClassifierRuns(each.predictions.classifier, each.predictions.run, each.attack_run)
            for each in sources
        ),
        drafts=drafts,
        stimuli=_stimuli(chosen, pictures, practice, questions, drawer),
        drawer=drawer,
        notes=tuple(notes),
        examples={},
    )
    return _with_examples(plan, protocol, predictions, fresh)


def _arm(setup: ArmSetup) -> AdversarialArm:
    assert isinstance(setup.plan, AdversarialArm)
    return setup.plan


def _refuse_nothing(chosen: Sequence[Chosen]) -> None:
    if any(choice.images for choice in chosen):
        return
    names = ", ".join(choice.classifier.predictions.classifier.name for choice in chosen)
    fooling = sum(len(choice.classifier.fooling) for choice in chosen)
    raise Refused(
        f"{names}: {fooling:,} attacked images fool it, and none is left that every arm can show and ask "
        "about; attack with a larger step or more steps under [attack], or take out the arm that lacks what "
        "it needs."
    )


def _drafts(chosen: Sequence[Chosen], arm: AdversarialArm, picture: ShownPicture) -> Iterator[QuestionDraft]:
    """The questions of one arm about every image of every classifier."""
    for position, choice in enumerate(chosen):
        for each in choice.images:
            label = _label(each, arm, choice)
            use = Use(
                QuestionUse.Role.ADVERSARIAL,
                position,
                each.prediction,
                weight=choice.weight,
                adversarial=each.adversarial,
            )
            yield QuestionDraft(
                image=each.image,
                # Two classifiers' pictures of one image are two questions, also where the label is the same.
                content=f"label:{label}/{position}",
                origin=Question.Origin.STUDY,
                label=label,
                labels=(),
                uses=[use],
                variant=picture.variant(position),
            )


def _label(image: Fooling, arm: AdversarialArm, choice: Chosen) -> int:
    if arm.label == "foil":
        return choice.foils[image.image]
    return image.true if arm.label == "true" else image.label


def _practice_drafts(practice: Sequence[Asked], setup: ArmSetup) -> Iterator[QuestionDraft]:
    for draft in pooled(practice, setup):
        draft.variant = WHOLE_CLEAN.variant(0)
        yield draft


def _stimuli(
    chosen: Sequence[Chosen],
    pictures: Mapping[str, ShownPicture],
    practice: Sequence[Asked],
    questions: AdversarialQuestions,
    drawer: Drawer,
) -> tuple[StimulusDraft, ...]:
    """Every picture once, in the order of the images, so that a reviewer sees versions side by side."""
    found: dict[tuple[int, str], StimulusDraft] = {}
    seed, rng = drawer.generator()
    for position, choice in enumerate(chosen):
        name = choice.classifier.predictions.classifier.name
        for each in choice.images:
            for picture in dict.fromkeys(pictures.values()):
                subject = picture.subject(questions.adversarial_label)
                explained = None if subject is None else choice.classifier.explained[subject][each.image]
                variant = picture.variant(position)
                drawn = picture.shows == "random_superpixels"
                found[each.image, variant] = StimulusDraft(
                    image=each.image,
                    variant=variant,
                    kind=picture.kind,
                    parameters=picture.parameters(name),
                    adversarial=each.adversarial if picture.version == "adversarial" else None,
                    explanation=None if explained is None else explained.explanation,
                    seed=int(rng.integers(2**31)) if drawn else None,
                )
    draws = [[each.image, each.variant, each.seed] for each in found.values() if each.seed is not None]
    if draws:
        drawer.record("random_superpixels", seed, draws)
    name = chosen[0].classifier.predictions.classifier.name
    for item in practice:
        key = (item.image, WHOLE_CLEAN.variant(0))
        found.setdefault(
            key, StimulusDraft(*key, kind=WHOLE_CLEAN.kind, parameters=WHOLE_CLEAN.parameters(name))
        )
    return tuple(found.values())


def _with_examples(
    plan: AdversarialPlan, protocol: Protocol, predictions: StudyPredictions, fresh: Sequence[int]
) -> AdversarialPlan:
    if not any(setup.class_help == "examples" for setup in protocol.arm_setups()):
        return plan
    examples = draw_examples(
        categories=plan.categories, true=predictions.true, images=fresh, drawer=plan.drawer
    )
    return replace(plan, examples=examples)
