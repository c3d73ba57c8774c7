"""Planted rates of attributes in the groups of a bias audit, and whether the answers show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from django.urls import reverse

from studyapp.analysis.intervals import wilson_rate
from studyapp.management.rehearsal.browser import ServerTrouble
from studyapp.management.rehearsal.counted import recovered_agreement
from studyapp.management.rehearsal.pages import Form, Page, Sight
from studyapp.management.rehearsal.recovery import Recovery, recovery_of
from studyapp.management.rehearsal.report import Finding, Recovered
from studyapp.management.rehearsal.stored_truth import planted_rates, stored_or_drawn
from studyapp.models import Answer, Mode, Question, QuestionUse, Study
from studyapp.protocol.criticism import NONE_OF_THEM
from studyapp.protocol.schema import AttributeQuestions
from studyapp.services.participation.choosing import BETWEEN, chosen_values
from studyapp.services.plans import protocol_of

LOWEST, HIGHEST = 0.1, 0.9
_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class AttributeTruth:
    """`rates`: by "group: attribute", the share of the group's images that the attribute was to be seen in.

    `seen` are the attributes of each picture, `images` the same by image; whoever looks turns each attribute
    at the error rate.
    """

    rates: Mapping[str, float]
    error_rate: float
    attributes: tuple[str, ...]
    seen: Mapping[Sight, frozenset[str]]
    images: Mapping[int, frozenset[str]]

    def choose(self, page: Page, form: Form, rng: np.random.Generator) -> str:
        """The lines that this person chooses: what is there, each turned at the error rate."""
        there = self.seen.get(page.sight())
        if there is None:
            raise ServerTrouble("a picture that the study does not have")
        offered = [choice.value for choice in form.choices]
        missing = [attribute for attribute in self.attributes if attribute not in offered]
        if missing or NONE_OF_THEM not in offered:
            raise ServerTrouble(f"the page offers {offered}, without {(*missing, NONE_OF_THEM)[0]}")
        chosen = [each for each in self.attributes if (each in there) != (rng.random() < self.error_rate)]
        return BETWEEN.join(chosen) or NONE_OF_THEM

    def seconds(self, rng: np.random.Generator) -> float:
        """Times play no part here."""
        return _SECONDS

    def recover(self, study: Study) -> Recovery:
        """The rate of every attribute in every group beside the planted one."""
        rule = protocol_of(study).answers
        members = group_members(study)
        image_of = dict(Question.objects.filter(study=study).values_list("pk", "image_id"))
        agreed = agreed_attributes(study, Mode.REHEARSAL, agreement=rule.agreement)
        rows: list[Recovered] = []
        findings: list[Finding] = []
        for name in self.rates:
            group, _, attribute = name.partition(": ")
            questions = members.get(group, [])
            there = np.array([attribute in self.images[image_of[each]] for each in questions], dtype=bool)
            row, finding = recovered_agreement(
                quantity=name,
                claim=f"as many images of group {group} as planted show {attribute!r}",
                truth=there,
                rule=rule,
                error_rate=self.error_rate,
                found=wilson_rate(
                    sum(attribute in agreed.get(each, ()) for each in questions), len(questions)
                ),
            )
            rows.append(row)
            findings.append(finding)
        return recovery_of(rows, findings, what="rates")


def ensure_attribute_truth(
    *, study: Study, planted: Mapping[str, float], error_rate: float, rng: np.random.Generator
) -> AttributeTruth:
    """The study's stored truth, or one drawn now: rates between 0.1 and 0.9 unless planted.

    `planted` names "group: attribute". Raises Refused for an unknown name, a rate outside 0 to 1, or answers
    that follow another plan.
    """
    questions = protocol_of(study).questions
    assert isinstance(questions, AttributeQuestions)
    names = [f"{group}: {attribute}" for group in questions.audited for attribute in questions.attributes]
    spread = np.linspace(LOWEST, HIGHEST, max(len(names), 2)).tolist()
    rates = planted_rates(
        names=dict(zip(names, spread, strict=False)),
        planted=planted,
        what="group and attribute",
        study=study,
        error_rate=error_rate,
    )
    shown = Question.objects.filter(study=study).values_list("pk", "image_id", "stimulus__key")
    image_of = {question: image for question, image, _ in shown}
    members = {
        group: sorted({image_of[question] for question in every})
        for group, every in group_members(study).items()
    }

    def draw(generator: np.random.Generator) -> list[Any]:
        return sorted([image, sorted(seen)] for image, seen in _draw(rates, members, generator).items())

    drawn = stored_or_drawn(
        study=study, parameters={"planted": rates, "error_rate": error_rate}, rng=rng, draw=draw
    )
    seen = {int(image): frozenset(attributes) for image, attributes in drawn}
    return AttributeTruth(
        rates=MappingProxyType(rates),
        error_rate=error_rate,
        attributes=questions.attributes,
        seen=MappingProxyType(
            {
                Sight(reverse("participant:stimulus", args=[key]), ()): seen.get(image, frozenset())
                for _, image, key in shown
            }
        ),
        images=MappingProxyType(seen),
    )


def group_members(study: Study) -> dict[str, list[int]]:
    """The questions of every group, by the group's name, in the order they were made."""
    found: dict[str, list[int]] = {}
    uses = QuestionUse.objects.filter(question__study=study, role=QuestionUse.Role.ATTRIBUTES)
    for group, question in uses.order_by("question_id").values_list("stratum", "question_id"):
        found.setdefault(group, []).append(question)
    return found


def agreed_attributes(study: Study, mode: str, *, agreement: int) -> dict[int, frozenset[str]]:
    """By question, the attributes that at least `agreement` of its counted answers have."""
    counts: dict[int, dict[str, int]] = {}
    rows = Answer.objects.filter(question__study=study, mode=mode, status=Answer.Status.COUNTED).order_by()
    for question, value in rows.values_list("question_id", "value"):
        by = counts.setdefault(question, {})
        for each in chosen_values(value):
            by[each] = by.get(each, 0) + 1
    return {
        question: frozenset(each for each, many in by.items() if many >= agreement)
        for question, by in counts.items()
    }


def _draw(
    rates: Mapping[str, float], members: Mapping[str, Sequence[int]], rng: np.random.Generator
) -> dict[int, set[str]]:
    """As many images of each group show an attribute as its rate says; one in two groups is drawn once."""
    seen: dict[int, set[str]] = {image: set() for every in members.values() for image in every}
    drawn: set[tuple[int, str]] = set()
    for name, rate in rates.items():
        group, _, attribute = name.partition(": ")
        own = members.get(group, ())
        free = [image for image in own if (image, attribute) not in drawn]
        there = sum(attribute in seen[image] for image in own)
        wanted = min(max(round(rate * len(own)) - there, 0), len(free))
        for place in rng.permutation(len(free))[:wanted]:
            seen[free[int(place)]].add(attribute)
        drawn |= {(image, attribute) for image in own}
    return seen
