"""The scanner finds the line of every key, whatever TOML's syntax lets a person write."""

from __future__ import annotations

import tomllib

import pytest

from studyapp.protocol.lines import key_lines, line_of

EVERY_SYNTAX = '''\
# a comment with name = "not this one"
name = "a # no comment"
"quoted key" = 'x = 1'
physical.colour = "orange"

list = [
  "one", # a comment with ] and "
  ["two"],
]
text = """
name = "inside"
[not_a_table]
\\"""still inside""\\"
"""
literal = \'\'\'
[[nor_this]]
it's\'\'\'
[ answers ] # header
required = 5
inline = { a = [1, 2], b = "}" }
[[arm]]
name = "first"
[[arm]]
wording = 1

name = "second"
[arm.detail]
depth = 3
'''


def test_every_key_and_header_has_its_own_line() -> None:
    lines = key_lines(EVERY_SYNTAX)
    written = EVERY_SYNTAX.splitlines()
    assert lines == {
        ("name",): 2,
        ("quoted key",): 3,
        ("physical",): 4,
        ("physical", "colour"): 4,
        ("list",): 6,
        ("text",): 10,
        ("literal",): 15,
        ("answers",): 18,
        ("answers", "required"): 19,
        ("answers", "inline"): 20,
        ("arm",): 21,
        ("arm", 0): 21,
        ("arm", 0, "name"): 22,
        ("arm", 1): 23,
        ("arm", 1, "wording"): 24,
        ("arm", 1, "name"): 26,
        ("arm", 1, "detail"): 27,
        ("arm", 1, "detail", "depth"): 28,
    }
    assert written[25] == 'name = "second"'


def test_the_scanner_finds_exactly_the_keys_that_tomllib_finds() -> None:
    raw = tomllib.loads(EVERY_SYNTAX)
    top = {path[0] for path in key_lines(EVERY_SYNTAX)}
    assert top == set(raw)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_both_line_ends_count_as_one_line(line_end: str) -> None:
    text = line_end.join(["a = 1", "", "[t]", "b = 2"])
    assert key_lines(text)[("t", "b")] == 4


def test_a_key_that_is_not_written_has_the_line_of_its_table() -> None:
    lines = key_lines("a = 1\n[t]\nb = 2\n")
    assert line_of(("t", "missing"), lines) == 2
    assert line_of(("elsewhere", "missing"), lines) == 1


def test_a_text_of_comments_has_no_keys() -> None:
    assert key_lines("# nothing\n\n  # here") == {}
