"""TOML to Protocol: every problem with its line, its value and its remedy."""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Mapping

from studyapp.protocol.assembling import TOP_KEYS, assemble
from studyapp.protocol.lines import key_lines, line_of
from studyapp.protocol.problems import Finding, Problem, ProtocolError
from studyapp.protocol.schema import Protocol

_AT_LINE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_AT_END = re.compile(r" \(at end of document\)$")
_LARGEST_FILE = 1_000_000


def read_protocol(file: pathlib.Path) -> Protocol:
    """Read the protocol in `file` (TOML, UTF-8); raises ProtocolError listing everything wrong with it."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ProtocolError(
            [Problem(str(file), None, "", f"can not be read ({error.strerror})", "check the path")]
        ) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ProtocolError(
            [Problem(str(file), line, "", "is not UTF-8 text", "save the file as UTF-8")]
        ) from error
    return read_protocol_text(text, file=file.name)


def read_protocol_text(text: str, *, file: str = "protocol.toml") -> Protocol:
    """Read a protocol from TOML `text`; `file` is the name that its errors give."""
    if len(text) > _LARGEST_FILE:
        raise ProtocolError(
            [Problem(file, None, "", f"has {len(text):,} characters", "a protocol is a page of text")]
        )
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError([_not_toml(error, text, file)]) from error
    except RecursionError as error:
        raise ProtocolError(
            [Problem(file, None, "", "is nested too deeply", "write tables and keys only")]
        ) from error
    lines = key_lines(text)
    return assemble(raw, file=file, line_of=lambda path: line_of(path, lines), also=_out_of_order(raw))


def _not_toml(error: tomllib.TOMLDecodeError, text: str, file: str) -> Problem:
    """tomllib's message with its place: it says the line in words, or "at end of document"."""
    message = str(error)
    if (found := _AT_LINE.search(message)) is not None:
        line = int(found[1])
    else:
        line = len(text.rstrip().splitlines()) or 1
    reason = _AT_END.sub("", _AT_LINE.sub("", message))
    reason = reason[:1].lower() + reason[1:]
    if reason.startswith("cannot"):
        return Problem(
            file, line, "", f"something is written twice ({reason})", "write each key and table once"
        )
    return Problem(
        file, line, "", f"is not TOML ({reason})", 'write key = value, texts in quotes: name = "my-study"'
    )


def _out_of_order(raw: Mapping[str, object]) -> tuple[Finding, ...]:
    """The top keys stand in one order, so that two protocols can be read side by side."""
    written = [key for key in raw if key in TOP_KEYS]
    for key, should in zip(written, sorted(written, key=TOP_KEYS.index), strict=True):
        if key != should:
            what = f"{key} stands before {should}"
            return (Finding(((key,),), what, f"write the top keys in this order: {', '.join(TOP_KEYS)}"),)
    return ()
