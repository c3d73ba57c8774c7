"""A ready-made protocol turned to one's own dataset and classifiers."""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.protocol.assembling import assemble
from studyapp.protocol.canonical import raw_of
from studyapp.protocol.schema import Protocol


def with_target(
    protocol: Protocol,
    *,
    dataset: str | None = None,
    classifiers: Sequence[str] | None = None,
    name: str | None = None,
    title: str | None = None,
) -> Protocol:
    """`protocol` for another dataset, other classifiers, under another name; what is None stays.

    Checked again as a file is: raises ProtocolError, for example where a planned contrast names a
    classifier that is no longer there.
    """
    changed = {
        "dataset": dataset,
        "classifiers": None if classifiers is None else list(classifiers),
        "name": name,
        "title": title,
    }
    raw = raw_of(protocol) | {key: value for key, value in changed.items() if value is not None}
    return assemble(raw, file=f"protocol {protocol.name}", line_of=lambda path: None)
