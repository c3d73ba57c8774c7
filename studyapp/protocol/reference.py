"""The tables of docs/protocols.md, made from the same fields that the reader reads.

`python -m studyapp.protocol.reference` prints them; a test compares them with the page.
"""

from __future__ import annotations

from collections.abc import Iterator

from studyapp.protocol.assembling import LISTS, TABLES
from studyapp.protocol.keys import KeySpec, keys_of
from studyapp.protocol.kinds import KIND_TABLES, KINDS
from studyapp.protocol.pictures import PictureQuestions
from studyapp.protocol.problems import shown
from studyapp.protocol.questions import ImageQuestions
from studyapp.protocol.schema import Arm, ArmBase, Protocol
from studyapp.protocol.values import type_text

_SHORT = 60


def reference() -> str:
    """Markdown: one heading and one table of keys per table of a protocol file."""
    return "\n".join(line for heading, specs in _sections() for line in _section(heading, specs))


def _sections() -> Iterator[tuple[str, tuple[KeySpec, ...]]]:
    yield "Top keys, in this order", keys_of(Protocol)
    shared = keys_of(PictureQuestions)
    yield "`[questions]` of every kind", shared
    labels = tuple(spec for spec in keys_of(ImageQuestions) if spec not in shared)
    sharing = ", ".join(
        f"`{name}`" for name, kind in KINDS.items() if issubclass(kind.questions, ImageQuestions)
    )
    yield f"`[questions]` of the kinds {sharing}", labels
    for name, kind in KINDS.items():
        yield (
            f"`[questions]` of kind `{name}` only",
            tuple(spec for spec in keys_of(kind.questions) if spec not in (*shared, *labels)),
        )
    for name, (_, table) in TABLES.items():
        yield f"`[{name}]`", keys_of(table)
    for name, table in KIND_TABLES.items():
        kinds = ", ".join(f"`{kind}`" for kind, each in KINDS.items() if name in each.tables)
        yield f"`[{name}]`, kind {kinds}", keys_of(table)
    for name, (_, table) in LISTS.items():
        yield f"`[[{name}]]`, any number", keys_of(table)
    common = keys_of(ArmBase)
    for name, kind in KINDS.items():
        own = tuple(spec for spec in keys_of(kind.arm) if spec not in common)
        if own and kind.arm is not Arm:
            yield f"`[[arm]]` of kind `{name}` also", own


def _section(heading: str, specs: tuple[KeySpec, ...]) -> Iterator[str]:
    yield from (f"### {heading}", "", "| key | value | default | meaning |", "| --- | --- | --- | --- |")
    for spec in specs:
        limits = spec.limits.range_text()
        value = type_text(spec) + (f", {limits}" if limits else "")
        yield f"| `{spec.name}` | {value} | {_default(spec)} | {spec.limits.meaning} |"
    yield ""
    for spec in specs:
        if _is_long(spec):
            yield from (f"The default of `{spec.name}`:", "", f"> {spec.default}", "")


def _default(spec: KeySpec) -> str:
    if spec.required:
        return "must be given"
    if spec.default is None:
        return "none"
    return "see below" if _is_long(spec) else f"`{shown(spec.default)}`"


def _is_long(spec: KeySpec) -> bool:
    return isinstance(spec.default, str) and len(spec.default) > _SHORT


if __name__ == "__main__":
    print(reference())
