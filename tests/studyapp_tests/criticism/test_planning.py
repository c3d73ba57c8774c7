"""Trials and audits are planned as their protocol says: drawn, stored, balanced; refused before any work."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from studyapp.models import Draw, ExampleSelection, Image, Question, QuestionUse, Study
from studyapp.protocol.schema import AssignmentArm, AssignmentQuestions, AttributeQuestions, Protocol
from studyapp.services.criticism.boards import board_of
from studyapp.services.criticism.trials import TrialDraw
from studyapp.services.refusals import Refused
from studyapp.services.studies.life import create_study
from tests.studyapp_tests.criticism.small import (
    CHANCE,
    SIX,
    THREE_AND_THREE,
    assignment_protocol,
    assignment_study,
    attribute_protocol,
    attribute_study,
    make_animals,
    select,
    select_for,
    store_features,
)

pytestmark = pytest.mark.django_db


def _create(protocol: Protocol) -> Study:
    return create_study(protocol=protocol, text="", owner=None)


def _trials(study: Study, arm: str) -> dict[str, Question]:
    asked = Question.objects.filter(study=study, arm__name=arm, origin="study").select_related("image")
    return {question.parameters["trial"]: question for question in asked}


def test_every_arm_asks_the_same_trials_with_its_own_pictures() -> None:
    study = assignment_study(arms=(SIX, THREE_AND_THREE, CHANCE))
    six, mixed, chance = (_trials(study, name) for name in ("six", "mixed", "chance"))
    assert len(six) == 8
    assert six.keys() == mixed.keys() == chance.keys()
    keys = dict(study.stimuli.filter(variant="group").values_list("key", "image"))
    category = dict(Image.objects.values_list("pk", "category"))
    for trial, question in six.items():
        boards = [board_of(each[trial].parameters) for each in (six, mixed, chance)]
        assert len({frozenset(group for group, _ in board.groups) for board in boards}) == 1
        assert {each[trial].image_id for each in (six, mixed, chance)} == {question.image_id}
        for board in boards:
            assert len(board.groups) == 6
            assert board.groups[board.right - 1][0] == question.image.category_id
            for group, pictures in board.groups:
                assert len(pictures) == 6
                assert {category[keys[picture.key]] for picture in pictures} == {group}
        untypical = [[p.untypical for p in pictures] for _, pictures in boards[1].groups]
        assert untypical == [[False] * 3 + [True] * 3] * 6, "criticisms come last and are marked"
    assert {row.method for row in ExampleSelection.objects.filter(arms__study=study)} == {
        "mmd_critic",
        "random",
    }


def test_no_target_is_among_the_pictures_shown_and_none_comes_twice() -> None:
    study = assignment_study(practice_questions=2)
    targets = Question.objects.filter(study=study).values_list("arm__name", "image")
    assert len(targets) == len(set(targets)) == 2 * 10
    shown = set(study.stimuli.filter(variant="group").values_list("image", flat=True))
    assert shown.isdisjoint(image for _, image in targets)
    examples = set(ExampleSelection.objects.values_list("examples__image", flat=True))
    assert examples.isdisjoint(image for _, image in targets)


def test_orders_are_drawn_for_every_question_and_the_draw_is_stored() -> None:
    study = assignment_study(questions=AssignmentQuestions(trials=40, near_duplicate=1.0))
    boards = [board_of(q.parameters) for q in Question.objects.filter(study=study)]
    assert set(range(1, 7)) == {board.right for board in boards}
    orders = {tuple(picture.key for _, pictures in board.groups for picture in pictures) for board in boards}
    assert len(orders) == 80
    draw = Draw.objects.get(study=study, purpose="trials")
    assert len(draw.values) == 40
    by_trial = _trials(study, "six")
    assert [each[-1] for each in draw.values] == [by_trial[f"trial:{n}"].image_id for n in range(1, 41)]
    per_category = Counter(each[0] for each in draw.values)
    assert set(per_category.values()) == {5}, "40 trials over 8 categories: each is the target's five times"


def test_the_use_of_a_question_names_its_trial_and_its_classifier() -> None:
    study = assignment_study()
    use = QuestionUse.objects.filter(question__study=study).first()
    assert use is not None
    assert (use.role, use.stratum) == ("assignment", use.question.parameters["trial"])
    assert use.study_classifier is not None
    assert use.question.label is None, "nothing that a page reads names the class"


def test_practice_has_the_right_answer_and_explains_criticisms_only_where_they_are_shown() -> None:
    study = assignment_study(practice_questions=2, arm_order="between")
    practice = Question.objects.filter(study=study, origin="practice")
    assert practice.count() == 4
    for question in practice:
        assert question.expected == str(board_of(question.parameters).right)
        assert ("untypical" in question.parameters["feedback"]) == (question.arm.name == "mixed")


def test_where_people_meet_every_arm_practice_shows_both_sorts_in_each() -> None:
    study = assignment_study(practice_questions=2, arm_order="within")
    for arm in ("six", "mixed"):
        practice = Question.objects.filter(study=study, origin="practice", arm__name=arm).order_by("pk")
        marked = [
            any(picture.untypical for _, pictures in board_of(each.parameters).groups for picture in pictures)
            for each in practice
        ]
        assert marked == [False, True]


def test_with_many_categories_practice_keeps_its_own() -> None:
    names = tuple(f"c{number}" for number in range(24))
    dataset, classifier = make_animals(each=16, names=names)
    select_for(dataset, classifier, (SIX,))
    study = _create(assignment_protocol(SIX, practice_questions=3))

    def of(origin: str) -> set[int]:
        rows = Question.objects.filter(study=study, origin=origin)
        return {group for row in rows for group, _ in board_of(row.parameters).groups}

    assert len(of("practice")) == 6
    assert of("practice").isdisjoint(of("study"))


def test_a_near_duplicate_of_a_shown_picture_is_no_target() -> None:
    dataset, classifier = make_animals(each=20)
    images = list(dataset.images.order_by("pk").values_list("pk", "category__index"))
    rows = np.zeros((len(images), 40), dtype=np.float32)
    seen: Counter[int] = Counter()
    for place, (_, category) in enumerate(images):
        number = seen[category]
        seen[category] += 1
        # The images after the first eight, but for the last two, point where the first prototype does.
        rows[place, category if number < 18 else 10 + category * 3 + number % 3] = 1.0
    run = store_features(dataset, classifier, rows)
    select(dataset, classifier, feature_run=run)
    asked = AssignmentQuestions(trials=100, near_duplicate=0.98)
    study = _create(assignment_protocol(SIX, questions=asked))
    assert Question.objects.filter(study=study).count() == 16, (
        "two targets of each of eight categories are left"
    )
    assert study.notes == ["16 trials instead of 100: no other target is left."]
    with pytest.raises(Refused, match="near-duplicate"):
        _create(assignment_protocol(SIX, name="none", questions=replace(asked, near_duplicate=0.0)))


def test_similar_distractors_are_the_nearest_by_mean_feature() -> None:
    dataset, classifier = make_animals(each=20)
    index = np.array(dataset.images.order_by("pk").values_list("category__index", flat=True), dtype=float)
    run = store_features(dataset, classifier, np.stack([index, np.ones_like(index)], axis=1))
    select(dataset, classifier, prototypes=6, feature_run=run)
    asked = AssignmentQuestions(trials=8, groups=3, distractors="similar", near_duplicate=1.0)
    study = _create(assignment_protocol(SIX, questions=asked))
    place = {pk: index for index, pk in dataset.class_list.categories.values_list("index", "pk")}
    for categories in (each[:-1] for each in Draw.objects.get(study=study, purpose="trials").values):
        target, *others = (place[each] for each in categories)
        nearest = sorted(set(range(8)) - {target}, key=lambda each: abs(each - target))[:2]
        distances = sorted(abs(each - target) for each in others)
        assert distances == sorted(abs(each - target) for each in nearest)


def test_more_groups_than_categories_are_refused_before_any_work() -> None:
    make_animals(each=9, names=("ant", "bee", "cat", "dog"))
    with pytest.raises(Refused, match=r"groups = 6, but dataset animals has images of 4 categories"):
        _create(assignment_protocol(SIX))
    assert not Study.objects.exists()


def test_a_missing_or_unfinished_selection_is_refused_with_its_command() -> None:
    dataset, classifier = make_animals()
    command = "select_examples animals toy --method mmd_critic --prototypes 3 --criticisms 3"
    select(dataset, classifier)
    with pytest.raises(Refused, match=f"select them first: {command}"):
        _create(assignment_protocol(SIX, THREE_AND_THREE))
    select(dataset, classifier, prototypes=3, criticisms=3, finished=False)
    with pytest.raises(Refused, match=f"is not finished; go on with it: {command}"):
        _create(assignment_protocol(SIX, THREE_AND_THREE))
    assert not Study.objects.exists()


def test_distractors_by_feature_are_refused_without_features() -> None:
    dataset, classifier = make_animals()
    select(dataset, classifier)
    for changed in ({"distractors": "similar"}, {"near_duplicate": 0.9}):
        asked = replace(AssignmentQuestions(trials=4, near_duplicate=1.0), **changed)
        with pytest.raises(
            Refused, match=r"needs features of animals by toy, and there are none; .*select_examples"
        ):
            _create(assignment_protocol(SIX, questions=asked))


def test_categories_with_too_few_examples_are_left_out_and_noted() -> None:
    dataset, classifier = make_animals()
    select(dataset, classifier, lacking=("dog", "elk"))
    study = _create(assignment_protocol(SIX))
    assert study.notes == [
        "2 of 8 categories are left out: arm six has fewer than 6 prototypes and 0 criticisms of them."
    ]
    select(dataset, classifier, lacking=("dog", "elk", "fox"))
    with pytest.raises(Refused, match="every arm has all its examples of 5 categories"):
        _create(assignment_protocol(SIX, name="again"))


def test_a_protocols_categories_are_the_only_ones_drawn_and_unknown_ones_are_refused() -> None:
    dataset, classifier = make_animals()
    select(dataset, classifier)
    asked = AssignmentQuestions(trials=6, groups=3, near_duplicate=1.0, categories=("ant", "bee", "7"))
    study = _create(assignment_protocol(SIX, questions=asked))
    drawn = {each for row in Draw.objects.get(study=study, purpose="trials").values for each in row[:-1]}
    assert set(dataset.class_list.categories.filter(pk__in=drawn).values_list("name", flat=True)) == {
        "ant",
        "bee",
        "hen",
    }
    with pytest.raises(Refused, match="unicorn"):
        _create(
            assignment_protocol(SIX, name="u", questions=replace(asked, categories=("ant", "bee", "unicorn")))
        )


def test_a_split_without_images_is_refused_with_the_splits_there_are() -> None:
    dataset, classifier = make_animals(split="train")
    select(dataset, classifier)
    asked = AssignmentQuestions(trials=6, near_duplicate=1.0, target_split="validation")
    with pytest.raises(Refused, match="target_split = 'validation': dataset animals has the splits train"):
        _create(assignment_protocol(SIX, questions=asked))


def test_trials_run_out_category_by_category() -> None:
    candidates = {1: [10], 2: [20, 21, 22], 3: [30]}
    draw = TrialDraw(candidates, {1: [], 2: [], 3: []}, 2, lambda *_: False, None, np.random.default_rng(1))
    found = draw.draw(9, [1, 2, 3])
    assert sorted(each.target for each in found) == [10, 20, 21, 22, 30]
    assert all(len(set(each.categories)) == 2 for each in found)


def test_an_audit_asks_every_image_once_and_knows_its_groups() -> None:
    study = attribute_study()
    questions = Question.objects.filter(study=study)
    uses = QuestionUse.objects.filter(question__study=study).values_list(
        "stratum", "question__image", "weight"
    )
    groups: dict[str, set[int]] = {}
    for group, image, weight in uses:
        groups.setdefault(group, set()).add(image)
        assert weight == (30 / 8 if group == "training" else 1.0)
    assert {group: len(images) for group, images in groups.items()} == {
        "prototypes": 6,
        "criticisms": 4,
        "training": 8,
    }
    assert questions.count() == len(set().union(*groups.values()))
    examples = ExampleSelection.objects.get().examples.filter(category__name="cat", role="prototype")
    assert groups["prototypes"] == set(examples.values_list("image", flat=True))
    assert set(Draw.objects.get(study=study, purpose="sample:training").values) == groups["training"]
    order = Draw.objects.get(study=study, purpose="order").values
    assert list(questions.order_by("pk").values_list("image", flat=True)) == order
    assert {use.study_classifier is None for use in QuestionUse.objects.filter(stratum="training")} == {True}
    assert not study.stimuli.exclude(variant="").exists()


def test_an_image_in_two_groups_is_asked_once_with_two_uses() -> None:
    asked = AttributeQuestions(
        attributes=("grass",), category="cat", prototypes=6, criticisms=4, group_sample=30
    )
    study = attribute_study(questions=asked)
    assert Question.objects.filter(study=study).count() == 30
    per_question = Counter(
        QuestionUse.objects.filter(question__study=study).values_list("question", flat=True)
    )
    assert Counter(per_question.values()) == {2: 10, 1: 20}


def test_reference_groups_come_from_their_splits_and_small_ones_are_noted() -> None:
    dataset, classifier = make_animals()
    cats = dataset.images.filter(category__name="cat").order_by("pk")
    Image.objects.filter(pk__in=list(cats.values_list("pk", flat=True)[:20])).update(split="train")
    Image.objects.filter(pk__in=list(cats.values_list("pk", flat=True)[20:])).update(split="validation")
    select(dataset, classifier, prototypes=6, criticisms=4)
    asked = AttributeQuestions(
        attributes=("grass",),
        category="cat",
        prototypes=6,
        criticisms=4,
        group_sample=15,
        audited=("prototypes", "training", "validation"),
        training_split="train",
        validation_split="validation",
    )
    study = _create(attribute_protocol(questions=asked))
    assert study.notes == ["Group validation has 10 images instead of 15."]
    with pytest.raises(Refused, match="Group training has no image of split nowhere for category cat"):
        _create(attribute_protocol(name="n", questions=replace(asked, training_split="nowhere")))


def test_an_unknown_category_is_refused() -> None:
    make_animals()
    asked = AttributeQuestions(attributes=("grass",), category="unicorn")
    with pytest.raises(Refused, match="unicorn"):
        _create(attribute_protocol(questions=asked))


def test_an_arm_of_another_method_needs_its_own_selection() -> None:
    dataset, classifier = make_animals()
    select(dataset, classifier)
    arm = AssignmentArm(name="p", method="probability", prototypes=6)
    with pytest.raises(Refused, match="--method probability --prototypes 6"):
        _create(assignment_protocol(SIX, arm))
