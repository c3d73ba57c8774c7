"""Planning a study of kind `stability`: changed pictures with the labels that predictions flipped to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from studyapp.models import (
    Classifier,
    Dataset,
    ProbeRun,
    Question,
    QuestionUse,
    Stimulus,
    Study,
    StudyClassifier,
)
from studyapp.protocol.schema import Protocol
from studyapp.protocol.stability import StabilityQuestions
from studyapp.services.adversarial.practice import plan_practice
from studyapp.services.planning.asking import QuestionDraft, Use, pooled
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.example_pictures import draw_examples
from studyapp.services.planning.plan import ROWS_AT_ONCE, ClassifierRuns, PlanCounts, counts_of
from studyapp.services.planning.questions import write_arms
from studyapp.services.planning.study_files import StudyFiles
from studyapp.services.planning.study_predictions import read_predictions
from studyapp.services.probes.flips import FlipSetting
from studyapp.services.stability.controls import plan_controls
from studyapp.services.stability.sources import FlippingClassifier, probe_of, read_flipping


@dataclass(frozen=True, slots=True)
class ChangedPicture:
    """A picture to render: an image as `classifier` looks at it, under one setting of the probe.

    `position`: of the first classifier of the study with the same crop; those share their pictures.
    """

    image: int
    classifier: str
    position: int
    setting: FlipSetting

    @property
    def variant(self) -> str:
        """Tells the stimuli of one image apart."""
        return f"changed:{self.position}:{self.setting.name}"


@dataclass(frozen=True, slots=True)
class StabilityPlan:
    """Everything a stability study asks; see `studyapp.services.planning.plan.StudyPlan`.

    `pictures` are the changed ones, `plain` the images that practice shows as they are.
    """

    runs: tuple[ClassifierRuns, ...]
    drafts: Mapping[str, tuple[QuestionDraft, ...]]
    probe: ProbeRun
    pictures: tuple[ChangedPicture, ...]
    plain: tuple[int, ...]
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
        every = (each for arm in self.drafts.values() for each in arm)
        return counts_of(every, stimuli=len(self.pictures) + len(self.plain))

    def write(self, *, study: Study, positions: Sequence[StudyClassifier]) -> None:
        """Write stimuli (their pictures come later), questions with their uses, and the draws."""
        changed = (
            Stimulus(
                study=study,
                image_id=each.image,
                variant=each.variant,
                parameters={
                    "shows": "changed",
                    "classifier": each.classifier,
                    "probe": self.probe.key,
                    "setting": each.setting.name,
                    "column": each.setting.column,
                },
            )
            for each in self.pictures
        )
        plain = (Stimulus(study=study, image_id=image) for image in self.plain)
        Stimulus.objects.bulk_create((*changed, *plain), batch_size=ROWS_AT_ONCE)
        write_arms(
            study=study,
            drafts=lambda arm: self.drafts[arm],
            positions=positions,
            examples=self.examples,
        )
        self.drawer.store(study)


def plan_stability(
    protocol: Protocol, dataset: Dataset, classifiers: Sequence[Classifier], files: StudyFiles
) -> StabilityPlan:
    """The planner of the kind `stability`.

    Classifiers of one crop that flip to the same label under the same change share the question. Raises
    Refused for a probe that is missing, not finished or without a classifier, for an unknown setting, and
    where nothing flips.
    """
    asked = protocol.questions
    assert isinstance(asked, StabilityQuestions)
    predictions = read_predictions(dataset=dataset, classifiers=classifiers)
    run = probe_of(dataset, [each.name for each in classifiers], asked)
    drawer, notes = Drawer(), list[str]()
    sources = read_flipping(run=run, predictions=predictions, asked=asked, drawer=drawer, notes=notes)
    crops = _crops(classifiers, run)
    drafts, pictures = _flip_questions(sources, crops)
    controls = plan_controls(
        protocol=protocol,
        predictions=predictions,
        sources=sources,
        flipped=[(picture.image, position, picture.setting) for picture, position in pictures.values()],
        questions=len(drafts),
        drawer=drawer,
        notes=notes,
    )
    for each in controls:
        picture = _picture(each.image, each.position, each.setting, sources, crops)
        pictures.setdefault((picture.image, picture.variant), (picture, each.position))
        _add(drafts, picture, each.label, Use(each.role))
    practice, fresh = plan_practice(
        protocol=protocol,
        predictions=predictions,
        given=files.practice,
        asked={image for image, _ in pictures},
        drawer=drawer,
        notes=notes,
    )
    setups = protocol.arm_setups()
    plan_drafts = {setup.name: (*drafts.values(), *pooled(practice, setup)) for setup in setups}
    shown = {draft.label for draft in drafts.values()} | {each.label for each in practice}
    examples: dict[int, tuple[int, ...]] = {}
    if any(setup.class_help == "examples" for setup in setups):
        categories = frozenset(label for label in shown if label is not None)
        examples = draw_examples(categories=categories, true=predictions.true, images=fresh, drawer=drawer)
    return StabilityPlan(
        runs=tuple(ClassifierRuns(each.classifier, each.run) for each in predictions.runs),
        drafts=plan_drafts,
        probe=run,
        pictures=tuple(picture for picture, _ in pictures.values()),
        plain=tuple(dict.fromkeys(each.image for each in practice)),
        drawer=drawer,
        notes=tuple(notes),
        examples=examples,
    )


Drafts = dict[tuple[int, str], QuestionDraft]
Pictures = dict[tuple[int, str], tuple[ChangedPicture, int]]


def _flip_questions(
    sources: Sequence[FlippingClassifier], crops: Mapping[int, int]
) -> tuple[Drafts, Pictures]:
    """The question of every drawn flip, pooled over classifiers, and the pictures they show."""
    drafts: Drafts = {}
    pictures: Pictures = {}
    for position, source in enumerate(sources):
        for flip in source.drawn:
            picture = _picture(flip.image, position, flip.setting, sources, crops)
            pictures.setdefault((picture.image, picture.variant), (picture, position))
            use = Use(
                QuestionUse.Role.FLIP,
                position,
                stratum=f"{flip.setting.name}/{flip.direction}",
                weight=flip.weight,
            )
            _add(drafts, picture, flip.label, use)
    return drafts, pictures


def _add(drafts: Drafts, picture: ChangedPicture, label: int, use: Use) -> None:
    content = f"label:{label}/{picture.variant}"
    draft = drafts.get((picture.image, content))
    if draft is None:
        draft = drafts[picture.image, content] = QuestionDraft(
            image=picture.image,
            content=content,
            origin=Question.Origin.STUDY,
            label=label,
            labels=(),
            variant=picture.variant,
        )
    draft.uses.append(use)


def _picture(
    image: int,
    position: int,
    setting: FlipSetting,
    sources: Sequence[FlippingClassifier],
    crops: Mapping[int, int],
) -> ChangedPicture:
    first = crops[position]
    return ChangedPicture(image, sources[first].predictions.classifier.name, first, setting)


def _crops(classifiers: Iterable[Classifier], run: ProbeRun) -> dict[int, int]:
    """For each classifier the first one that was shown the same pictures.

    Changed colours depend on the crop alone; what surrounds a shifted picture may depend on all of the
    preprocessing.
    """
    first: dict[str, int] = {}
    found = {}
    for position, each in enumerate(classifiers):
        looks = each.preprocessing
        if run.kind == ProbeRun.Kind.COLOUR:
            looks = looks.get("crop")
        found[position] = first.setdefault(repr(looks), position)
    return found
