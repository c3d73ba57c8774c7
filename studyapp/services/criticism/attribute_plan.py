"""Planning a study of kind `attributes`: what can be seen in the images, blinded to their group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studyapp.models import (
    Category,
    Classifier,
    Dataset,
    Image,
    Question,
    QuestionUse,
    Stimulus,
    Study,
    StudyClassifier,
)
from studyapp.protocol.criticism import AuditGroup
from studyapp.protocol.schema import AttributeQuestions, Protocol
from studyapp.services.criticism.selections import Selected, category_of, selected_examples
from studyapp.services.planning.asking import QuestionDraft, Use
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.plan import ROWS_AT_ONCE, ClassifierRuns, PlanCounts, counts_of, write_drafts
from studyapp.services.planning.study_files import StudyFiles
from studyapp.services.planning.study_predictions import read_predictions
from studyapp.services.refusals import Refused

CONTENT = "attributes"


@dataclass(frozen=True, slots=True)
class GroupMember:
    """An image of a group; `weight` is the number of images of the group's pool that it stands for."""

    group: AuditGroup
    weight: float


@dataclass(frozen=True, slots=True)
class AttributePlan:
    """Every image once, in the order drawn, with the groups it is in; see `planning.StudyPlan`."""

    runs: tuple[ClassifierRuns, ...]
    members: Mapping[int, tuple[GroupMember, ...]]
    selected: Selected
    arms: tuple[str, ...]
    drawer: Drawer
    notes: tuple[str, ...]

    @property
    def categories(self) -> frozenset[int]:
        """No class is named."""
        return frozenset()

    def counts(self) -> PlanCounts:
        """One question per image and arm."""
        return counts_of(self._drafts() * len(self.arms), stimuli=len(self.members))

    def write(self, *, study: Study, positions: Sequence[StudyClassifier]) -> None:
        """Write stimuli and questions in the order drawn: no number tells the group. Then the draws."""
        Stimulus.objects.bulk_create(
            (Stimulus(study=study, image_id=image) for image in self.members), batch_size=ROWS_AT_ONCE
        )
        rows = Stimulus.objects.filter(study=study).values_list("image_id", "variant", "pk")
        stimuli = {(image, variant): pk for image, variant, pk in rows}
        for arm in study.arms.order_by("position"):
            arm.selection = self.selected.selection
            arm.save(update_fields=["selection"])
            write_drafts(
                study=study,
                arm=arm,
                drafts=self._drafts(),
                stimuli=stimuli,
                positions=positions,
                parameters=lambda draft: {},
            )
        self.drawer.store(study)

    def _drafts(self) -> list[QuestionDraft]:
        return [
            QuestionDraft(
                image,
                CONTENT,
                Question.Origin.STUDY,
                None,
                (),
                uses=[
                    # What a classifier's selection is made of belongs to it; a sample belongs to nobody.
                    Use(
                        QuestionUse.Role.ATTRIBUTES,
                        0 if member.group in ("prototypes", "criticisms") else None,
                        stratum=member.group,
                        weight=member.weight,
                    )
                    for member in members
                ],
            )
            for image, members in self.members.items()
        ]


def plan_attributes(
    protocol: Protocol, dataset: Dataset, classifiers: Sequence[Classifier], files: StudyFiles
) -> AttributePlan:
    """The planner of the kind `attributes` (science.md, section 5).

    Raises Refused for an unknown category, a missing selection (with the command), or an empty group.
    """
    asked = protocol.questions
    assert isinstance(asked, AttributeQuestions)
    category = category_of(dataset, asked.category)
    predictions = read_predictions(dataset=dataset, classifiers=classifiers)
    selected = selected_examples(
        dataset=dataset,
        classifier=classifiers[0],
        weights_sha256=predictions.runs[0].run.weights_sha256,
        method=asked.method,
        prototypes=asked.prototypes,
        criticisms=asked.criticisms,
    )
    drawer, notes = Drawer(), list[str]()
    found: dict[int, list[GroupMember]] = {}
    for group in asked.audited:
        for image, weight in _group(group, asked, dataset, category, selected, drawer, notes):
            found.setdefault(image, []).append(GroupMember(group, weight))
    seed, rng = drawer.generator()
    images = sorted(found)
    order = [images[int(place)] for place in rng.permutation(len(images))]
    drawer.record("order", seed, order)
    runs = tuple(ClassifierRuns(run.classifier, run.run) for run in predictions.runs)
    members = {image: tuple(found[image]) for image in order}
    arms = tuple(setup.name for setup in protocol.arm_setups())
    return AttributePlan(runs, members, selected, arms, drawer, tuple(notes))


def _group(
    group: AuditGroup,
    asked: AttributeQuestions,
    dataset: Dataset,
    category: Category,
    selected: Selected,
    drawer: Drawer,
    notes: list[str],
) -> list[tuple[int, float]]:
    """The images of one group with their weights; a group smaller than asked for is noted."""
    if group in ("prototypes", "criticisms"):
        examples = selected.by_category.get(category.pk)
        images = (examples.prototypes if group == "prototypes" else examples.criticisms) if examples else ()
        wanted = asked.prototypes if group == "prototypes" else asked.criticisms
        found = [(image, 1.0) for image in images]
    else:
        pool = _pool(group, asked, dataset, category)
        wanted = asked.group_sample
        drawn = drawer.sample(pool, wanted, purpose=f"sample:{group}")
        found = [(image, len(pool) / len(drawn)) for image in drawn]
    if not found:
        where = _split_of(group, asked)
        of_split = f" of split {where}" if where else ""
        raise Refused(
            f"Group {group} has no image{of_split} for category {category.name} of {dataset.name}; mend the "
            "category or the split, or take the group out of audited."
        )
    if len(found) < wanted:
        notes.append(f"Group {group} has {len(found):,} images instead of {wanted:,}.")
    return found


def _pool(group: AuditGroup, asked: AttributeQuestions, dataset: Dataset, category: Category) -> list[int]:
    rows = Image.objects.filter(dataset=dataset).order_by("pk")
    same = rows.exclude(category=category) if group == "other_categories" else rows.filter(category=category)
    split = _split_of(group, asked)
    return list((same.filter(split=split) if split else same).values_list("pk", flat=True))


def _split_of(group: AuditGroup, asked: AttributeQuestions) -> str:
    """Other categories are sampled where the training sample is."""
    if group in ("training", "other_categories"):
        return asked.training_split
    return asked.validation_split if group == "validation" else ""
