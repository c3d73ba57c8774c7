"""The planted truth: what it recovers, that it is stored, and when it may not change."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from studyapp.analysis.evidence import NO_QUESTION, ClassifierEvidence, Top5Evidence
from studyapp.analysis.votes import AgreementRule
from studyapp.management.rehearsal.expected import (
    acceptance,
    agreed_tail,
    expected_error,
    expected_top5_errors,
)
from studyapp.management.rehearsal.plan import RehearsalPlan, ensure_plan, planted_shares
from studyapp.management.rehearsal.shares import read_shares
from studyapp.models import Answer, Draw, Mode, Participant, QuestionUse, Study
from studyapp.services.refusals import Refused
from tests.studyapp_tests.rehearsal.studies import PLANTED, two_classifier_study

FOUR_OF_FIVE = AgreementRule(required=5, agreement=4)
SQUARE = ClassifierEvidence(
    classifier="square",
    correct=np.array([False, False, True, False]),
    mistake_question=np.array([1, 0, NO_QUESTION, NO_QUESTION]),
    label_in_top5=np.array([True, False, True, False]),
    top5=Top5Evidence(
        form="per_class",
        variant="A",
        questions=np.array([[1, 2], [0, NO_QUESTION], [NO_QUESTION, NO_QUESTION], [0, 1]]),
    ),
)


def drawn(study: Study, *, seed: int = 1, error_rate: float = 0.05) -> RehearsalPlan:
    return ensure_plan(study=study, planted=PLANTED, error_rate=error_rate, rng=np.random.default_rng(seed))


def keys_in(study: Study, role: str, classifier: str = "") -> list[str]:
    uses = QuestionUse.objects.filter(question__study=study, role=role)
    if classifier:
        uses = uses.filter(study_classifier__classifier__name=classifier)
    return list(uses.values_list("question__key", flat=True))


def test_acceptance_is_the_binomial_tail_worked_out_by_hand() -> None:
    found = acceptance(np.array([True, False]), rule=FOUR_OF_FIVE, error_rate=0.1)
    # P(at least 4 of 5) = 5 p^4 (1 - p) + p^5
    assert found.with_errors == pytest.approx([5 * 0.9**4 * 0.1 + 0.9**5, 5 * 0.1**4 * 0.9 + 0.1**5])
    assert found.planted.tolist() == [1.0, 0.0]


def test_a_mistake_without_a_question_stays_wrong_in_the_expectation() -> None:
    # Three mistakes in four images, accepted with 0.5, 0.25 and never.
    assert expected_error(SQUARE, np.array([0.25, 0.5, 0.0])) == pytest.approx((0.5 + 0.75 + 1) / 4)


def test_a_drawn_sample_speaks_for_its_stratum() -> None:
    sampled = ClassifierEvidence(
        classifier="sampled",
        correct=np.array([False, False, False, True]),
        mistake_question=np.array([0, NO_QUESTION, NO_QUESTION, NO_QUESTION]),
        stratum=np.array([0, 0, 1, 0]),
    )
    # Stratum 0: both of its mistakes as the drawn one; stratum 1: nothing drawn, stays wrong.
    assert expected_error(sampled, np.array([0.75])) == pytest.approx((2 * 0.25 + 1) / 4)


def test_any_accepted_class_accepts_the_image_in_both_top5_variants() -> None:
    agreed = np.array([0.25, 0.5, 0.5])
    remains = [0.5 * 0.5, 0.75, 0.75 * 0.5]
    variant_a, variant_b = expected_top5_errors(SQUARE, agreed) or (0.0, 0.0)
    assert variant_a == pytest.approx(sum(remains) / 4)
    assert variant_b == pytest.approx((remains[1] + remains[2]) / 4)


def test_in_a_sample_variant_b_is_the_part_of_a_outside_the_lists() -> None:
    # 8 mistakes of 20 images, 4 of them drawn: three with their label in the list, one without.
    sampled = ClassifierEvidence(
        classifier="sampled",
        correct=np.arange(20) >= 8,
        mistake_question=np.full(20, NO_QUESTION),
        label_in_top5=(np.arange(20) < 4) | (np.arange(20) >= 8),
        stratum=np.zeros(20, dtype=np.int64),
        top5=Top5Evidence("list", "A", np.array([0, 1, 2, -1, 3, *[NO_QUESTION] * 15])),
    )
    # Each drawn speaks for two: 2 * (0.5 + 0 + 0 + 0.75) / 20 remain in A, 2 * 0.75 / 20 of them in B.
    assert expected_top5_errors(sampled, np.array([0.5, 1, 1, 0.25])) == pytest.approx((0.125, 0.075))


@pytest.mark.parametrize("observed", [0, 1, 2])
def test_the_tail_of_the_agreed_count_equals_counting_every_outcome(observed: int) -> None:
    agreed = np.array([0.3, 0.9, 0.0])
    mass = [0.0, 0.0, 0.0]
    for outcome in itertools.product([0, 1], repeat=2):
        chance = np.prod([p if hit else 1 - p for hit, p in zip(outcome, (0.9, 0.3), strict=True)])
        mass[sum(outcome)] += float(chance)
    below, above = sum(mass[: observed + 1]), sum(mass[observed:])
    assert agreed_tail(SQUARE, agreed, observed) == pytest.approx(min(1, 2 * min(below, above)))


@pytest.mark.django_db
def test_each_classifier_gets_its_share_although_pooled_mistakes_have_one_truth() -> None:
    study = two_classifier_study()
    plan = drawn(study)
    for name, share in PLANTED.items():
        keys = keys_in(study, QuestionUse.Role.MISTAKE, name)
        assert len(keys) == 24
        assert sum(plan.relevant[key] for key in keys) == pytest.approx(share * 24, abs=1)


@pytest.mark.django_db
def test_gold_and_practice_questions_are_true_as_expected() -> None:
    study = two_classifier_study()
    plan = drawn(study)
    expected = dict(study.questions.exclude(expected="").values_list("key", "expected"))
    assert {"yes", "no"} >= set(expected.values())
    assert expected
    assert {key: plan.relevant[key] for key in expected} == {
        key: value == "yes" for key, value in expected.items()
    }


@pytest.mark.django_db
def test_the_plan_is_stored_and_read_back_not_drawn_again() -> None:
    study = two_classifier_study()
    first, second = drawn(study, seed=1), drawn(study, seed=2)
    assert dict(first.relevant) == dict(second.relevant)
    stored = Draw.objects.get(study=study, purpose="rehearsal_plan")
    assert {key: bool(value) for key, value in stored.values[1]} == dict(first.relevant)


@pytest.mark.django_db
def test_another_plan_replaces_the_stored_one_only_while_nobody_has_answered() -> None:
    study = two_classifier_study()
    drawn(study, error_rate=0.05)
    assert drawn(study, error_rate=0.1).error_rate == 0.1
    question = study.questions.first()
    assert question is not None
    person = Participant.objects.create(pseudonym="somebody")
    Answer.objects.create(question=question, participant=person, mode=Mode.REHEARSAL, value="yes")
    with pytest.raises(Refused, match="another plan"):
        drawn(study, error_rate=0.2)
    assert drawn(study, error_rate=0.1).error_rate == 0.1


@pytest.mark.django_db
def test_shares_name_classifiers_of_the_study_and_lie_between_0_and_1() -> None:
    study = two_classifier_study()
    assert dict(planted_shares(study=study, planted={"beta": 0.2})) == {"alpha": 0.45, "beta": 0.2}
    with pytest.raises(Refused, match="'gamma' is no classifier of study rehearsed"):
        planted_shares(study=study, planted={"gamma": 0.2})
    with pytest.raises(Refused, match="give a share from 0 to 1"):
        planted_shares(study=study, planted={"beta": 2.0})
    with pytest.raises(Refused, match="half is guessing"):
        drawn(study, error_rate=0.5)


def test_shares_are_read_from_a_line_or_a_file() -> None:
    assert dict(read_shares("a=0.4, b=0.15")) == {"a": 0.4, "b": 0.15}
    assert dict(read_shares("# planted\na = 0.4\n\nb=0  # none\n")) == {"a": 0.4, "b": 0.0}
    with pytest.raises(Refused, match=r"plan\.txt, line 2: 'b'; write classifier=share"):
        read_shares("a=0.4\nb", source="plan.txt")
    with pytest.raises(Refused, match="a has two shares"):
        read_shares("a=0.4,a=0.5")
