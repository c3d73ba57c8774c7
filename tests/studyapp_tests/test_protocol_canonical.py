"""The canonical form: the same protocol has one text and one hash, however its file is written."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from studyapp.protocol.assembling import LISTS, TABLES
from studyapp.protocol.canonical import (
    canonical_json,
    canonical_sha256,
    difference,
    protocol_from_canonical,
    protocol_sha256,
    raw_of,
)
from studyapp.protocol.checks import cross_checks
from studyapp.protocol.keys import KeySpec, keys_of
from studyapp.protocol.kinds import KIND_TABLES, KINDS
from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.reading import read_protocol, read_protocol_text
from studyapp.protocol.schema import Arm, Protocol, ReviewPlan
from studyapp.protocol.target import with_target
from tests.conftest import ROOT
from tests.studyapp_tests.protocol_texts import TOP

# Written by hand from the documented defaults: the hash of a given protocol must not drift.
TOP_CANONICAL_START = (
    '{"analysis":{"confidence":0.95,"draws":2000,"incomplete":"strict","minimum_answers":3,"rule":"count"},'
    '"answers":{"agreement":4,"counterbalance_sides":true,"positive":["yes"],"required":5,'
    '"stop_when_decided":false,"values":["yes","no"]},"arm":[],"classifiers":["cnn","linear"],"contrast":[],'
    '"dataset":"digits","exclusion":[],"kind":"relevance","name":"study",'
)

# A shared machine may pause a test: no deadline.
some = settings(deadline=None, max_examples=60)

letters = st.characters(blacklist_categories=["Cs"], blacklist_characters="{}\x00\x7f")
words = st.text(letters, min_size=1).filter(lambda text: bool(text.strip()))


def values_of(spec: KeySpec) -> st.SearchStrategy[Any]:
    """Values that key `spec` allows by itself."""
    limits = spec.limits
    low = limits.at_least or 0
    high = limits.at_most if limits.at_most is not None else (limits.below or low + 1000)
    inner = spec.inner
    strategy: st.SearchStrategy[Any]
    if spec.choices:
        strategy = st.sampled_from(spec.choices)
    elif inner is bool:
        strategy = st.booleans()
    elif inner is int:
        strategy = st.integers(int(low), int(min(high, low + 50)))
    elif inner is float:
        strategy = st.floats(low, high, exclude_max=limits.below is not None).map(lambda number: number + 0.0)
    elif inner is str:
        strategy = words
    elif inner == tuple[int, int]:
        strategy = st.tuples(st.integers(6, 20), st.integers(20, 40))
    else:
        strategy = st.lists(words, min_size=0 if limits.blank else 1, max_size=3, unique=True).map(tuple)
    return st.none() | strategy if spec.optional else strategy


def tables(table: type, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of `table`; a key in `fixed` is drawn as that says, where the table has such a key."""
    return st.builds(table, **{spec.name: fixed.get(spec.name, values_of(spec)) for spec in keys_of(table)})


SHIPPED = {
    "attributes": "bias-audit.toml",
    "forced_choice": "forced-choice.toml",
    "prototype_assignment": "model-criticism.toml",
    "same_content": "same-content.toml",
    "stability": "stability.toml",
}


