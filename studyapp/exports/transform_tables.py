"""The tables of a probe of small transformations: consistency, every size, the published references.

Sources: Zhang (ICML 2019) for consistency, Azulay and Weiss (JMLR 2019) for the pairs one pixel apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studyapp.exports.tabular import Cell, Column, Table, interval_column
from studyapp.models import ProbeClassifier, ProbeRun

CONSISTENCY, SIZES, PUBLISHED = "consistency", "small_transformations", "published"

BACKGROUNDS = {
    "black": "on black (zero before normalisation)",
    "mean": "on the classifier's mean colour (zero after normalisation, rounded to 8 bits)",
    "inpainted": "carried on outwards (inpainted)",
}


@dataclass(frozen=True, slots=True)
class TransformFacts:
    """A finished probe and its classifiers, in its order."""

    run: ProbeRun
    classifiers: tuple[ProbeClassifier, ...]

    @property
    def what(self) -> str:
        """What was done to every image, in words."""
        stated = self.run.parameters
        if stated["protocol"] == "crop":
            return "middle squares of the picture, brought to the frame's size"
        return f"the picture shrunk in the middle of the frame, {BACKGROUNDS[stated['background']]}"


def transform_facts(run: ProbeRun) -> TransformFacts:
    """The facts of a finished run."""
    rows = run.probe_classifiers.select_related("classifier").order_by("position")
    return TransformFacts(run, tuple(rows))


def transform_tables(facts: TransformFacts) -> dict[str, Table]:
    """Every table by name; those of what was not asked for are left out."""
    stated = facts.run.parameters
    tables = [
        *([_consistency(facts), _published()] if stated["passes"] else []),
        *([_sizes(facts)] if stated["sizes"] else []),
    ]
    return {table.name: table for table in tables}


_CONSISTENCY_COLUMNS = (
    Column("classifier", "Name of the classifier."),
    Column("images", "Images probed.", "count"),
    Column("consistency", "Share of pairs of random crops with the same top-1.", "share", "fraction of 1"),
    interval_column("consistency_interval", "95 % interval over images.", beside="consistency"),
    Column("lowest", "The lowest of the passes.", "share", "fraction of 1", heading="lowest pass"),
    Column("highest", "The highest of the passes.", "share", "fraction of 1", heading="highest pass"),
    Column("top1", "Top-1 on the originals, the middles.", "share", "fraction of 1", heading="top-1"),
    interval_column("top1_interval", "95 % interval over images.", beside="top1"),
)


def _consistency(facts: TransformFacts) -> Table:
    rows = tuple(
        (
            *(each.classifier.name, each.summary["images"]),
            *_estimate(each.summary["consistency"]),
            min(each.summary["passes"], default=None),
            max(each.summary["passes"], default=None),
            *_estimate(each.summary["top1_original"]),
        )
        for each in facts.classifiers
    )
    return Table(
        CONSISTENCY,
        "Consistency under random crops",
        _CONSISTENCY_COLUMNS,
        rows,
        note="Zhang 2019: two crops of each picture at drawn places, "
        f"{facts.run.parameters['passes']} passes; "
        "the picture is read at 256/224 of the classifier's side. Intervals are Wilson's at the effective "
        "number of independent pairs, because pairs of one image go together.",
    )


_SIZE_COLUMNS = (
    Column("classifier", "Name of the classifier."),
    Column("axis", "translation: one pixel along the diagonal; scale: one pixel of size."),
    Column(
        "size",
        "Share of the frame's side that the picture fills (embed), or of the picture's that is shown (crop).",
        "number",
    ),
    Column("pairs", "Pairs of pictures one pixel apart, over all images.", "count"),
    Column("change", "P(top-1 change).", "share", "fraction of 1", heading="P(top-1 change)"),
    interval_column("change_interval", "95 % interval over images.", beside="change"),
    Column(
        "absolute",
        "Mean absolute change of the probability of the first picture's top-1.",
        "share",
        "fraction of 1",
        heading="mean absolute change",
    ),
    interval_column("absolute_interval", "95 % interval over images.", beside="absolute"),
    Column("accuracy", "Top-1 of the first pictures.", "share", "fraction of 1"),
    interval_column("accuracy_interval", "95 % interval over images.", beside="accuracy"),
)


def _sizes(facts: TransformFacts) -> Table:
    rows = tuple(
        (
            *(each.classifier.name, at["axis"], at["size"], at["pairs"]),
            *_estimate(at["change"]),
            *_estimate(at["absolute"]),
            *_estimate(at["accuracy"]),
        )
        for each in facts.classifiers
        for at in each.summary["sizes"]
    )
    return Table(
        SIZES,
        "Pictures one pixel apart",
        _SIZE_COLUMNS,
        rows,
        note=f"Azulay and Weiss 2019: {facts.what}; {facts.run.parameters['pairs']} pairs of each image at "
        "each size.",
    )


_PUBLISHED = (
    ("AlexNet", 0.7818, 0.8251),
    ("VGG16", 0.8852, 0.9019),
    ("ResNet18", 0.8511, 0.8825),
    ("ResNet50", 0.8920, 0.9131),
)


def _published() -> Table:
    return Table(
        PUBLISHED,
        "Published consistency",
        (
            Column("network", "The network."),
            Column("plain", "Its consistency.", "share", "fraction of 1"),
            Column(
                "antialiased", "Its anti-aliased version's.", "share", "fraction of 1", heading="anti-aliased"
            ),
        ),
        _PUBLISHED,
        note="References, no results of this probe: Zhang 2019 on ImageNet's validation set.",
    )


def _estimate(cell: Sequence[float | None]) -> tuple[Cell, Cell]:
    value, low, high = cell
    return value, (low, high) if low is not None and high is not None else None
