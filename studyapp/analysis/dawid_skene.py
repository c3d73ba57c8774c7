"""Rules that weigh each participant's answers by how reliable that participant is.

`dawid_skene`: EM over latent classes and confusion matrices (Dawid & Skene 1979), from a majority start.
`gold_calibrated`: the confusion matrices come from golden questions, and one E-step gives the posteriors;
this is how the authors of reassessed-imagenet computed their scores (science.md, section 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.verdicts import Majority, majority
from studyapp.analysis.votes import Answers
from studyapp.analysis.withheld import Withheld

# A value never seen from a participant must not make a question impossible. crowd-kit's floor.
_FLOOR = 1e-10
POSITIVE_CLASS = 1


@dataclass(frozen=True, slots=True, eq=False)
class LatentClasses:
    """Posteriors of the latent classes, and what they rest on.

    `posterior` [Q, C], `prior` [C], `confusion` [P, C, K]: the probability that participant P answers K
    where class C is true. `iterations` done; `converged`: the posteriors moved by no more than the
    tolerance in the last one. A question without answers has the prior as its posterior.
    """

    posterior: FloatArray
    prior: FloatArray
    confusion: FloatArray
    iterations: int
    converged: bool

    @property
    def relevant(self) -> FloatArray:
        """[Q] the probability that the label is relevant (two classes)."""
        return np.asarray(self.posterior[:, POSITIVE_CLASS], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """Golden items: `relevant` [G] `Majority` codes, and the raters' `answers` to the same G items."""

    relevant: IntArray
    answers: Answers


def positive_classes(answers: Answers, positive: tuple[str, ...]) -> IntArray:
    """[K] the latent class that each answer value speaks for: 1 for the positive ones, 0 for the rest."""
    classes = np.zeros(len(answers.vocabulary), dtype=np.int64)
    classes[answers.codes(positive)] = POSITIVE_CLASS
    return classes


def dawid_skene(
    answers: Answers,
    classes: IntArray,
    *,
    iterations: int = 100,
    tolerance: float | None = 1e-6,
) -> LatentClasses:
    """EM for latent classes from answers with errors (Dawid & Skene 1979).

    `classes` [K] gives the latent class that an answer value speaks for; it sets the start (each question's
    share of answers per class) and nothing else. Stops when no posterior moves by more than `tolerance`;
    None runs exactly `iterations`.
    """
    if iterations < 1:
        raise ValueError(f"iterations = {iterations}: EM needs at least one")
    if len(classes) != len(answers.vocabulary):
        raise ValueError(
            f"{len(classes)} classes for the {len(answers.vocabulary)} values {answers.vocabulary}"
        )
    said = _incidence(answers)
    number = int(classes.max()) + 1
    received = np.asarray(said.sum(axis=1)).ravel()
    answered = received > 0
    start = (said @ np.tile(np.eye(number)[classes], (answers.participants, 1))).T
    posterior = np.where(answered, start / np.maximum(received, 1), 1 / number)
    transposed = said.T.tocsr()

    done, converged = 0, False
    prior, confusion = _maximise(transposed, posterior, answered, answers)
    while done < iterations and not converged:
        previous = posterior
        posterior = _expect(said, prior, confusion)
        prior, confusion = _maximise(transposed, posterior, answered, answers)
        done += 1
        if tolerance is not None:
            converged = bool(np.abs(posterior - previous).max(initial=0.0) <= tolerance)
    posterior[:, ~answered] = prior[:, None]
    return LatentClasses(posterior.T, prior, confusion, done, converged)


def golden_from_experts(experts: Answers, raters: Answers, positive: tuple[str, ...]) -> Golden:
    """Golden items judged by the experts' majority; items on which the experts tie are tied, not broken."""
    if experts.questions != raters.questions:
        raise ValueError(f"experts answered {experts.questions} golden items, raters {raters.questions}")
    yes = experts.is_positive(positive)
    return Golden(
        relevant=majority(
            np.bincount(experts.question[yes], minlength=experts.questions),
            np.bincount(experts.question, minlength=experts.questions),
        ),
        answers=raters,
    )


