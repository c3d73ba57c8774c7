"""Hard foils: classes that should be rejected for an image but are not absurd for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.protocol.questions import FoilSource
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.study_predictions import StudyPredictions, rankings


def foils_by_rank(
    ranking: Sequence[int], ranks: tuple[int, int], *, excluded: frozenset[int]
) -> tuple[int, ...]:
    """The classes at `ranks` (first and last, 1 is the prediction) that are not excluded."""
    first, last = ranks
    return tuple(label for label in ranking[first - 1 : last] if label not in excluded)


def siblings(true: int, groups: Mapping[int, str], *, excluded: frozenset[int]) -> tuple[int, ...]:
    """The other classes of the true label's group that are not excluded."""
    group = groups.get(true)
    if group is None:
        return ()
    return tuple(
        sorted(label for label, own in groups.items() if own == group and label not in excluded | {true})
    )


@dataclass(frozen=True, slots=True)
class Foils:
    """Finds foils as the protocol says; the true label and every classifier's mistake are never one."""

    predictions: StudyPredictions
    source: FoilSource
    ranks: tuple[int, int]
    groups: Mapping[int, str]
    drawer: Drawer
    _cache: dict[int, tuple[int, ...]]

    def of_images(self, images: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """The candidates of each image, best ranked first; empty where it has none."""
        wrong = self.predictions.wrong_labels()
        ranked = self._rankings(images)
        found = {}
        for image in images:
            true = self.predictions.true[image]
            excluded = wrong.get(image, frozenset()) | {true}
            if self.source == "siblings":
                found[image] = siblings(true, self.groups, excluded=excluded)
            else:
                found[image] = foils_by_rank(ranked.get(image, ()), self.ranks, excluded=excluded)
        return found

    def beside(self, images: Sequence[int]) -> dict[int, int]:
        """One drawn foil for each image; any other class of the dataset where an image has no candidate.

        For gold, practice and two-alternative questions, whose images every classifier may get right
        without a ranking being known.
        """
        candidates = self.of_images(images)
        everything = np.array(sorted(set(self.predictions.true.values())))
        seed, rng = self.drawer.generator()
        found: dict[int, int] = {}
        for image in images:
            own = candidates[image]
            if not own:
                own = tuple(int(label) for label in everything if label != self.predictions.true[image])
            found[image] = own[int(rng.integers(len(own)))]
        if found:
            number = sum(record.purpose.startswith("foils_beside") for record in self.drawer.records)
            self.drawer.record(f"foils_beside:{number}", seed, [list(pair) for pair in found.items()])
        return found

    def lacking(self, images: Sequence[int]) -> int:
        """How many of these images have no foil of the source, so that `beside` takes any other class."""
        return sum(not labels for labels in self.of_images(images).values())

    def lists(self, images: Sequence[int], size: int) -> dict[int, tuple[int, ...]]:
        """The `size` best ranked classes of each image that has a ranking: what a top-5 list shows."""
        return {image: ranking[:size] for image, ranking in self._rankings(images).items()}

    def why_none(self, size: int) -> str:
        """Why no image has `size` foils, and what to do."""
        if self.source == "siblings":
            return (
                "No class of the mistakes' images has a sibling in the hierarchy that may be a foil; give "
                "larger groups, or controls = 0."
            )
        first, last = self.ranks
        return (
            f"No image has {size} foil(s) at ranks {first}-{last}: the predictions hold too few classes per "
            'image. Run predict (it stores 20), use foils = "siblings" with a hierarchy, or controls = 0.'
        )

    def _rankings(self, images: Sequence[int]) -> dict[int, tuple[int, ...]]:
        if not self._cache:
            for run in self.predictions.runs:
                for mistake in run.mistakes:
                    if len(mistake.ranking) > 1:
                        self._cache.setdefault(mistake.image, mistake.ranking)
        missing = [image for image in images if image not in self._cache]
        self._cache.update(rankings(runs=self.predictions.runs, images=missing))
        return {image: self._cache[image] for image in images if image in self._cache}
