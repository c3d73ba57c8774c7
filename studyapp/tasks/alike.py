"""Classifiers that are shown the same pictures, for which these are read and changed once."""

from __future__ import annotations

from collections.abc import Iterable


def places_alike(looks: Iterable[str]) -> list[list[int]]:
    """Places of equal `looks`, each group in its order, groups in the order of their first."""
    groups: dict[str, list[int]] = {}
    for place, look in enumerate(looks):
        groups.setdefault(look, []).append(place)
    return list(groups.values())
