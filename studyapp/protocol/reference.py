"""The tables of docs/protocols.md, made from the same fields that the reader reads.

`python -m studyapp.protocol.reference` prints them; a test compares them with the page.
"""

from __future__ import annotations

from collections.abc import Iterator

from studyapp.protocol.assembling import LISTS, TABLES
from studyapp.protocol.keys import KeySpec, keys_of
from studyapp.protocol.problems import shown
from studyapp.protocol.questions import KINDS
from studyapp.protocol.schema import Protocol
from studyapp.protocol.values import type_text


def reference() -> str:
    """Markdown: one heading and one table of keys per table of a protocol file."""
    return "\n".join(line for heading, table in _sections() for line in _section(heading, table))


def _sections() -> Iterator[tuple[str, type]]:
    yield "Top keys, in this order", Protocol
    for kind, questions in KINDS.items():
        yield f'`[questions]` of kind "{kind}"', questions
    for name, (_, table) in TABLES.items():
        yield f"`[{name}]`", table
    for name, (_, table) in LISTS.items():
        yield f"`[[{name}]]`, any number", table


def _section(heading: str, table: type) -> Iterator[str]:
    yield from (f"### {heading}", "", "| key | value | default | meaning |", "| --- | --- | --- | --- |")
    for spec in keys_of(table):
        limits = spec.limits.range_text()
        value = type_text(spec) + (f", {limits}" if limits else "")
        yield f"| `{spec.name}` | {value} | {_default(spec)} | {spec.limits.meaning} |"
    yield ""


def _default(spec: KeySpec) -> str:
    if spec.required:
        return "must be given"
    if spec.default is None:
        return "none"
    return f"`{shown(spec.default)}`" if len(shown(spec.default)) < 60 else "see below"


if __name__ == "__main__":
    print(reference())
