"""Example pictures of a class, shown beside its name where `class_help = "examples"`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from studyapp.services.planning.draws import Drawer

VARIANT = "example"
_EACH = 3


def draw_examples(
    *, categories: Iterable[int], true: Mapping[int, int], images: Sequence[int], drawer: Drawer
) -> dict[int, tuple[int, ...]]:
    """Up to three of `images` for each category, drawn among those the dataset labels with it.

    `images` are such that every classifier gets right and nothing asks about; a category without
    one has no examples.
    """
    wanted = set(categories)
    by_category: dict[int, list[int]] = {}
    for image in images:
        if true[image] in wanted:
            by_category.setdefault(true[image], []).append(image)
    seed, rng = drawer.generator()
    found = {}
    for category in sorted(by_category):
        members = by_category[category]
        found[category] = tuple(members[int(place)] for place in rng.permutation(len(members))[:_EACH])
    drawer.record("examples", seed, [[category, *chosen] for category, chosen in found.items()])
    return found
