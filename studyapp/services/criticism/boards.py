"""The groups of pictures beside a target: as they are stored with a question, and as a page shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

# `Stimulus.variant` of a picture in a group: shown beside a target, never asked about.
GROUP_PICTURE = "group"
# What the variant of another change of an image begins with, shown beside the one asked about.
SIBLING = "sibling:"
# Stimuli that are only shown beside others.
IS_BESIDE = Q(variant=GROUP_PICTURE) | Q(variant__startswith=SIBLING)


@dataclass(frozen=True, slots=True)
class Group:
    """One group as it was drawn: a category and the images of it that an arm shows, by id."""

    category: int
    prototypes: tuple[int, ...]
    criticisms: tuple[int, ...]

    @property
    def images(self) -> tuple[int, ...]:
        """In the order shown: criticisms come last."""
        return (*self.prototypes, *self.criticisms)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a group: the key of its stimulus, and whether it is marked as untypical (a criticism)."""

    key: str
    untypical: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """Everything beside the target, in the order shown: (category id, pictures) of each group.

    `right` is the number of the target's group, from 1. It and the categories never reach a page.
    """

    groups: tuple[tuple[int, tuple[Picture, ...]], ...]
    right: int
    trial: str

    def parameters(self) -> dict[str, object]:
        """The board as `Question.parameters` holds it."""
        return {
            "trial": self.trial,
            "right": str(self.right),
            "groups": [
                {
                    "category": category,
                    "pictures": [picture.key for picture in pictures],
                    "untypical": [picture.key for picture in pictures if picture.untypical],
                }
                for category, pictures in self.groups
            ],
        }


def board_of(parameters: Mapping[str, Any]) -> Board:
    """The board that a question's parameters hold."""
    return Board(
        groups=tuple(
            (
                int(group["category"]),
                tuple(Picture(key, key in group["untypical"]) for key in group["pictures"]),
            )
            for group in parameters["groups"]
        ),
        right=int(parameters["right"]),
        trial=str(parameters["trial"]),
    )


def keys_beside(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of all pictures beside the target: of groups, or siblings; none where it stands alone."""
    in_groups = (key for group in parameters.get("groups", ()) for key in group["pictures"])
    return (*in_groups, *(sibling["key"] for sibling in parameters.get("siblings", ())))
