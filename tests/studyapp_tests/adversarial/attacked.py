"""Pictures whose brighter half decides their class: attacked, explained, and a protocol that shows them."""

from __future__ import annotations

from pathlib import Path

from django.core.management import call_command

from studyapp.models import AttackRun, Study
from studyapp.protocol.reading import read_protocol_text
from studyapp.protocol.schema import Protocol
from studyapp.services.studies.life import create_study, start_build
from studyapp.tasks.chunks import work_here
from tests.studyapp_tests.explanations.halves import attack_halves, make_halves

HEAD = """
name = "attacked"
title = "Attacked halves"
kind = "adversarial"
dataset = "halves"
classifiers = ["compare"]
"""
MADE_BY = """
[attack]
space = "pixel"
step = 0.01568627450980392
steps = 12

[explanation]
samples = 100
hidden = "black"
superpixels = 4
"""
ARMS = """
[[arm]]
name = "whole"

[[arm]]
name = "explained"
shows = "explanation"

[[arm]]
name = "random"
shows = "random_superpixels"
rest = "grey"

[[arm]]
name = "truth"
shows = "explanation"
explained = "true"
superpixels = 2

[[arm]]
name = "foil"
shows = "explanation"
explained = "adversarial"
label = "foil"

[[arm]]
name = "clean"
version = "clean"
"""
REST = """
[review]
required = false
[rehearsal]
required = false
"""
# Of three classes the third is the only foil: neither true nor the adversarial label.
QUESTIONS = "[questions]\nfoil_ranks = [2, 3]\n"


def protocol_text(*, questions: str = QUESTIONS, arms: str = ARMS, more: str = "") -> str:
    return HEAD + questions + MADE_BY + arms + more + REST


def protocol_of_halves(*, questions: str = QUESTIONS, arms: str = ARMS, more: str = "") -> Protocol:
    return read_protocol_text(protocol_text(questions=questions, arms=arms, more=more))


def write_protocol(folder: Path, text: str) -> Path:
    path = folder / "attacked.toml"
    path.write_text(text)
    return path


def attacked_halves(folder: Path, *, each: int = 4) -> AttackRun:
    """The dataset "halves", attacked and explained; every picture fools the classifier."""
    make_halves(folder, each=each)
    run = AttackRun.objects.get(pk=attack_halves())
    explain_halves(folder)
    return run


def explain_halves(folder: Path) -> None:
    path = write_protocol(folder, protocol_text())
    call_command("explain", "halves", "compare", "--protocol", str(path), "--json")


def created(protocol: Protocol) -> Study:
    return create_study(protocol=protocol, text="", owner=None)


def built(protocol: Protocol) -> Study:
    """The study of a protocol, with its pictures."""
    study = created(protocol)
    work_here(start_build(study=study), progress=False)
    study.refresh_from_db()
    return study
