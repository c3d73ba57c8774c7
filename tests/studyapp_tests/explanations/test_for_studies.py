"""What a study needs: the runs of its protocol, found again, or the command that makes them."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from studyapp.models import AttackRun, Classifier, Dataset, ExplanationRun
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.services.explanations.runs import explanation_run_for
from studyapp.services.refusals import Refused
from tests.studyapp_tests.explanations.halves import attack_halves, said

pytestmark = pytest.mark.django_db

PLAN = ExplanationPlan(samples=100, hidden="black")
PROTOCOL = """
name = "two-arms"
title = "Whole and explained"
kind = "adversarial"
dataset = "halves"
classifiers = ["compare"]

[questions]

[attack]
space = "pixel"
step = 0.01568627450980392
steps = 12

[explanation]
samples = 100
hidden = "black"

[[arm]]
name = "whole"

[[arm]]
name = "explained"
shows = "explanation"

[[arm]]
name = "true"
shows = "explanation"
explained = "true"

[[arm]]
name = "occluded"
shows = "explanation"
method = "occlusion"

[[arm]]
name = "random"
shows = "random_superpixels"
"""


def run_for(
    compare: tuple[Dataset, Classifier],
    attack: AttackRun,
    *,
    version: str = "adversarial",
    method: str = "lime",
    explained: str = "adversarial",
    plan: ExplanationPlan = PLAN,
    images: list[int] | None = None,
) -> ExplanationRun:
    return explanation_run_for(
        dataset=compare[0],
        classifier=compare[1],
        attack_run=attack,
        version=version,
        method=method,
        explained=explained,
        plan=plan,
        images=images,
    )


def command_in(message: str) -> list[str]:
    """The command line at the end of a refusal."""
    return shlex.split(message.partition("python manage.py ")[2])


@pytest.fixture
def attack(compare: tuple[Dataset, Classifier]) -> AttackRun:
    return AttackRun.objects.get(pk=attack_halves())


def test_a_missing_run_is_refused_with_the_command_that_makes_it(
    compare: tuple[Dataset, Classifier], attack: AttackRun
) -> None:
    plan = replace(PLAN, kernel_sqrt=False, selection="lasso_path", superpixels=3)
    with pytest.raises(Refused, match=r"There is no explanation run") as raised:
        run_for(compare, attack, plan=plan)
    said(*command_in(str(raised.value)))
    run = run_for(compare, attack, plan=plan)
    assert (run.version, run.explained, run.explanations.count()) == ("adversarial", "predicted", 8)
    assert all(row.positive <= 3 for row in run.explanations.all())


def test_an_unfinished_run_and_one_that_lacks_images_are_refused(
    compare: tuple[Dataset, Classifier], attack: AttackRun
) -> None:
    arguments = ("explain", "halves", "compare", "--attack", str(attack.pk), "--samples", "100")
    said(*arguments, "--hidden", "black", "--version", "adversarial", "--limit", "3")
    run = run_for(compare, attack)
    everything = list(attack.adversarial_images.values_list("image", flat=True))
    with pytest.raises(Refused, match="lacks 5 of 8 images") as raised:
        run_for(compare, attack, images=everything)
    ExplanationRun.objects.update(finished_at=None)
    with pytest.raises(Refused, match="is not finished"):
        run_for(compare, attack)
    said(*command_in(str(raised.value)))
    assert run_for(compare, attack, images=everything) == run


def test_how_many_superpixels_an_arm_shows_needs_no_run_of_its_own(
    compare: tuple[Dataset, Classifier], attack: AttackRun
) -> None:
    said("explain", "halves", "compare", "--attack", str(attack.pk), "--samples", "100", "--hidden", "black")
    assert run_for(compare, attack) == run_for(
        compare, attack, plan=replace(PLAN, superpixels=2, rest="grey")
    )


def test_a_protocol_gets_every_explanation_that_its_arms_and_boards_show(
    compare: tuple[Dataset, Classifier], attack: AttackRun, tmp_path: Path
) -> None:
    file = tmp_path / "two-arms.toml"
    file.write_text(PROTOCOL)
    result = said("explain", "halves", "compare", "--protocol", str(file))
    kinds = {(run["method"], run["version"], run["explained"]) for run in result["runs"]}
    assert kinds == {
        ("lime", "adversarial", "predicted"),
        ("lime", "adversarial", "true"),
        ("lime", "clean", "predicted"),
        ("occlusion", "adversarial", "predicted"),
        ("occlusion", "clean", "predicted"),
    }
    images = list(attack.adversarial_images.values_list("image", flat=True))
    for method, version, explained in kinds:
        run_for(compare, attack, method=method, version=version, explained=explained, images=images)
    again = said("explain", "halves", "compare", "--protocol", str(file))
    assert [run["run"] for run in again["runs"]] == [run["run"] for run in result["runs"]]


def test_a_protocol_that_would_explain_the_foil_is_refused(
    compare: tuple[Dataset, Classifier], attack: AttackRun, tmp_path: Path
) -> None:
    from django.core.management import CommandError, call_command

    file = tmp_path / "foil.toml"
    file.write_text(PROTOCOL.replace('explained = "true"', 'label = "foil"'))
    with pytest.raises(CommandError, match="drawn only when the study is made"):
        call_command("explain", "halves", "compare", "--protocol", str(file))
    with pytest.raises(CommandError, match="The protocol says what --samples would say"):
        call_command("explain", "halves", "compare", "--protocol", str(file), "--samples", "50")
    labels = ("--class", "true", "--adversarial-label", "float")
    with pytest.raises(CommandError, match="The protocol says what --class, --adversarial-label would say"):
        call_command("explain", "halves", "compare", "--protocol", str(file), *labels)
