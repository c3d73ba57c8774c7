"""Planted shares of changed pictures that show something different, and whether the tables say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from django.urls import reverse

from studyapp.exports.same_content_evidence import same_content_results
from studyapp.management.rehearsal.browser import ServerTrouble
from studyapp.management.rehearsal.buttons import button_saying
from studyapp.management.rehearsal.counted import planted_in, recovered_agreement
from studyapp.management.rehearsal.pages import Form, Page, Sight
from studyapp.management.rehearsal.recovery import Recovery, recovery_of
from studyapp.management.rehearsal.report import Finding, Recovered
from studyapp.management.rehearsal.stored_truth import planted_rates, stored_or_drawn
from studyapp.models import Mode, Question, QuestionUse, Study
from studyapp.services.criticism.boards import keys_beside
from studyapp.services.plans import protocol_of, setup_of

#: Of pictures that some classifier flips on, and of those that it stays on, the share seen as different.
FLIPS, STAYS = "flips", "stays"
SHARES = {FLIPS: 0.6, STAYS: 0.15}
_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class SameContentTruth:
    """`different`: by what a person sees, whether it represents something different; `by_key` by question."""

    error_rate: float
    different: Mapping[Sight, bool]
    by_key: Mapping[str, bool]
    positive: frozenset[str]

    def choose(self, page: Page, form: Form, rng: np.random.Generator) -> str:
        """A button that says what is true or, at the error rate, one that says the opposite."""
        truth = self.different.get(page.sight())
        if truth is None:
            raise ServerTrouble("a picture with siblings that the study does not have")
        says_yes = truth != (rng.random() < self.error_rate)
        return button_saying(form, yes=says_yes, is_yes=lambda button: button.value in self.positive, rng=rng)

    def seconds(self, rng: np.random.Generator) -> float:
        """Times play no part here."""
        return _SECONDS

    def recover(self, study: Study) -> Recovery:
        """For every classifier what people see of its flips, and of what stays, beside what was planted."""
        found = same_content_results(study, protocol_of(study), Mode.REHEARSAL)
        rows: list[Recovered] = []
        findings: list[Finding] = []
        for each in found.classifiers if found else ():
            of = each.agreement
            for role, seen, word in (
                (QuestionUse.Role.SAME_FLIP, of.seen_of_flips, "flips"),
                (QuestionUse.Role.SAME_STAYS, of.seen_of_stays, "what stays"),
            ):
                uses = QuestionUse.objects.filter(
                    question__study=study, role=role, study_classifier__classifier__name=each.classifier
                )
                truth, weight = planted_in(uses, self.by_key)
                if len(truth) and seen.total:
                    row, finding = recovered_agreement(
                        quantity=f"seen as different, {word} of {each.classifier}",
                        claim=f"people see as much of {word} of {each.classifier} as planted",
                        truth=truth,
                        weight=weight,
                        rule=protocol_of(study).answers,
                        error_rate=self.error_rate,
                        found=seen,
                    )
                    rows.append(row)
                    findings.append(finding)
        return recovery_of(rows, findings, what="shares")


def ensure_same_content_truth(
    *, study: Study, planted: Mapping[str, float], error_rate: float, rng: np.random.Generator
) -> SameContentTruth:
    """The study's stored truth, or one drawn now; `planted` names "flips" and "stays".

    A picture that some classifier is asked about for its flip has the share of flips. Raises Refused for
    another name, a share outside 0 to 1, or answers that follow another plan.
    """
    rates = planted_rates(names=SHARES, planted=planted, what="share", study=study, error_rate=error_rate)
    setup = setup_of(protocol_of(study), protocol_of(study).arm_setups()[0].name)
    asked = list(
        Question.objects.filter(study=study)
        .order_by("pk")
        .values_list("key", "stimulus__key", "parameters", "expected")
    )
    flipping = set(
        QuestionUse.objects.filter(question__study=study, role=QuestionUse.Role.SAME_FLIP).values_list(
            "question__key", flat=True
        )
    )

    def draw(generator: np.random.Generator) -> list[Any]:
        open_ = [key for key, _, _, expected in asked if not expected]
        groups = {FLIPS: [key for key in open_ if key in flipping]}
        groups[STAYS] = [key for key in open_ if key not in flipping]
        return sorted(key for name, keys in groups.items() for key in _part(keys, rates[name], generator))

    different = set(
        stored_or_drawn(
            study=study, parameters={"planted": rates, "error_rate": error_rate}, rng=rng, draw=draw
        )
    )
    by_key = {
        key: expected in setup.positive if expected else key in different for key, _, _, expected in asked
    }
    return SameContentTruth(
        error_rate=error_rate,
        different=MappingProxyType(
            {_sight(stimulus, keys_beside(told)): by_key[key] for key, stimulus, told, _ in asked}
        ),
        by_key=MappingProxyType(by_key),
        positive=frozenset(setup.positive),
    )


def _part(keys: Sequence[str], share: float, generator: np.random.Generator) -> list[str]:
    """A drawn share of the keys, as near to it as their number allows."""
    wanted = round(share * len(keys))
    return [keys[int(place)] for place in generator.permutation(len(keys))[:wanted]]


def _sight(stimulus: str, beside: Sequence[str]) -> Sight:
    """What its page shows: the picture and, in their order, those to its right."""
    return Sight(_address(stimulus), tuple(_address(key) for key in beside))


def _address(key: str) -> str:
    return reverse("participant:stimulus", args=[key])
