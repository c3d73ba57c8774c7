"""One raw value (of TOML or JSON) turned into what its key says it is, or a complaint."""

from __future__ import annotations

import math
import typing
from dataclasses import dataclass

from studyapp.protocol.keys import KeySpec
from studyapp.protocol.problems import nearest, shown


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a value and what to write instead."""

    what: str
    remedy: str


# TOML can write one as \u0000, and PostgreSQL can not keep it.
_NUL = Complaint("has a NUL character", "take it out")


def type_text(spec: KeySpec) -> str:
    """The type of a key in the words the documentation and the errors use."""
    if spec.choices:
        return "one of " + ", ".join(f'"{choice}"' for choice in spec.choices)
    inner = spec.inner
    if inner is bool:
        return "true or false"
    if inner is int:
        return "a whole number"
    if inner is float:
        return "a number"
    if inner is str:
        return "a text"
    if typing.get_args(inner)[-1] is Ellipsis:
        return "a list of texts"
    return "a list of two whole numbers"


def typed(spec: KeySpec, raw: object) -> object | Complaint:
    """The value of key `spec` that `raw` stands for: lists become tuples, whole numbers may be floats."""
    if raw is None and spec.optional:
        return None
    inner = spec.inner
    if spec.choices:
        return _word(spec, raw)
    if inner is bool:
        return raw if isinstance(raw, bool) else _wrong_type(spec)
    if inner is int or inner is float:
        return _number(spec, raw)
    if inner is str:
        return _text(spec, raw)
    return _list(spec, raw)


def _wrong_type(spec: KeySpec) -> Complaint:
    limits = spec.limits.range_text()
    return Complaint(
        f"is not {type_text(spec)}", f"give {type_text(spec)}" + (f", {limits}" if limits else "")
    )


def _word(spec: KeySpec, raw: object) -> object | Complaint:
    if isinstance(raw, str) and raw in spec.choices:
        return raw
    close = nearest(raw, spec.choices) if isinstance(raw, str) else None
    remedy = f'did you mean "{close}"?' if close else f"write one of {', '.join(spec.choices)}"
    return Complaint(f"is not one of {', '.join(spec.choices)}", remedy.rstrip("?"))


def _number(spec: KeySpec, raw: object) -> object | Complaint:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return _wrong_type(spec)
    if spec.inner is int and not isinstance(raw, int):
        return _wrong_type(spec)
    if abs(raw) > 2**53 or not math.isfinite(raw):
        return Complaint("is not a number that can be used", f"give {type_text(spec)}")
    outside = spec.limits.complaint(raw)
    if outside is not None:
        return Complaint("is out of range", f"give {type_text(spec)} {outside}")
    # -0.0 and 0.0 are equal but hash differently in the canonical form.
    return raw if spec.inner is int else float(raw) + 0.0


def _text(spec: KeySpec, raw: object) -> object | Complaint:
    if not isinstance(raw, str):
        return _wrong_type(spec)
    if "\0" in raw:
        return _NUL
    if not raw.strip() and not spec.limits.blank:
        return Complaint(
            "is empty", "write a text, or leave the key out" if not spec.required else "write it"
        )
    return raw


def _list(spec: KeySpec, raw: object) -> object | Complaint:
    if not isinstance(raw, list | tuple):
        return _wrong_type(spec)
    *_, last = typing.get_args(spec.inner)
    if last is int:
        if len(raw) != 2 or any(isinstance(item, bool) or not isinstance(item, int) for item in raw):
            return _wrong_type(spec)
        outside = [text for item in raw if (text := spec.limits.complaint(item)) is not None]
        return Complaint("is out of range", f"give numbers {outside[0]}") if outside else tuple(raw)
    if not all(isinstance(item, str) and item.strip() for item in raw):
        return Complaint("has something in it that is not a text", "write each in quotes")
    if any("\0" in item for item in raw):
        return _NUL
    repeated = sorted({item for item in raw if list(raw).count(item) > 1})
    if repeated:
        return Complaint(f"has {shown(repeated[0])} more than once", "write each once")
    if not raw and not spec.limits.blank:
        return Complaint("is an empty list", "name at least one")
    return tuple(raw)
