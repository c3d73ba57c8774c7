"""What the simulated participants will find true, drawn before the first of them arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from django.urls import reverse
from scipy.optimize import lsq_linear

from studyapp.management.rehearsal.browser import ServerTrouble
from studyapp.management.rehearsal.buttons import button_saying
from studyapp.management.rehearsal.pages import SIDES, Button, Form, Page, Sight, sight_of
from studyapp.models import Answer, Draw, Mode, Question, QuestionUse, Study
from studyapp.services.participation.wording import shown_question
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused

if TYPE_CHECKING:
    from studyapp.management.rehearsal.recovery import Recovery

PURPOSE = "rehearsal_plan"
LABEL_RELEVANT = 0.98
FOIL_RELEVANT = 0.03
FIRST_SHARE, LAST_SHARE = 0.45, 0.15
_SECONDS = 1.25

_JUDGED = (QuestionUse.Role.MISTAKE, QuestionUse.Role.TOP5_LIST, QuestionUse.Role.FLIP)
_LABELS = (QuestionUse.Role.TRUE_LABEL, QuestionUse.Role.CONTROL_TRUE, QuestionUse.Role.CORRECT)


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """The planted truth.

    `shares`: the share of each classifier's mistakes that was to be relevant. `error_rate`: how often a
    simulated participant says the opposite of the truth. `relevant`: by question key, whether its class is
    relevant; `sights`: the same by what a person sees. `positive`: the answers that speak for the class.
    `predicted`: of two alternatives, the name of the predicted class, which the page does not tell.
    """

    shares: Mapping[str, float]
    error_rate: float
    relevant: Mapping[str, bool]
    sights: Mapping[Sight, bool]
    positive: frozenset[str]
    predicted: Mapping[Sight, str]

    def choose(self, page: Page, form: Form, rng: np.random.Generator) -> str:
        """A button that says what is true or, at the error rate, one that says the opposite."""
        sight = page.sight()
        truth = self.sights.get(sight)
        if truth is None:
            raise ServerTrouble(f"a picture and class names that the study does not have: {page.labels}")
        says_yes = truth != (rng.random() < self.error_rate)
        return button_saying(
            form, yes=says_yes, is_yes=lambda button: self.means(sight, button) in self.positive, rng=rng
        )

    def seconds(self, rng: np.random.Generator) -> float:
        """Times play no part here."""
        return _SECONDS

    def recover(self, study: Study) -> Recovery:
        """The tables' errors beside the planted ones."""
        from studyapp.management.rehearsal.recovery import recover

        return recover(study=study, plan=self)

    def means(self, sight: Sight, button: Button) -> str:
        """The answer that a button of a question stands for."""
        if button.value not in SIDES:
            return button.value
        return "predicted" if self.predicted[sight] == button.text else "true"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Everything that one sight is used for: pooled questions and arms share one truth."""

    keys: tuple[str, ...]
    sight: Sight
    predicted: str
    roles: frozenset[str]
    classifiers: frozenset[str]
    expected: frozenset[str]


def ensure_plan(
    *, study: Study, planted: Mapping[str, float], error_rate: float, rng: np.random.Generator
) -> RehearsalPlan:
    """The study's stored plan, or one drawn now and stored (rule 10).

    Shares not named in `planted` are spread evenly from 0.45 to 0.15 over the study's classifiers. While
    nothing has been answered in rehearsal, another plan replaces the stored one. Raises Refused.
    """
    shares = planted_shares(study=study, planted=planted)
    if not 0.0 <= error_rate < 0.5:
        raise Refused(
            f"error rate {error_rate:g}: give a share from 0 up to, but not, 0.5 (half is guessing)"
        )
    asked = _asked(study)
    stored = Draw.objects.filter(study=study, purpose=PURPOSE).first()
    if stored is not None:
        drawn = dict(stored.values[1])
        if stored.values[0] == _parameters(shares, error_rate) and {k for a in asked for k in a.keys} == set(
            drawn
        ):
            return _plan(study, asked, shares, error_rate, {key: bool(drawn[key]) for key in drawn})
        if answered_in_rehearsal(study):
            raise Refused(
                f"study {study.name} has rehearsal answers that follow another plan "
                f"({stored.values[0]}); rehearse it with the same values, or rehearse a new study"
            )
        stored.delete()
    seed = int(rng.integers(0, 2**62))
    relevant = draw_relevance(asked, shares=shares, study=study, rng=np.random.default_rng(seed))
    Draw.objects.create(
        study=study,
        purpose=PURPOSE,
        seed=seed,
        values=[
            _parameters(shares, error_rate),
            sorted([key, int(is_relevant)] for key, is_relevant in relevant.items()),
        ],
    )
    return _plan(study, asked, shares, error_rate, relevant)


def planted_shares(*, study: Study, planted: Mapping[str, float]) -> Mapping[str, float]:
    """The share to plant for every classifier of the study, in its order; raises Refused."""
    names = list(study.study_classifiers.order_by("position").values_list("classifier__name", flat=True))
    for name, share in planted.items():
        if name not in names:
            raise Refused(
                f"planted acceptance: {name!r} is no classifier of study {study.name}; "
                f"it has {', '.join(names) or 'none'}"
            )
        if not 0.0 <= share <= 1.0:
            raise Refused(f"planted acceptance of {name}: {share:g}; give a share from 0 to 1")
    spread = np.linspace(FIRST_SHARE, LAST_SHARE, max(len(names), 2)).tolist()
    return MappingProxyType(
        {name: planted.get(name, share) for name, share in zip(names, spread, strict=False)}
    )


def draw_relevance(
    asked: Sequence[_Asked], *, shares: Mapping[str, float], study: Study, rng: np.random.Generator
) -> dict[str, bool]:
    """Whether each question's class is relevant, by question key.

    Mistakes: as many of every pattern of classifiers as bring each classifier nearest to its share (bounded
    least squares, because a pooled mistake has one truth for all of them), which ones is drawn. Labels of
    the dataset are relevant with probability 0.98, foils with 0.03, a gold or practice question as expected.
    """
    positive = _positive(study)
    relevant: dict[str, bool] = {}
    patterns: dict[frozenset[str], list[_Asked]] = {}
    overall = float(np.mean(list(shares.values()))) if shares else FIRST_SHARE
    for item in asked:
        if item.expected:
            relevant |= dict.fromkeys(item.keys, bool(item.expected & positive))
        elif item.roles & set(_JUDGED):
            patterns.setdefault(item.classifiers, []).append(item)
        else:
            relevant |= dict.fromkeys(item.keys, bool(rng.random() < _background(item.roles, overall)))
    wanted = _pattern_shares(patterns, shares, overall)
    for pattern, items in patterns.items():
        accepted = round(wanted[pattern] * len(items))
        for place, number in enumerate(rng.permutation(len(items))):
            relevant |= dict.fromkeys(items[int(number)].keys, place < accepted)
    return relevant


def _background(roles: frozenset[str], overall: float) -> float:
    """Probability that a class which is no mistake under review is relevant."""
    if roles & set(_LABELS):
        return LABEL_RELEVANT
    # Of five classes asked one by one, any that is accepted counts: a fifth of the share each.
    return overall / 5 if QuestionUse.Role.TOP5_LABEL in roles else FOIL_RELEVANT


def _pattern_shares(
    patterns: Mapping[frozenset[str], Sequence[_Asked]], shares: Mapping[str, float], overall: float
) -> dict[frozenset[str], float]:
    """The share of relevant mistakes for each set of classifiers that makes the same ones."""
    keys = list(patterns)
    if not keys or not shares:
        return dict.fromkeys(keys, overall)
    sizes: npt.NDArray[np.float64] = np.array([len(patterns[key]) for key in keys], dtype=np.float64)
    members = np.array([[name in key for key in keys] for name in shares], dtype=np.float64) * sizes
    target = members.sum(axis=1) * np.array(list(shares.values()))
    # A light pull to the members' mean decides where the shares leave freedom.
    pull = np.diag(0.01 * np.sqrt(sizes))
    means = np.array([np.mean([shares[name] for name in key]) if key else overall for key in keys])
    found = lsq_linear(np.vstack([members, pull]), np.r_[target, pull @ means], bounds=(0.0, 1.0)).x
    return dict(zip(keys, found.tolist(), strict=True))


def _asked(study: Study) -> list[_Asked]:
    """Every sight of the study with the questions behind it, in the order of the questions."""
    uses: dict[int, list[tuple[str, str | None]]] = {}
    rows = QuestionUse.objects.filter(question__study=study).values_list(
        "question_id", "role", "study_classifier__classifier__name"
    )
    for question_id, role, name in rows:
        uses.setdefault(question_id, []).append((role, name))
    found: dict[Sight, list[Question]] = {}
    predicted: dict[Sight, str] = {}
    asked = (Question.Origin.STUDY, Question.Origin.PRACTICE)
    questions = Question.objects.filter(study=study, origin__in=asked)
    for question in questions.select_related("stimulus", "label", "arm").order_by("pk"):
        sight, name = _sight(question, study)
        found.setdefault(sight, []).append(question)
        predicted[sight] = name
    return [
        _Asked(
            keys=tuple(question.key for question in same),
            sight=sight,
            predicted=predicted[sight],
            roles=frozenset(role for question in same for role, _ in uses.get(question.pk, [])),
            classifiers=frozenset(
                name
                for question in same
                for role, name in uses.get(question.pk, [])
                if role in _JUDGED and name is not None
            ),
            expected=frozenset(question.expected for question in same if question.expected),
        )
        for sight, same in found.items()
    ]


def _sight(question: Question, study: Study) -> tuple[Sight, str]:
    """What its page will show, in the words of the page itself, and the predicted one of two alternatives."""
    shown = shown_question(question=question, study=study, positive_first=True)
    picture = reverse("participant:stimulus", args=[question.stimulus.key])
    labels = ((shown.label,) if shown.label else ()) + shown.labels
    beside = {choice.value: choice.text for choice in shown.choices if choice.sent in SIDES}
    return sight_of(picture, labels, list(beside.values())), beside.get("predicted", "")


def _plan(
    study: Study,
    asked: Sequence[_Asked],
    shares: Mapping[str, float],
    error_rate: float,
    relevant: dict[str, bool],
) -> RehearsalPlan:
    return RehearsalPlan(
        shares=shares,
        error_rate=error_rate,
        relevant=MappingProxyType(relevant),
        sights=MappingProxyType({item.sight: relevant[item.keys[0]] for item in asked}),
        positive=_positive(study),
        predicted=MappingProxyType({item.sight: item.predicted for item in asked if item.predicted}),
    )


def _positive(study: Study) -> frozenset[str]:
    return frozenset(value for setup in protocol_of(study).arm_setups() for value in setup.positive)


def _parameters(shares: Mapping[str, float], error_rate: float) -> dict[str, object]:
    return {"planted": dict(shares), "error_rate": error_rate}


def answered_in_rehearsal(study: Study) -> bool:
    """Whether simulated participants have answered a question of the study."""
    rows = Answer.objects.filter(question__study=study, mode=Mode.REHEARSAL)
    return rows.exclude(status=Answer.Status.PRACTICE).exists()
