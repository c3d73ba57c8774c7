"""A planted share of pictures in which people see the shape, and whether the tables show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from django.urls import reverse

from studyapp.analysis.intervals import wilson
from studyapp.exports.choice_evidence import choice_results
from studyapp.management.rehearsal.browser import ServerTrouble
from studyapp.management.rehearsal.counted import LEVEL
from studyapp.management.rehearsal.pages import Form, Page, Sight
from studyapp.management.rehearsal.recovery import Recovery, recovery_of
from studyapp.management.rehearsal.report import Recovered
from studyapp.management.rehearsal.stored_truth import planted_rates, stored_or_drawn
from studyapp.models import Mode, Question, Study
from studyapp.services.plans import protocol_of

SHAPE = "shape"
SHARE = 0.7
_SECONDS = 1.2


@dataclass(frozen=True, slots=True)
class ChoiceTruth:
    """`share`: of the pictures, those in which people see the shape; in the others they see the texture.

    `seen`: by picture the category that is seen; whoever errs chooses one of the other buttons.
    """

    share: float
    error_rate: float
    seen: Mapping[Sight, str]

    def choose(self, page: Page, form: Form, rng: np.random.Generator) -> str:
        """The button of what is seen or, at the error rate, another one."""
        seen = self.seen.get(page.sight())
        if seen is None:
            raise ServerTrouble("a picture that the study does not have")
        offered = [button.value for button in form.buttons]
        if seen not in offered:
            raise ServerTrouble(f"no button says {seen}")
        if rng.random() < self.error_rate:
            return str(rng.choice([value for value in offered if value != seen]))
        return seen

    def seconds(self, rng: np.random.Generator) -> float:
        """Times play no part here."""
        return _SECONDS

    def recover(self, study: Study) -> Recovery:
        """The pooled shape fraction and accuracy beside what was planted."""
        found = choice_results(study, protocol_of(study), Mode.REHEARSAL)
        assert found is not None
        row = found.everybody.bias.pooled
        categories = len(protocol_of(study).arm_setups()[0].values)
        shaped = self._shaped(study)
        slip = self.error_rate / (categories - 1)
        shape = shaped * (1 - self.error_rate) + (1 - shaped) * slip
        texture = (1 - shaped) * (1 - self.error_rate) + shaped * slip
        rows = (
            _recovered(
                "shape fraction", shaped, shape / (shape + texture), row.shape, row.shape + row.texture
            ),
            _recovered(
                "named shape or texture",
                1.0,
                shape + texture,
                row.shape + row.texture,
                row.shape + row.texture + row.other,
            ),
        )
        return recovery_of(rows, (), what="shares")

    def _shaped(self, study: Study) -> float:
        """The share of the study's questions in whose picture the shape is seen."""
        rows = Question.objects.filter(study=study, origin=Question.Origin.STUDY)
        asked = [
            self.seen[_sight(key)] == parameters["shape"]
            for key, parameters in rows.values_list("stimulus__key", "parameters")
        ]
        return float(np.mean(asked))


def ensure_choice_truth(
    *, study: Study, planted: Mapping[str, float], error_rate: float, rng: np.random.Generator
) -> ChoiceTruth:
    """The study's stored truth, or one drawn now: the shape is seen in 70 % of the pictures unless planted.

    `planted` names "shape". Raises Refused for another name, a share outside 0 to 1, or answers that follow
    another plan.
    """
    rates = planted_rates(
        names={SHAPE: SHARE}, planted=planted, what="share", study=study, error_rate=error_rate
    )
    asked = list(
        Question.objects.filter(study=study)
        .order_by("pk")
        .values_list("key", "stimulus__key", "parameters", "expected")
    )

    def draw(generator: np.random.Generator) -> list[Any]:
        open_ = [key for key, _, _, expected in asked if not expected]
        wanted = round(rates[SHAPE] * len(open_))
        return sorted(open_[int(place)] for place in generator.permutation(len(open_))[:wanted])

    shaped = set(
        stored_or_drawn(
            study=study, parameters={"planted": rates, "error_rate": error_rate}, rng=rng, draw=draw
        )
    )
    return ChoiceTruth(
        share=rates[SHAPE],
        error_rate=error_rate,
        seen=MappingProxyType(
            {
                _sight(stimulus): expected
                or (parameters["shape"] if key in shaped else parameters["texture"])
                for key, stimulus, parameters, expected in asked
            }
        ),
    )


def _sight(stimulus: str) -> Sight:
    return Sight(reverse("participant:stimulus", args=[stimulus]), ())


def _recovered(quantity: str, planted: float, expected: float, count: int, total: int) -> Recovered:
    interval = wilson(count, total, LEVEL)
    return Recovered(
        quantity=quantity,
        standard=None,
        planted=planted,
        expected=expected,
        estimate=count / total,
        interval=(interval.low, interval.high),
        slack=0.5 / total,
    )