@st.composite
def protocols(draw: st.DrawFn) -> Protocol:
    """Usable protocols: every key drawn by itself, then what the keys must be to each other made true.

    Of kinds that allow little beside their own tables, the protocol that is shipped, in other words.
    """
    kind = draw(st.sampled_from(sorted(KINDS)))
    if kind in SHIPPED:
        return dataclasses.replace(
            read_protocol(ROOT / "protocols" / SHIPPED[kind]),
            title=draw(words),
            dataset=draw(words),
            recruitment=draw(
                tables(TABLES["recruitment"][1], completion_url=st.none(), frame_ancestors=st.just(()))
            ),
            review=draw(tables(TABLES["review"][1])),
            rehearsal=draw(tables(TABLES["rehearsal"][1])),
        )
    wording = words.map(lambda text: text + " {label}?")
    fixed = {"wording": wording, "gold_share": st.floats(0.01, 0.5), "hierarchy": words}
    if kind == "relevance":
        fixed["form"] = st.just("single")
    if kind == "adversarial":
        fixed |= {"foil_ranks": st.tuples(st.integers(2, 10), st.integers(10, 20)), "layer": st.none()}
        fixed |= {"radius": st.none(), "grid": st.just(False)}
    by_arm = {"form": st.none(), "wording": st.none() | wording, "shows": st.just("explanation")}
    by_arm["explained"] = st.sampled_from(("adversarial", "true"))
    known = KINDS[kind]
    questions = draw(tables(known.questions, **fixed))
    answers = draw(tables(TABLES["answers"][1], values=st.just(("yes", "no", "maybe"))))
    positive = draw(st.sampled_from([("yes",), ("maybe", "yes")]))
    answers = dataclasses.replace(
        answers, positive=positive, agreement=draw(st.integers(1, answers.required))
    )
    arms = draw(
        st.lists(
            tables(known.arm, **by_arm),
            min_size=0 if known.arm is Arm else 2,
            max_size=3,
            unique_by=lambda arm: arm.name,
        )
    )
    exclusion = tables(LISTS["exclusion"][1], below=st.floats(0, 10), above=st.floats(11, 20))
    protocol = Protocol(
        name=draw(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)),
        title=draw(words),
        kind=kind,
        dataset=draw(words),
        classifiers=tuple(draw(st.lists(words, min_size=1, max_size=3, unique=True))),
        questions=questions,
        answers=answers,
        participants=draw(
            tables(
                TABLES["participants"][1],
                max_questions=st.none(),
                practice_questions=st.integers(50, 100),
                practice_pass=st.integers(0, 50),
                washout_days=st.just(0.0),
                arm_order=st.sampled_from(("between", "within", "in_order"))
                if len(arms) > 1
                else st.just("least_used"),
            )
        ),
        arms=tuple(arms),
        exclusions=tuple(draw(st.lists(exclusion, max_size=2))),
        analysis=draw(tables(TABLES["analysis"][1])),
        recruitment=draw(
            tables(TABLES["recruitment"][1], completion_url=st.none(), frame_ancestors=st.just(()))
        ),
        review=draw(tables(TABLES["review"][1])),
        rehearsal=draw(tables(TABLES["rehearsal"][1])),
        **{name: draw(tables(table, **fixed)) for name, table in known.tables.items()},
    )
    assume(not cross_checks(protocol))
    return protocol


def toml_value(value: Any) -> str:
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
    if isinstance(value, list):
        return "[\n" + "".join(f"  {toml_value(item)}, # item\n" for item in value) + "]"
    return json.dumps(value)


def toml_text(protocol: Protocol, order: list[str]) -> str:
    """The protocol as a file whose tables, and the keys in them, follow `order`."""
    raw = raw_of(protocol)
    lines = [f"{spec.name} = {toml_value(raw[spec.name])}" for spec in keys_of(Protocol)]
    for name in [name for name in order if name in raw]:
        elements: Any = raw[name]
        header = f"\n[[{name}]]  # table" if name in LISTS else f"\n[ {name} ]"
        for table in elements if name in LISTS else [elements]:
            lines.append(header)
            lines += [
                f"{key} = {toml_value(table[key])}" for key in reversed(table) if table[key] is not None
            ]
    return "\n".join(lines)


@some
@given(protocols())
def test_a_protocol_survives_its_canonical_form(protocol: Protocol) -> None:
    assert protocol_from_canonical(canonical_json(protocol)) == protocol


@some
@given(protocols(), st.permutations(["questions", *TABLES, *KIND_TABLES, *LISTS]))
def test_any_file_of_a_protocol_has_the_same_hash(protocol: Protocol, order: list[str]) -> None:
    read = read_protocol_text(toml_text(protocol, order))
    assert read == protocol
    assert protocol_sha256(read) == protocol_sha256(protocol)


@some
@given(protocols(), tables(TABLES["review"][1]), st.integers(1, 3))
def test_two_protocols_differ_exactly_where_they_were_changed(
    one: Protocol, review: ReviewPlan, more: int
) -> None:
    answers = dataclasses.replace(one.answers, required=one.answers.required + more)
    other = dataclasses.replace(one, review=review, answers=answers)
    expected = ["answers.required"] + (["review.required"] if review != one.review else [])
    assert [change.key for change in difference(one, other)] == expected
    assert protocol_sha256(one) != protocol_sha256(other)
    assert difference(one, dataclasses.replace(one)) == ()


