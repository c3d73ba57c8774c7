"""The demo's explanations beside what a researcher has attacked meanwhile."""

from __future__ import annotations

from pathlib import Path

from studyapp.management.demo.recipes import DemoAttack
from studyapp.management.demo.runs import attack
from studyapp.models import AttackRun, Classifier, Dataset, ExplanationRun
from studyapp.protocol.attack import AttackPlan
from studyapp.services.attacks.runs import open_attack_run
from tests.studyapp_tests.explanations.halves import said

PROTOCOL = """
name = "halves"
title = "Halves"
kind = "adversarial"
dataset = "halves"
classifiers = ["compare"]

[questions]

[attack]
space = "pixel"
step = 0.01568627450980392
steps = 12

[[arm]]
name = "whole"
"""


def test_a_repeated_demo_explains_its_own_attack_whatever_was_attacked_since(
    compare: tuple[Dataset, Classifier], tmp_path: Path
) -> None:
    protocol = tmp_path / "protocol.toml"
    protocol.write_text(PROTOCOL)
    wanted = DemoAttack("halves", "compare", protocol, methods=("integrated_gradients", "lime"), samples=100)
    attack(wanted, lambda text: None)
    own = AttackRun.objects.get()
    explained = set(ExplanationRun.objects.values_list("pk", "attack_run"))
    # Clean pictures belong to no attack.
    assert {run for _, run in explained} == {own.pk, None}

    dataset, classifier = compare
    open_attack_run(dataset=dataset, classifier=classifier, plan=AttackPlan(steps=1000))
    drawn = said(
        *("attack", "halves", "compare", "--space", "pixel", "--step", "4/255", "--steps", "12"),
        *("--categories", "1", "--seed", "1"),
    )["run"]
    assert drawn != own.pk
    attack(wanted, lambda text: None)
    assert set(ExplanationRun.objects.values_list("pk", "attack_run")) == explained
