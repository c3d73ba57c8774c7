"""One text per protocol, its SHA-256, and what changed between two protocols.

The canonical form is JSON with every key (defaults filled in), sorted, without spaces, in UTF-8. It does
not depend on the white space, order or comments of the file. A stored canonical form is hashed as the
text it is, so that keys added to the product later change no hash that was frozen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from studyapp.protocol.assembling import LISTS, TABLES, assemble
from studyapp.protocol.keys import keys_of
from studyapp.protocol.kinds import KIND_TABLES
from studyapp.protocol.problems import Problem, ProtocolError
from studyapp.protocol.schema import Protocol

_STORED = "stored protocol"


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs; a value is its JSON text, None where the key does not exist."""

    key: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.key}: {self.before or 'absent'} -> {self.after or 'absent'}"


def canonical_json(protocol: Protocol) -> str:
    """The canonical text of `protocol`."""
    return json.dumps(raw_of(protocol), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_sha256(text: str) -> str:
    """SHA-256 (hexadecimal) of a canonical text, as stored."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def protocol_sha256(protocol: Protocol) -> str:
    """SHA-256 (hexadecimal) of the canonical form of `protocol`."""
    return canonical_sha256(canonical_json(protocol))


def protocol_from_canonical(text: str) -> Protocol:
    """The protocol of a stored canonical text; keys younger than the text get their defaults.

    Raises ProtocolError when it is not a protocol of this product.
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise _not_canonical(f"is not JSON ({error})") from error
    if not isinstance(raw, dict):
        raise _not_canonical("is not a JSON object")
    return assemble(raw, file=_STORED, line_of=lambda path: None)


def _not_canonical(what: str) -> ProtocolError:
    return ProtocolError([Problem(_STORED, None, "", what, "give a text that canonical_json made")])


def difference(before: Protocol, after: Protocol) -> tuple[Change, ...]:
    """The keys in which two protocols differ, sorted: what an amendment changed."""
    old, new = (dict(_leaves(raw_of(protocol), "")) for protocol in (before, after))
    return tuple(
        Change(key, old.get(key), new.get(key))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    )


def raw_of(protocol: Protocol) -> dict[str, object]:
    """The tables of `protocol` as plain values, under the names the file uses; every key is there."""
    raw = _table(protocol)
    raw["questions"] = _table(protocol.questions)
    for name, (attribute, _) in TABLES.items():
        raw[name] = _table(getattr(protocol, attribute))
    for name in KIND_TABLES:
        # A kind that has no such table says nothing of it: its hash does not change with other kinds.
        if getattr(protocol, name) is not None:
            raw[name] = _table(getattr(protocol, name))
    for name, (attribute, _) in LISTS.items():
        raw[name] = [_table(element) for element in getattr(protocol, attribute)]
    return raw


def _table(values: Any) -> dict[str, object]:
    plain = {spec.name: getattr(values, spec.name) for spec in keys_of(values.__class__)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def _leaves(value: object, key: str) -> Iterator[tuple[str, str]]:
    """Every key with the JSON text of its value; arms by their names, other lists of tables by number."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value, start=1):
            yield from _leaves(item, f"{key}[{item.get('name', number)}]")
    elif not (isinstance(value, list) and key in LISTS):
        yield key, json.dumps(value, ensure_ascii=False)
