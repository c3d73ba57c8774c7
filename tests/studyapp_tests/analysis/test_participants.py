"""What hangs on who answered, and what the answers say about those who did."""

from __future__ import annotations

import numpy as np
import pytest

from studyapp.analysis.classifier_columns import question_weights
from studyapp.analysis.evidence import GoldQuestions
from studyapp.analysis.participant_quality import gold_rates, participant_quality, top_shares
from studyapp.analysis.participant_uncertainty import ParticipantUncertainty, participant_uncertainty
from studyapp.analysis.rectified import Review
from studyapp.analysis.votes import AgreementRule, Answers
from studyapp.analysis.withheld import Withheld
from tests.studyapp_tests.analysis.tables import answers_of

RULE = AgreementRule()


def random_study(seed: int, questions: int = 40, people: int = 12) -> Answers:
    rng = np.random.default_rng(seed)
    lenient = rng.random(people)
    # Every fourth question has one answer: without its participant nothing is known about it.
    sizes = np.where(np.arange(questions) % 4 == 0, 1, 5)
    question = np.repeat(np.arange(questions), sizes)
    participant = np.concatenate([rng.permutation(people)[:size] for size in sizes])
    value = (rng.random(len(question)) < 0.3 + 0.7 * lenient[participant]).astype(np.int16)
    return Answers(question, participant, value, ("no", "yes"), questions, people)


def uncertain(
    answers: Answers, weights: np.ndarray, standard: float, draws: int = 2000, rule: AgreementRule = RULE
) -> ParticipantUncertainty:
    result = participant_uncertainty(
        answers,
        rule,
        standard_error=standard,
        question_weights=weights,
        draws=draws,
        rng=np.random.default_rng(0),
    )
    assert isinstance(result, ParticipantUncertainty)
    return result


def plain_error(
    answers: Answers,
    weights: np.ndarray,
    standard: float,
    people: np.ndarray,
    rule: AgreementRule = RULE,
) -> float:
    """Weighted acceptance, question by question, with participants' whole-number weights [P]."""
    accepted = judged = 0.0
    for q in range(answers.questions):
        mine = answers.question == q
        weight = people[answers.participant[mine]]
        if weight.sum() > 0:
            judged += weights[q]
            share = (weight * answers.value[mine]).sum() / weight.sum()
            accepted += weights[q] * (share >= rule.agreement / rule.required - 1e-9)
    return float(standard - (accepted / judged * weights.sum() if judged else 0))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rule", [RULE, AgreementRule(required=6, agreement=3)])
def test_leaving_each_participant_out_is_recounting_without_them(seed: int, rule: AgreementRule) -> None:
    answers = random_study(seed)
    weights = np.random.default_rng(seed).integers(1, 4, answers.questions) / 400
    result = uncertain(answers, weights, 0.3, draws=10, rule=rule)
    errors = []
    for person in range(answers.participants):
        people = np.ones(answers.participants)
        people[person] = 0
        errors.append(plain_error(answers, weights, 0.3, people, rule))
    assert result.left_out == (pytest.approx(min(errors)), pytest.approx(max(errors)))
    everyone = plain_error(answers, weights, 0.3, np.ones(answers.participants), rule)
    assert abs(errors[result.most_influential] - everyone) == pytest.approx(
        max(abs(e - everyone) for e in errors)
    )


def test_the_conservative_interval_is_that_of_plain_resampling() -> None:
    answers = random_study(9)
    weights = np.full(answers.questions, 1 / 200)
    result = uncertain(answers, weights, 0.3, draws=4000)
    rng = np.random.default_rng(5)
    drawn = rng.multinomial(12, np.full(12, 1 / 12), size=1500)
    plain = [plain_error(answers, weights, 0.3, people) for people in drawn]
    low, high = np.quantile(plain, [0.025, 0.975])
    assert result.conservative_interval.low == pytest.approx(low, abs=0.006)
    assert result.conservative_interval.high == pytest.approx(high, abs=0.006)
    assert "conservative" in result.conservative_interval.method


def test_only_questions_about_mistakes_move_the_error() -> None:
    answers = random_study(2)
    weights = np.zeros(answers.questions)
    weights[3] = 0.01
    result = uncertain(answers, weights, 0.5)
    assert 0.49 - 1e-12 <= result.conservative_interval.low <= result.conservative_interval.high <= 0.5


def test_a_drawn_mistake_weighs_as_much_as_its_stratum_says() -> None:
    # Five images: stratum 0 has three mistakes of which two are drawn, stratum 1 one, drawn.
    error = np.array([True, True, True, True, False])
    question = np.array([0, 1, -1, 2, -1])
    review = Review(error, np.array([1, 1, -1, 1, -1]), np.array([0, 0, 0, 1, 0]))
    assert question_weights(review, question, 4).tolist() == pytest.approx([0.3, 0.3, 0.2, 0])
    full = Review(error, review.verdict)
    assert question_weights(full, question, 4).tolist() == pytest.approx([0.2, 0.2, 0.2, 0])


def test_one_participant_cannot_be_resampled() -> None:
    result = participant_uncertainty(
        answers_of(["y"]),
        RULE,
        standard_error=0.1,
        question_weights=np.array([0.1]),
        draws=10,
        rng=np.random.default_rng(0),
    )
    assert isinstance(result, Withheld)


def test_quality_by_hand() -> None:
    # Participant 0 is with the others' majority on both questions, participant 2 on neither; on the third
    # question the others of 0 and 1 tie or are few.
    answers = answers_of(["yyn", "yyn", "nn"], seconds=[1, 2, 3, 4, 5, 6, 7, 8])
    rows = participant_quality(answers, ("yes",), GoldQuestions(np.array([2]), np.array([0])))
    assert [row.answers for row in rows] == [3, 3, 2]
    # Others of 0: (y, n) tie, (y, n) tie, (n) agrees.
    assert [(r.agreement_with_rest.count, r.agreement_with_rest.total) for r in rows] == [
        (1, 1),
        (1, 1),
        (0, 2),
    ]
    assert [(r.gold.count, r.gold.total) for r in rows] == [(1, 1), (1, 1), (0, 0)]
    assert [r.median_seconds for r in rows] == [4, 5, 4.5]
    assert sum(r.share_of_answers for r in rows) == pytest.approx(1)


def test_unknown_times_are_left_out_of_the_median() -> None:
    answers = answers_of(["y", "y", "y"], seconds=[2, float("nan"), 4])
    assert participant_quality(answers, ("yes",), None)[0].median_seconds == 3


def test_the_most_active_participants_share_of_the_answers() -> None:
    shares = top_shares(answers_of(["yyy", "yy", "y", "y"]), sizes=(1, 2, 10))
    assert [(s.participants, s.share) for s in shares] == [
        (1, pytest.approx(4 / 7)),
        (2, pytest.approx(6 / 7)),
    ]


def test_gold_rates_count_answers_as_expected() -> None:
    gold = GoldQuestions(np.array([0, 2]), np.array([1, 0]))
    rates = gold_rates(answers_of(["yyn", "yyy", "nu"]), gold)
    assert [(r.question, r.expected, r.as_expected.count, r.as_expected.total) for r in rates] == [
        (0, "yes", 2, 3),
        (2, "no", 1, 2),
    ]
