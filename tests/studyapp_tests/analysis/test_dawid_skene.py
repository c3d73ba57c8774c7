"""Rules that weigh participants by their reliability."""

from __future__ import annotations

import numpy as np
import pytest

from studyapp.analysis.dawid_skene import (
    Golden,
    LatentClasses,
    dawid_skene,
    gold_calibrated,
    golden_from_experts,
    positive_classes,
)
from studyapp.analysis.votes import Answers
from studyapp.analysis.withheld import Withheld
from tests.studyapp_tests.analysis.tables import answers_of

FLOOR = 1e-10


def plain_dawid_skene(answers: Answers, classes: list[int], iterations: int) -> np.ndarray:
    """The algorithm as Dawid & Skene (1979) state it, in loops over dictionaries of answers."""
    number, width = max(classes) + 1, len(answers.vocabulary)
    rows = list(
        zip(answers.question.tolist(), answers.participant.tolist(), answers.value.tolist(), strict=True)
    )
    posterior = np.zeros((answers.questions, number))
    for q, _, k in rows:
        posterior[q, classes[k]] += 1
    posterior /= posterior.sum(axis=1, keepdims=True)
    for _ in range(iterations):
        prior = posterior.mean(axis=0)
        confusion = np.zeros((answers.participants, number, width))
        for q, j, k in rows:
            confusion[j, :, k] += posterior[q]
        confusion = np.maximum(confusion, FLOOR)
        confusion /= confusion.sum(axis=2, keepdims=True)
        posterior = np.tile(prior, (answers.questions, 1))
        for q, j, k in rows:
            posterior[q] *= confusion[j, :, k]
        posterior /= posterior.sum(axis=1, keepdims=True)
    return posterior


def noisy_study(seed: int, questions: int = 300) -> tuple[Answers, np.ndarray]:
    """Ten participants, two of whom answer at random."""
    rng = np.random.default_rng(seed)
    truth = rng.random(questions) < 0.3
    accuracy = np.array([0.95, 0.9, 0.9, 0.85, 0.8, 0.8, 0.75, 0.7, 0.5, 0.5])
    question = np.repeat(np.arange(questions), 5)
    participant = np.concatenate([rng.permutation(10)[:5] for _ in range(questions)])
    right = rng.random(len(question)) < accuracy[participant]
    value = np.where(right, truth[question], ~truth[question]).astype(np.int16)
    return Answers(question, participant, value, ("no", "yes"), questions, 10), truth


@pytest.mark.parametrize("iterations", [1, 2, 7])
def test_em_is_the_plain_loop(iterations: int) -> None:
    answers, _ = noisy_study(1)
    ours = dawid_skene(answers, np.array([0, 1]), iterations=iterations, tolerance=None)
    assert ours.iterations == iterations
    assert np.abs(ours.posterior - plain_dawid_skene(answers, [0, 1], iterations)).max() < 1e-9


def test_three_values_speak_for_two_classes() -> None:
    answers = answers_of(["yyu", "nnu", "yun", "nnn", "yyy"])
    classes = positive_classes(answers, ("yes",))
    assert classes.tolist() == [0, 1, 0]
    ours = dawid_skene(answers, classes, iterations=3, tolerance=None)
    assert ours.confusion.shape == (3, 2, 3)
    assert np.abs(ours.posterior - plain_dawid_skene(answers, [0, 1, 0], 3)).max() < 1e-9


def test_it_learns_who_is_reliable_and_beats_counting() -> None:
    answers, truth = noisy_study(3, questions=2_000)
    fitted = dawid_skene(answers, np.array([0, 1]))
    assert fitted.converged
    diagonal = (fitted.confusion[:, 0, 0] + fitted.confusion[:, 1, 1]) / 2
    assert diagonal[:3].min() > 0.8 > 0.65 > diagonal[8:].max()
    share = np.bincount(answers.question, weights=answers.value) / 5
    assert ((fitted.relevant >= 0.5) == truth).mean() > ((share >= 0.5) == truth).mean()


def test_probabilities_add_up_to_one() -> None:
    fitted = dawid_skene(noisy_study(5)[0], np.array([0, 1]))
    assert np.allclose(fitted.posterior.sum(axis=1), 1)
    assert np.allclose(fitted.confusion.sum(axis=2), 1)
    assert fitted.prior.sum() == pytest.approx(1)