def gold_calibrated(answers: Answers, golden: Golden, *, smoothing: float = 1.0) -> LatentClasses | Withheld:
    """Posterior of relevance by one E-step with confusion matrices from golden items.

    Each rater's matrix counts golden answers against the golden majority, plus `smoothing` in every cell;
    a participant without golden answers gets the mean of the others' matrices; the prior is the share of
    relevant golden items. Tied items are left out. Withheld where golden items cannot give the matrices.
    """
    if golden.answers.vocabulary != answers.vocabulary or golden.answers.participants != answers.participants:
        raise ValueError(
            "golden answers and answers must share their vocabulary and participants; got "
            f"{golden.answers.vocabulary} and {golden.answers.participants} participants against "
            f"{answers.vocabulary} and {answers.participants}"
        )
    judged = golden.relevant != Majority.TIED
    positives = int((golden.relevant == Majority.POSITIVE).sum())
    if positives == 0 or positives == int(judged.sum()):
        return Withheld(
            "the golden questions must include relevant and irrelevant labels; they hold one kind"
        )
    usable = golden.answers.where(np.asarray(judged[golden.answers.question], dtype=np.bool_))
    width = len(answers.vocabulary)
    cell = (usable.participant.astype(np.int64) * 2 + golden.relevant[usable.question]) * width + usable.value
    counts = np.bincount(cell, minlength=answers.participants * 2 * width)
    counts = counts.reshape(answers.participants, 2, width)
    rated = counts.sum(axis=(1, 2)) > 0
    if not rated.any():
        return Withheld("no participant answered a golden question")
    smoothed = counts + smoothing
    confusion: FloatArray = np.asarray(smoothed / smoothed.sum(axis=2, keepdims=True), dtype=np.float64)
    confusion[~rated] = confusion[rated].mean(axis=0)
    share = positives / int(judged.sum())
    prior = np.array([1 - share, share])
    return LatentClasses(_expect(_incidence(answers), prior, confusion).T, prior, confusion, 1, True)


def _incidence(answers: Answers) -> sparse.csr_matrix:
    """[Q, P*K] how often participant P said K to the question."""
    width = len(answers.vocabulary)
    column = answers.participant.astype(np.int64) * width + answers.value
    return sparse.csr_matrix(
        (np.ones(len(answers)), (answers.question, column)),
        shape=(answers.questions, answers.participants * width),
    )


def _expect(said: sparse.csr_matrix, prior: FloatArray, confusion: FloatArray) -> FloatArray:
    """[C, Q] posteriors; classes come first because numpy reduces a short last axis ten times slower."""
    people, number, width = confusion.shape
    by_column = np.log(confusion).transpose(0, 2, 1).reshape(people * width, number)
    logarithm = np.ascontiguousarray((said @ by_column).T)
    logarithm += np.log(np.maximum(prior, _FLOOR))[:, None]
    logarithm -= logarithm.max(axis=0)
    likelihood = np.exp(logarithm)
    return np.asarray(likelihood / likelihood.sum(axis=0), dtype=np.float64)


def _maximise(
    transposed: sparse.csr_matrix, posterior: FloatArray, answered: BoolArray, answers: Answers
) -> tuple[FloatArray, FloatArray]:
    """Prior [C] over the answered questions and confusion [P, C, K] from posteriors [C, Q]."""
    width, number = len(answers.vocabulary), len(posterior)
    expected = np.stack([transposed @ one for one in posterior], axis=1)
    confusion = np.maximum(expected.reshape(answers.participants, width, number).transpose(0, 2, 1), _FLOOR)
    confusion /= confusion.sum(axis=2, keepdims=True)
    if not answered.any():
        return np.full(number, 1 / number), confusion
    return np.asarray((posterior @ answered) / answered.sum()), confusion
