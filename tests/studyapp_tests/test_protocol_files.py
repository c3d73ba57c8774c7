"""The protocols we ship are what their names say, and the documentation has every key."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from studyapp.protocol.adversarial import AdversarialArm
from studyapp.protocol.attack import AttackPlan
from studyapp.protocol.keys import keys_of
from studyapp.protocol.kinds import KIND_TABLES, KINDS
from studyapp.protocol.lines import key_lines
from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.questions import ImageQuestions, Top5Questions
from studyapp.protocol.reading import read_protocol, read_protocol_text
from studyapp.protocol.reference import reference

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "protocols").glob("*.toml"))
PAPERS = ("misclassification", "top5")
PAGE = ROOT / "docs" / "protocols.md"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_protocol_is_usable_named_after_its_file_and_documented(file: Path) -> None:
    protocol = read_protocol(file)
    assert protocol.name == file.stem
    assert f"protocols/{file.name}" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_line_of_every_key_of_a_shipped_protocol_is_where_it_is_written(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    written = text.splitlines()
    lines = key_lines(text)
    for path, line in lines.items():
        last = path[-1] if isinstance(path[-1], str) else path[-2]
        assert str(last) in written[line - 1]
    for name, value in tomllib.loads(text).items():
        if isinstance(value, dict):
            assert all((name, key) in lines for key in value)


@pytest.mark.parametrize("name", PAPERS)
def test_the_papers_protocols_add_nothing_of_ours(name: str) -> None:
    protocol = read_protocol(ROOT / "protocols" / f"{name}.toml")
    questions = protocol.questions
    assert isinstance(questions, ImageQuestions)
    assert (protocol.answers.required, protocol.answers.agreement) == (5, 4)
    assert (protocol.answers.values, protocol.answers.positive) == (("yes", "no"), ("yes",))
    assert questions.wording == "Is class {label} relevant for this image?"
    assert (questions.display_resize, questions.display_crop) == (256, 224)
    assert (questions.controls, questions.gold_share, questions.ask_true_label) == (0, 0, False)
    assert protocol.participants.one_look is False
    assert protocol.participants.practice_questions == 0
    assert protocol.answers.stop_when_decided is False
    assert protocol.answers.counterbalance_sides is False
    assert (protocol.analysis.rule, protocol.analysis.incomplete) == ("count", "strict")
    assert protocol.exclusions == ()
    assert protocol.review.required is True


def test_the_top5_protocol_asks_about_the_list_and_prints_both_variants() -> None:
    questions = read_protocol(ROOT / "protocols" / "top5.toml").questions
    assert isinstance(questions, Top5Questions)
    assert (questions.top5_question, questions.top5_variant) == ("list", "both")


def test_the_recommended_protocol_keeps_the_papers_rule_and_adds_its_controls() -> None:
    paper = read_protocol(ROOT / "protocols" / "misclassification.toml")
    ours = read_protocol(ROOT / "protocols" / "misclassification-calibrated.toml")
    assert isinstance(ours.questions, ImageQuestions)
    assert ours.questions.wording == paper.questions.wording
    assert (ours.answers.required, ours.answers.agreement) == (5, 4)
    assert (ours.questions.controls, ours.questions.foil_share) == (0.2, 0.5)
    assert ours.questions.foil_ranks == (6, 20)
    assert ours.questions.ask_true_label is True
    assert ours.questions.gold_share > 0
    assert ours.participants.one_look is True
    assert ours.participants.practice_pass > 0
    assert ours.answers.counterbalance_sides is True
    assert {exclusion.measure for exclusion in ours.exclusions} == {"seconds", "gold_accuracy"}


def test_the_papers_protocol_of_attacked_images_adds_nothing_of_ours() -> None:
    paper = read_protocol(ROOT / "protocols" / "adversarial.toml")
    assert paper.attack == AttackPlan(step=0.001, steps=10, norm="linf", space="normalised", radius=None)
    assert paper.explanation is not None
    assert (paper.explanation.superpixels, paper.explanation.samples) == (8, 1000)
    assert (paper.explanation.kernel_width, paper.explanation.rest) == (0.25, "black")
    first, second = paper.arms
    assert isinstance(first, AdversarialArm)
    assert isinstance(second, AdversarialArm)
    assert (first.shows, second.shows, second.method, second.explained) == (
        "whole",
        "explanation",
        "lime",
        "asked",
    )
    assert (
        {arm.version for arm in (first, second)} == {arm.label for arm in (first, second)} == {"adversarial"}
    )
    assert (paper.answers.required, paper.answers.agreement) == (5, 4)
    assert (paper.answers.values, paper.answers.positive) == (("yes", "no"), ("yes",))
    rules = paper.participants
    assert (rules.arm_order, rules.washout_days, rules.one_look) == ("in_order", 3, False)
    assert rules.practice_questions == 0
    assert paper.answers.counterbalance_sides is False
    assert paper.exclusions == ()


def test_people_are_not_told_that_attacked_pictures_hold_no_trick() -> None:
    told = read_protocol(ROOT / "protocols" / "adversarial.toml").questions.instructions
    assert "trick" not in told
    assert "only parts can be seen" in told


def test_the_recommended_protocol_of_attacked_images_has_every_control_at_the_same_time() -> None:
    ours = read_protocol(ROOT / "protocols" / "adversarial-8bit.toml")
    assert ours.attack is not None
    assert (ours.attack.space, ours.attack.step, ours.attack.grid) == ("pixel", 1 / 255, True)
    arms = {arm.name: arm for arm in ours.arms if isinstance(arm, AdversarialArm)}
    assert {name: (arm.shows, arm.version, arm.label) for name, arm in arms.items()} == {
        "whole": ("whole", "adversarial", "adversarial"),
        "explained": ("explanation", "adversarial", "adversarial"),
        "random": ("random_superpixels", "adversarial", "adversarial"),
        "explained-true": ("explanation", "adversarial", "adversarial"),
        "foil": ("explanation", "adversarial", "foil"),
        "clean": ("whole", "clean", "adversarial"),
    }
    assert arms["explained-true"].explained == "true"
    assert ours.questions.wording == read_protocol(ROOT / "protocols" / "adversarial.toml").questions.wording
    assert (ours.answers.required, ours.answers.agreement) == (5, 4)
    rules = ours.participants
    assert (rules.arm_order, rules.washout_days, rules.one_look) == ("within", 0, True)
    assert ours.answers.counterbalance_sides is True
    assert ours.participants.practice_pass > 0


def test_the_page_has_every_key_with_its_default_and_meaning() -> None:
    """On failure: print the tables with `python -m studyapp.protocol.reference` and put them in the page."""
    assert reference().strip() in PAGE.read_text(encoding="utf-8")
    tables = [table for kind in KINDS.values() for table in (kind.questions, kind.arm)]
    for table in (*tables, *KIND_TABLES.values()):
        for spec in keys_of(table):
            assert f"| `{spec.name}` |" in reference()


def test_the_pages_example_is_a_usable_protocol() -> None:
    example = PAGE.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert read_protocol_text(example).name == "my-first-study"


def test_the_pages_messages_are_the_ones_the_reader_gives() -> None:
    page = PAGE.read_text(encoding="utf-8")
    text = (
        'name = "a"\ntitle = "b"\nkind = "relevance"\ndataset = "d"\nclassifiers = ["c"]\n\n[answers]\n\n'
        "agreement = 6\n\n[participants]\nquestons_per_sitting = 4\n"
    )
    with pytest.raises(ProtocolError) as caught:
        read_protocol_text(text, file="study.toml")
    assert len(caught.value.problems) == 2
    assert all(str(problem) in page for problem in caught.value.problems)


def test_reading_protocols_loads_neither_django_nor_celery() -> None:
    code = (
        "import sys, studyapp.protocol.target, studyapp.protocol.reading, studyapp.protocol.reference\n"
        "print(sorted(name for name in ('django', 'celery', 'torch', 'numpy') if name in sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
