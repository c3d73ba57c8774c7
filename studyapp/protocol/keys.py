"""What one key of a protocol file is: its meaning and its limits, kept beside the field that holds it.

Every parameter is a field of a frozen dataclass. Its meaning, limits and choices travel in the
field's metadata, so that the reader, the documentation and the forms all speak from one source.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

_MARK = "protocol key"


@dataclass(frozen=True, slots=True)
class Limits:
    """Meaning and allowed range of one key; bounds are inclusive, `below` is exclusive."""

    meaning: str
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None
    blank: bool = False

    def complaint(self, value: float) -> str | None:
        """Say what the range is when `value` lies outside it; None when it lies inside."""
        inside = (
            (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )
        return None if inside else self.range_text()

    def range_text(self) -> str:
        """The range in words, e.g. "at least 1 and at most 100"; empty when there is none."""
        parts = [
            f"{word} {bound:g}"
            for word, bound in (("at least", self.at_least), ("at most", self.at_most), ("below", self.below))
            if bound is not None
        ]
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key of a table: its name, the Python type of its value, its default and its limits."""

    name: str
    annotation: object
    required: bool
    default: object
    limits: Limits

    @property
    def optional(self) -> bool:
        """Whether the key may be left out to mean "none"."""
        # `Literal[...] | None` is a typing.Union, `int | None` a types.UnionType.
        return typing.get_origin(self.annotation) in (types.UnionType, typing.Union)

    @property
    def inner(self) -> object:
        """The annotation without its `| None`."""
        if self.optional:
            return next(part for part in typing.get_args(self.annotation) if part is not types.NoneType)
        return self.annotation

    @property
    def choices(self) -> tuple[str, ...]:
        """The words allowed for this key; empty when it is free."""
        inner = self.inner
        return typing.get_args(inner) if typing.get_origin(inner) is typing.Literal else ()


def about(
    meaning: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    blank: bool = False,
) -> Mapping[str, Limits]:
    """Field metadata of a protocol key; `blank` allows an empty text or list."""
    return {_MARK: Limits(meaning, at_least, at_most, below, blank)}


def keys_of(table: type) -> tuple[KeySpec, ...]:
    """The keys of a parameter dataclass, in the order of its fields."""
    return _keys_of(table)


@cache
def _keys_of(table: type) -> tuple[KeySpec, ...]:
    hints = typing.get_type_hints(table)
    return tuple(
        KeySpec(
            name=entry.name,
            annotation=hints[entry.name],
            required=entry.default is dataclasses.MISSING,
            default=None if entry.default is dataclasses.MISSING else entry.default,
            limits=entry.metadata[_MARK],
        )
        for entry in dataclasses.fields(table)
        if _MARK in entry.metadata
    )
