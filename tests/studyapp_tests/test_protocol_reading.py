"""A protocol file becomes frozen values; what is wrong with it is said all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyapp.protocol.assembling import LISTS, TABLES, TOP_KEYS, assemble
from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.questions import RelevanceQuestions, Top5Questions
from studyapp.protocol.reading import read_protocol, read_protocol_text
from studyapp.protocol.schema import Arm, Contrast, Exclusion, Protocol
from tests.studyapp_tests.protocol_texts import TOP, TOP5, problems_of


def test_a_protocol_of_five_keys_has_the_papers_rule_and_our_controls() -> None:
    protocol = read_protocol_text(TOP)
    assert (protocol.answers.required, protocol.answers.agreement) == (5, 4)
    assert protocol.answers.positive == ("yes",)
    assert isinstance(protocol.questions, RelevanceQuestions)
    assert protocol.questions.wording == "Is class {label} relevant for this image?"
    assert protocol.questions.controls == 0.2
    assert protocol.questions.foil_ranks == (6, 20)
    assert protocol.participants.one_look is True
    assert protocol.classifiers == ("cnn", "linear")


def test_every_table_reaches_its_place() -> None:
    protocol = read_protocol_text(
        TOP5
        + """
[questions]
top5_question = "per_class"
controls = 0
gold_share = 0.1
[[arm]]
name = "plain"
[[arm]]
name = "other"
wording = "Does the picture show {label}?"
[[contrast]]
first = "cnn"
second = "linear"
[[contrast]]
between = "arms"
first = "plain"
second = "other"
[[exclusion]]
measure = "seconds"
below = 1
reason = "too fast"
"""
    )
    assert isinstance(protocol.questions, Top5Questions)
    assert protocol.questions.top5_question == "per_class"
    assert protocol.questions.controls == 0.0
    assert isinstance(protocol.questions.controls, float)
    assert protocol.arms == (Arm(name="plain"), Arm(name="other", wording="Does the picture show {label}?"))
    assert protocol.contrasts[0] == Contrast(first="cnn", second="linear")
    assert protocol.exclusions == (Exclusion(measure="seconds", below=1.0, reason="too fast"),)


def test_all_mistakes_are_reported_at_once_in_the_order_of_their_lines() -> None:
    messages = problems_of(
        TOP + '[answers]\nrequired = "five"\nagreemnt = 3\n[review]\nrequired = "no"\n[[arm]]\nwordin = "x"\n'
    )
    assert [message.split(": ")[0] for message in messages] == [
        f"study.toml, line {line}" for line in (7, 8, 10, 11, 12)
    ]


def test_no_clash_is_reported_with_a_value_that_is_itself_wrong() -> None:
    (message,) = problems_of(TOP + '[answers]\nrequired = "three"\nagreement = 40\n')
    assert "is not a whole number" in message


def test_no_clash_is_reported_with_the_default_of_a_misspelt_key() -> None:
    (message,) = problems_of(TOP + "[answers]\nrequired = 3\nagreemnt = 2\n")
    assert "did you mean agreement" in message


def test_a_long_value_is_cut_in_the_message() -> None:
    (message,) = problems_of(TOP.replace('["cnn", "linear"]', f'"{"x" * 500}"'))
    assert len(message) < 250


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"nowhere\.toml: can not be read .*; check the path"):
        read_protocol(tmp_path / "nowhere.toml")


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes(TOP.replace("A study", "Ein Stück").encode("latin-1"))
    with pytest.raises(ProtocolError, match=r"line 2: is not UTF-8 text; save the file as UTF-8"):
        read_protocol(file)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    file = tmp_path / "windows.toml"
    file.write_bytes(TOP.replace("\n", "\r\n").encode("utf-8-sig"))
    assert read_protocol(file) == read_protocol_text(TOP)


def test_a_file_of_another_kind_is_refused_by_its_size() -> None:
    with pytest.raises(ProtocolError, match="has 1,000,001 characters"):
        read_protocol_text("#" * 1_000_001)


def test_arms_inherit_what_they_leave_out() -> None:
    protocol = read_protocol_text(
        TOP
        + '[questions]\nclass_help = "gloss"\n[[arm]]\nname = "a"\n[[arm]]\nname = "b"\n'
        + 'form = "two_alternative"\nwording = "Which is relevant?"\nclass_help = "none"\n'
    )
    one, two = protocol.arm_setups()
    assert (one.form, one.wording, one.class_help) == ("single", protocol.questions.wording, "gloss")
    assert (one.values, one.positive) == (("yes", "no"), ("yes",))
    assert (two.form, two.wording, two.class_help) == ("two_alternative", "Which is relevant?", "none")
    assert two.values == ("predicted", "true", "both", "neither")
    assert two.positive == ("predicted", "both")


def test_a_protocol_without_arms_has_one_named_main() -> None:
    protocol: Protocol = read_protocol_text(TOP5)
    (setup,) = protocol.arm_setups()
    assert (setup.name, setup.form) == ("main", "single")


def test_the_limits_themselves_are_allowed() -> None:
    protocol = read_protocol_text(
        TOP
        + "[answers]\nrequired = 4\nagreement = 4\n"
        + "[participants]\nquestions_per_sitting = 9\nmax_questions = 9\npractice_questions = 2\n"
        + "practice_pass = 2\n[questions]\nfoil_ranks = [2, 2]\ncontrols = 0.5\n"
        + '[analysis]\nincomplete = "proportion"\nminimum_answers = 4\n'
    )
    assert protocol.answers.agreement == protocol.answers.required == 4


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("relevance"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
sections = st.sampled_from([*TOP_KEYS, "questions", *TABLES, *LISTS, "nonsense"])


@settings(deadline=None)
@given(st.dictionaries(sections, json_values, max_size=8))
def test_whatever_the_tables_hold_the_answer_is_a_list_of_problems(raw: dict[str, object]) -> None:
    with pytest.raises(ProtocolError) as caught:
        assemble(raw | {"kind": raw.get("kind", "relevance"), "name": 1}, file="x", line_of=lambda path: 1)
    assert caught.value.problems


@settings(deadline=None)
@given(st.text(st.sampled_from("[]{}=.,'\"\\#ab1 \n"), max_size=30))
def test_whatever_is_written_under_a_protocol_it_is_read_or_refused_in_words(text: str) -> None:
    try:
        read = read_protocol_text(TOP + text)
    except ProtocolError as error:
        messages = [str(problem) for problem in error.problems]
    else:
        messages = []
        assert read == read_protocol_text(TOP)
    assert all(", line " in message for message in messages)
