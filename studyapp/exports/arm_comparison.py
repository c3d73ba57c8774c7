"""The arms of a study beside each other: agreement, Table 2, pairs, and the verdicts that turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from studyapp.analysis.adversarial_accuracy import adversarial_accuracy
from studyapp.analysis.arm_pairs import ArmPair, arm_pairs, holm_pairs
from studyapp.analysis.arms import ArmImages, agreement, draw_answers
from studyapp.analysis.arrays import IntArray
from studyapp.analysis.rectified import positive_answers
from studyapp.exports.arm_results import ArmComparison, AttackedResults, ShownAs
from studyapp.exports.attack_evidence import StudyAttack, rectifies
from studyapp.exports.evidence import planned_pairs
from studyapp.exports.judged import ReadArm
from studyapp.exports.turned_verdicts import turned_verdicts
from studyapp.protocol.adversarial import AdversarialArm
from studyapp.protocol.schema import Protocol

# The arms' own draws start from the study's seed and this number, which no position of an arm reaches.
OWN_DRAWS = 1_000_003


def compare_arms(
    protocol: Protocol, arms: Sequence[ReadArm], attacks: Sequence[StudyAttack], *, seed: int
) -> Mapping[str, ArmComparison]:
    """Every arm among the others, by name; all differences of one classifier share their draws of images."""
    rng = np.random.default_rng([seed, OWN_DRAWS])
    asked = _asked_by_classifier(protocol, arms, attacks)
    images = {
        classifier: [arm.images(column) for arm, column in zip(arms, columns, strict=True)]
        for classifier, columns in asked.items()
    }
    pairs = _pairs(protocol, arms, images, rng)
    compared = {
        arm.name: ArmComparison(
            shown_as=_shown_as(arm),
            pairs=tuple((classifier, pair) for classifier, pair in pairs if pair.first == arm.name),
        )
        for arm in arms
    }
    if not attacks:
        return compared
    attacked = _attacked(protocol, arms, attacks, images, rng)
    moved = turned_verdicts(arms, attacks, asked, images, pairs)
    return {name: replace(one, attacked=attacked[name], turned=moved[name]) for name, one in compared.items()}


def _asked_by_classifier(
    protocol: Protocol, arms: Sequence[ReadArm], attacks: Sequence[StudyAttack]
) -> dict[str, list[IntArray]]:
    """For every classifier and arm, the question about each of its images [N] or -1."""
    if attacks:
        return {
            attack.outcomes.classifier: [attack.questions(arm.evidence.uses) for arm in arms]
            for attack in attacks
        }
    if not arms or protocol.about_mistakes is None:
        return {}
    return {
        evidence.classifier: [arm.evidence.evidence.classifiers[place].mistake_question for arm in arms]
        for place, evidence in enumerate(arms[0].evidence.evidence.classifiers)
    }


def _pairs(
    protocol: Protocol,
    arms: Sequence[ReadArm],
    images: Mapping[str, Sequence[ArmImages]],
    rng: np.random.Generator,
) -> list[tuple[str, ArmPair]]:
    """The planned pairs of every classifier, Holm's p over all of them."""
    found: list[tuple[str, ArmPair]] = []
    for classifier, each in images.items():
        pairs = arm_pairs(
            each,
            planned_pairs(protocol, "arms"),
            rule=arms[0].evidence.evidence.rule,
            draws=protocol.analysis.draws,
            rng=rng,
        )
        found += [(classifier, pair) for pair in pairs]
    adjusted = holm_pairs([pair for _, pair in found])
    return [(classifier, pair) for (classifier, _), pair in zip(found, adjusted, strict=True)]


def _shown_as(arm: ReadArm) -> ShownAs | None:
    plan = arm.evidence.setup.plan
    if not isinstance(plan, AdversarialArm):
        return None
    return ShownAs(
        shows=plan.shows.replace("_", " "),
        version=plan.version,
        method=None if plan.shows == "whole" else plan.method.replace("_", " "),
        label=plan.label,
    )


def _attacked(
    protocol: Protocol,
    arms: Sequence[ReadArm],
    attacks: Sequence[StudyAttack],
    images: Mapping[str, Sequence[ArmImages]],
    rng: np.random.Generator,
) -> dict[str, tuple[AttackedResults, ...]]:
    draws = protocol.analysis.draws
    found: dict[str, list[AttackedResults]] = {arm.name: [] for arm in arms}
    for attack in attacks:
        classifier = attack.outcomes.classifier
        shared = draw_answers(images[classifier], draws=draws, rng=rng) if len(attack.key) else None
        for arm, each in zip(arms, images[classifier], strict=True):
            if shared is None:
                continue
            rule = arm.evidence.evidence.rule
            found[arm.name].append(
                AttackedResults(
                    classifier=classifier,
                    agreement=agreement(each, rule, shared),
                    positive_answers=positive_answers(arm.votes, attack.questions(arm.evidence.uses), rule),
                    accuracy=adversarial_accuracy(attack.outcomes, each, draws=draws, rng=rng)
                    if rectifies(arm.evidence.setup)
                    else (),
                )
            )
    return {name: tuple(rows) for name, rows in found.items()}
