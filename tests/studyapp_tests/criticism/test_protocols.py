"""Protocols of model criticism: contradictions are refused with their line; what we ship is the paper's."""

from __future__ import annotations

from pathlib import Path

import pytest

from studyapp.protocol.reading import read_protocol, read_protocol_text
from studyapp.protocol.schema import AssignmentArm, AssignmentQuestions, AttributeQuestions
from tests.studyapp_tests.protocol_texts import problems_of

ROOT = Path(__file__).resolve().parents[3]

TOP = """\
name = "study"
title = "A study"
kind = "{kind}"
dataset = "digits"
classifiers = ["cnn"]
"""
ARM = """
[[arm]]
name = "six"
method = "mmd_critic"
"""
ASSIGN = TOP.format(kind="prototype_assignment")
AUDIT = (
    TOP.format(kind="attributes")
    + """
[answers]
required = 3
agreement = 2

[questions]
category = "cat"
attributes = ["grass", "a person"]
"""
)


@pytest.mark.parametrize("text", [ASSIGN + ARM, AUDIT])
def test_the_smallest_protocols_can_be_used(text: str) -> None:
    assert read_protocol_text(text).name == "study"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ASSIGN, "has no condition"),
        (ASSIGN.replace('["cnn"]', '["cnn", "linear"]') + ARM, "shows the examples of one classifier"),
        (ASSIGN + '[questions]\nclass_help = "gloss"\n' + ARM, "names no class"),
        (ASSIGN + ARM + 'class_help = "gloss"\n', "names no class"),
        (ASSIGN + "[answers]\nstop_when_decided = true\n" + ARM, "have no verdict"),
        (
            ASSIGN + '[participants]\npractice_questions = 1\npractice_csv = "a.csv"\n' + ARM,
            "practice is drawn",
        ),
        (ASSIGN + "[participants]\none_look = false\n" + ARM, "would be shown one target in several arms"),
        (ASSIGN + "[questions]\nseconds_at_least = 180\n" + ARM, "the filtered table would be empty"),
        (
            ASSIGN + ARM + '[[exclusion]]\nmeasure = "seconds"\nbelow = 1\nreason = "fast"\n',
            "beside [questions] seconds_at_least",
        ),
        (
            ASSIGN + ARM + '[[exclusion]]\nmeasure = "median_seconds"\nbelow = 1\nreason = "fast"\n',
            "whose tables leave nobody out",
        ),
        (
            AUDIT + '[[exclusion]]\nmeasure = "seconds"\nbelow = 1\nreason = "fast"\n',
            "whose tables leave nobody out",
        ),
        (ASSIGN + '[questions]\ncategories = ["a", "b"]\n' + ARM, "groups = 6 of 2 categories"),
        (ASSIGN + "[questions]\ngroups = 1\n" + ARM, "at least 2"),
        (ASSIGN + ARM + "prototypes = 10\ncriticisms = 3\n", "12 is the most"),
        (ASSIGN + ARM.replace("mmd_critic", "random") + "criticisms = 3\n", "which selects none"),
        (ASSIGN + ARM + ARM.replace('"six"', '"again"'), 'shows what "six" shows'),
        (ASSIGN + '[questions]\nwording = "Is {label} here?"\n' + ARM, "wrong placeholders"),
        (AUDIT.replace("required = 3", "required = 2"), "fewer than 3 people"),
        (AUDIT.replace('"grass"', '"grass, or moss"'), "joined by commas"),
        (AUDIT.replace('"grass"', '" grass"'), "without blanks around it"),
        (AUDIT.replace('"grass"', '"None"'), "added by itself"),
        (AUDIT.replace('"grass"', '"cannot tell"'), "added by itself"),
        (AUDIT.replace('"grass"', '"A person"'), "names one twice"),
        (AUDIT.replace('["grass", "a person"]', "[]"), "attributes"),
        (AUDIT.replace('"grass"', f'"{"g" * 200}", "{"h" * 200}"'), "400 is the most"),
        (AUDIT + 'audited = ["prototypes"]\n', 'one of them "training"'),
        (AUDIT + 'audited = ["training", "validation"]\n', "give training_split and validation_split"),
        (AUDIT + "criticisms = 0\n", '"criticisms", of which'),
        (AUDIT + "[participants]\npractice_questions = 1\n", "nobody knows the right answer"),
    ],
)
def test_what_contradicts_itself_is_said_with_its_line(text: str, said: str) -> None:
    problems = problems_of(text)
    assert any(said in problem for problem in problems), problems
    assert all(problem.startswith("study.toml, line ") for problem in problems)


def test_the_papers_assignment_study_has_its_seven_conditions_and_its_window() -> None:
    protocol = read_protocol(ROOT / "protocols" / "model-criticism.toml")
    questions = protocol.questions
    assert isinstance(questions, AssignmentQuestions)
    arms = [arm for arm in protocol.arms if isinstance(arm, AssignmentArm)]
    assert {(arm.method, arm.prototypes, arm.criticisms) for arm in arms} == {
        *((method, 6, 0) for method in ("mmd_critic", "adversarial", "probability", "random")),
        *((method, 3, 3) for method in ("mmd_critic", "adversarial", "probability")),
    }
    assert (questions.groups, questions.distractors) == (6, "random")
    assert (questions.seconds_at_least, questions.seconds_at_most) == (20, 180)
    planned = questions.trials * protocol.answers.required * len(arms)
    assert 1600 <= planned < 1650
    assert protocol.participants.one_look


def test_the_papers_audit_asks_three_people_about_two_attributes_of_basketball() -> None:
    protocol = read_protocol(ROOT / "protocols" / "bias-audit.toml")
    questions = protocol.questions
    assert isinstance(questions, AttributeQuestions)
    assert (questions.category, len(questions.attributes)) == ("n02802426", 2)
    assert questions.audited == ("prototypes", "criticisms", "training")
    assert protocol.answers.required == 3