def test_the_canonical_form_is_sorted_json_with_every_default() -> None:
    protocol = read_protocol_text(TOP)
    text = canonical_json(protocol)
    assert text.startswith(TOP_CANONICAL_START)
    assert protocol_sha256(protocol) == hashlib.sha256(text.encode()).hexdigest() == canonical_sha256(text)


def test_space_order_comments_and_written_defaults_do_not_change_the_hash() -> None:
    plain = read_protocol_text(TOP + "[review]\nrequired = false\n[answers]\nrequired = 4\n")
    other = read_protocol_text(
        "# mine\n"
        + TOP.replace(" = ", "   =")
        + "\n\n[answers]   # five\nagreement = 4\nrequired = 4\n[review]\nrequired = false\n[questions]\n"
        + "controls = 0.20\n[participants]\nwashout_days = -0.0\n"
    )
    assert canonical_json(plain) == canonical_json(other)


def test_one_changed_key_changes_the_hash_and_is_named() -> None:
    before = read_protocol_text(TOP)
    after = read_protocol_text(TOP + "[answers]\nrequired = 7\n")
    assert protocol_sha256(before) != protocol_sha256(after)
    assert [str(change) for change in difference(before, after)] == ["answers.required: 5 -> 7"]


def test_an_arm_is_compared_with_the_arm_of_its_name() -> None:
    before = read_protocol_text(TOP + '[[arm]]\nname = "a"\n[[arm]]\nname = "b"\nclass_help = "gloss"\n')
    after = read_protocol_text(TOP + '[[arm]]\nname = "b"\nclass_help = "synonyms"\n')
    changes = {change.key: (change.before, change.after) for change in difference(before, after)}
    assert changes["arm[b].class_help"] == ('"gloss"', '"synonyms"')
    assert changes["arm[a].name"] == ('"a"', None)
    assert "arm[b].name" not in changes


def test_a_stored_form_without_a_younger_key_gets_its_default() -> None:
    raw = json.loads(canonical_json(read_protocol_text(TOP)))
    del raw["participants"]["lease_minutes"], raw["rehearsal"]
    assert protocol_from_canonical(json.dumps(raw)) == read_protocol_text(TOP)


def test_a_stored_form_that_was_tampered_with_is_refused_without_a_line() -> None:
    raw = json.loads(canonical_json(read_protocol_text(TOP)))
    raw["answers"]["agreement"] = 6
    with pytest.raises(ProtocolError, match=r"^stored protocol: \[answers\] agreement = 6"):
        protocol_from_canonical(json.dumps(raw))


@pytest.mark.parametrize("text", ["[]", '"x"', "{", "null"])
def test_a_stored_form_that_is_no_object_is_refused_in_words(text: str) -> None:
    with pytest.raises(ProtocolError, match=r"^stored protocol: is not .*canonical_json made"):
        protocol_from_canonical(text)


def test_a_target_changes_dataset_classifiers_and_name_only() -> None:
    before = read_protocol_text(TOP)
    after = with_target(before, dataset="photos", classifiers=["lite0"], name="mine")
    assert (after.name, after.title, after.dataset, after.classifiers) == (
        "mine",
        "A study",
        "photos",
        ("lite0",),
    )
    assert {change.key for change in difference(before, after)} == {"name", "dataset", "classifiers"}
    assert with_target(before) == before


def test_a_target_that_drops_a_contrasted_classifier_is_refused() -> None:
    planned = read_protocol_text(TOP + '[[contrast]]\nfirst = "cnn"\nsecond = "linear"\n')
    with pytest.raises(ProtocolError, match=r'second = "linear" is not one of the study\'s classifiers'):
        with_target(planned, classifiers=["cnn"])


def test_a_target_with_an_unusable_name_is_refused() -> None:
    with pytest.raises(ProtocolError, match="letters, digits"):
        with_target(read_protocol_text(TOP), name="a/b")