def test_a_question_without_answers_keeps_the_prior() -> None:
    fitted = dawid_skene(answers_of(["yyy", "", "nnn"]), np.array([0, 1, 0]))
    assert fitted.prior[1] == pytest.approx(0.5)
    # Also before the prior has settled.
    early = dawid_skene(answers_of(["yyn", "", "nnn", "yuy"]), np.array([0, 1, 0]), iterations=1)
    assert early.posterior[1].tolist() == early.prior.tolist()


def test_the_rows_of_a_table_may_stand_in_any_order() -> None:
    answers, _ = noisy_study(6)
    order = np.random.default_rng(0).permutation(len(answers))
    mixed = Answers(
        answers.question[order], answers.participant[order], answers.value[order], ("no", "yes"), 300, 10
    )
    one, two = (dawid_skene(a, np.array([0, 1]), iterations=9, tolerance=None) for a in (answers, mixed))
    assert np.allclose(one.posterior, two.posterior, atol=1e-12)


def test_it_refuses_classes_that_do_not_fit_the_vocabulary() -> None:
    with pytest.raises(ValueError, match="2 classes for the 3 values"):
        dawid_skene(answers_of(["y"]), np.array([0, 1]))
    with pytest.raises(ValueError, match="iterations = 0"):
        dawid_skene(answers_of(["y"]), np.array([0, 1, 0]), iterations=0)


def test_gold_calibration_by_hand() -> None:
    # Four golden items, three relevant. Participant 0 answers y y n n, participant 1 nothing.
    golden = Golden(np.array([1, 1, 1, 0]), _by([(0, 0, "y"), (1, 0, "y"), (2, 0, "n"), (3, 0, "n")], 4))
    answers = _by([(0, 0, "y"), (0, 1, "n")], 1)
    fitted = gold_calibrated(answers, golden)
    assert isinstance(fitted, LatentClasses)
    # Add one: relevant (n 2, y 3) / 5, irrelevant (n 2, y 1) / 3; participant 1 gets the same means.
    assert fitted.confusion[0].tolist() == [pytest.approx([2 / 3, 1 / 3]), pytest.approx([2 / 5, 3 / 5])]
    assert np.allclose(fitted.confusion[1], fitted.confusion[0])
    relevant, irrelevant = 0.75 * (3 / 5) * (2 / 5), 0.25 * (1 / 3) * (2 / 3)
    assert fitted.relevant[0] == pytest.approx(relevant / (relevant + irrelevant))


def test_experts_who_tie_leave_their_item_out() -> None:
    experts = _by([(0, 0, "y"), (0, 1, "n"), (1, 0, "y"), (1, 1, "y"), (2, 0, "n"), (2, 1, "n")], 3)
    raters = _by([(0, 0, "y"), (1, 0, "y"), (2, 0, "n")], 3)
    golden = golden_from_experts(experts, raters, ("yes",))
    assert golden.relevant.tolist() == [-1, 1, 0]
    fitted = gold_calibrated(_by([(0, 0, "y")], 1), golden)
    assert isinstance(fitted, LatentClasses)
    assert fitted.prior.tolist() == [0.5, 0.5]
    assert fitted.confusion[0].tolist() == [pytest.approx([2 / 3, 1 / 3]), pytest.approx([1 / 3, 2 / 3])]


def test_golden_items_of_one_kind_cannot_calibrate() -> None:
    golden = Golden(np.array([1, 1]), _by([(0, 0, "y"), (1, 0, "y")], 2))
    outcome = gold_calibrated(_by([(0, 0, "y")], 1), golden)
    assert isinstance(outcome, Withheld)
    assert "one kind" in outcome.reason


def test_golden_items_that_nobody_answered_cannot_calibrate() -> None:
    outcome = gold_calibrated(_by([(0, 0, "y")], 1), Golden(np.array([1, 0]), _by([], 2)))
    assert isinstance(outcome, Withheld)


def _by(rows: list[tuple[int, int, str]], questions: int) -> Answers:
    """Rows (question, participant, letter) of two participants."""
    return Answers(
        np.array([q for q, _, _ in rows], dtype=np.int32),
        np.array([j for _, j, _ in rows], dtype=np.int32),
        np.array(["ny".index(letter) for _, _, letter in rows], dtype=np.int16),
        ("no", "yes"),
        questions,
        2,
    )
