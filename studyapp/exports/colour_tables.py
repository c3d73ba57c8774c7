"""The tables of a colour probe: the poster's, the same as numbers, the curves, the ranks, the classifiers.

Source: Mertens et al., "Colour-dependent prediction stability" (ICANN 2023).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from studyapp.analysis.colour_stability import RankBase
from studyapp.analysis.intervals import wilson_rate
from studyapp.exports.display import EMPTY
from studyapp.exports.tabular import Cell, Column, Table, interval_column
from studyapp.models import ProbeClassifier, ProbeRun

POSTER, METRICS, CURVES, RANKS, CLASSIFIERS, PUBLISHED = (
    "stability",
    "stability_numbers",
    "curves",
    "ranks",
    "classifiers",
    "published",
)
RankOver = Literal["changed", "all"]
LAST_RANK = 10

#: What the sets of settings are called in print.
SET_TITLES: Mapping[str, str] = {
    "d all": "d",
    "d near": "|d| ≤ 30",
    "g all": "g",
    "g near": "g in ]0.5, 1.5[",
}
_METRICS = (
    ("equal", "Equal"),
    ("top1", "Top-1"),
    ("equal_right", "OL+"),
    ("equal_wrong", "OL\u2212"),
)


@dataclass(frozen=True, slots=True)
class ColourFacts:
    """A finished probe and how O.P. is stated: what the top rank counts as, and over which predictions."""

    run: ProbeRun
    classifiers: tuple[ProbeClassifier, ...]
    op_base: RankBase = 1
    op_over: RankOver = "changed"

    @property
    def names(self) -> tuple[str, ...]:
        """The classifiers' names, in the probe's order."""
        return tuple(each.classifier.name for each in self.classifiers)


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One row of the poster's table: a mean and a deviation for each classifier, None where there is none."""

    metric: str
    over: str
    means: tuple[float | None, ...]
    deviations: tuple[float | None, ...]
    digits: int = 3

    def texts(self) -> tuple[tuple[str, str], ...]:
        """Mean and deviation as printed."""
        return tuple(
            (
                EMPTY if mean is None else f"{mean:.{self.digits}f}",
                "" if deviation is None else f"{deviation:.{self.digits}f}",
            )
            for mean, deviation in zip(self.means, self.deviations, strict=True)
        )


def colour_facts(run: ProbeRun, *, op_base: RankBase = 1, op_over: RankOver = "changed") -> ColourFacts:
    """The facts of a finished run."""
    rows = run.probe_classifiers.select_related("classifier__class_list").order_by("position")
    return ColourFacts(run, tuple(rows), op_base, op_over)


def metric_rows(facts: ColourFacts) -> tuple[MetricRow, ...]:
    """The poster's rows: each metric over each set of settings that the grid has."""
    summaries = [each.summary for each in facts.classifiers]
    sets = [place for place, each in enumerate(summaries[0]["sets"]) if each["settings"]]
    none = (None,) * len(summaries)
    rows = []
    for key, title in _METRICS:
        if key == "top1":
            means = tuple(each["top1_original"] for each in summaries)
            rows.append(MetricRow(title, "d = 0, g = 1", means, none))
        rows += [_row(title, [each["sets"][place] for each in summaries], key) for place in sets]
    shift = 1 - facts.op_base
    key = "original_position" if facts.op_over == "changed" else "original_position_all"
    ranks = [
        _row("O.P.", [each["sets"][place] for each in summaries], key, shift=shift, digits=1)
        for place in sets
    ]
    shares = [
        MetricRow(
            "O.P. / classes",
            row.over,
            tuple(_over(value, each) for value, each in zip(row.means, summaries, strict=True)),
            tuple(_over(value, each) for value, each in zip(row.deviations, summaries, strict=True)),
            digits=4,
        )
        for row in ranks
    ]
    return (*rows, *ranks, *shares)


def colour_tables(facts: ColourFacts) -> dict[str, Table]:
    """Every table by name."""
    tables = (
        _poster(facts),
        _metrics(facts),
        _curves(facts),
        _ranks(facts),
        _classifiers(facts),
        _published(),
    )
    return {table.name: table for table in tables}


def op_in_words(facts: ColourFacts) -> str:
    """How O.P. is counted."""
    over = "changed predictions" if facts.op_over == "changed" else "all predictions"
    return f"O.P.: rank of the original's class over {over}; the top rank counts as {facts.op_base}."


def _row(
    title: str, sets: Sequence[Mapping[str, Any]], key: str, *, shift: int = 0, digits: int = 3
) -> MetricRow:
    # A run from before O.P. over all predictions was kept has none of it.
    spreads = [each.get(key) or {"mean": None, "deviation": None} for each in sets]
    return MetricRow(
        title,
        SET_TITLES[sets[0]["name"]],
        tuple(None if each["mean"] is None else each["mean"] - shift for each in spreads),
        tuple(each["deviation"] for each in spreads),
        digits,
    )


def _over(value: float | None, summary: Mapping[str, Any]) -> float | None:
    return None if value is None else value / summary["classes"]


def _poster(facts: ColourFacts) -> Table:
    columns = (
        Column("metric", "Equal: share whose top-1 stays; OL+ and OL-: of images first right, wrong."),
        Column("over", "Which settings."),
        *(Column(name, f"{name}: mean and standard deviation over the settings.") for name in facts.names),
    )
    rows = tuple(
        (
            row.metric,
            row.over,
            *(f"{mean} ± {deviation}" if deviation else mean for mean, deviation in row.texts()),
        )
        for row in metric_rows(facts)
    )
    return Table(POSTER, "Stability of predictions under changes of colour", columns, rows, note=_note(facts))


def _note(facts: ColourFacts) -> str:
    return (
        "Means over the settings of the share of images, with the standard deviation over the settings; d "
        f"turns the hue by degrees, g multiplies the saturation. {op_in_words(facts)} "
        f"{facts.run.images:,} images of {facts.run.dataset.name}."
    )


_METRIC_COLUMNS = (
    Column("classifier", "Name of the classifier."),
    Column("metric", "Equal, Top-1, OL+, OL-, O.P., or O.P. as a share of the number of classes."),
    Column("over", "Which settings."),
    Column("mean", "Mean over the settings; of O.P. over predictions.", "number"),
    Column("deviation", "Standard deviation over the same.", "number"),
)


def _metrics(facts: ColourFacts) -> Table:
    rows = [
        (name, row.metric, row.over, row.means[place], row.deviations[place])
        for place, name in enumerate(facts.names)
        for row in metric_rows(facts)
    ]
    return Table(METRICS, "The same as numbers", _METRIC_COLUMNS, tuple(rows), note=op_in_words(facts))


_CURVE_COLUMNS = (
    Column("classifier", "Name of the classifier."),
    Column("axis", "hue: d in degrees; saturation: the gain g."),
    Column("amount", "How far.", "number"),
    Column("images", "Images probed.", "count"),
    Column("equal", "Images whose top-1 stays.", "count"),
    Column("share", "Their share, E.", "share", "fraction of 1"),
    interval_column("share_interval", "Wilson interval, 95 %.", beside="share"),
)


def _curves(facts: ColourFacts) -> Table:
    return Table(CURVES, "E(d) and E(g)", _CURVE_COLUMNS, tuple(_curve_rows(facts)))


def _curve_rows(facts: ColourFacts) -> Iterator[tuple[Cell, ...]]:
    for each in facts.classifiers:
        images = int(each.summary["images"])
        for axis, amount, share in each.summary["curve"]:
            if images:
                rate = wilson_rate(round(share * images), images)
                found = rate.interval
                interval = (found.low, found.high) if found else None
                yield (each.classifier.name, axis, amount, images, rate.count, rate.share, interval)


_RANK_COLUMNS = (
    Column("classifier", "Name of the classifier."),
    Column("rank", "Rank of the original's class after the change, counted from 1."),
    Column("predictions", "Changed predictions with it there.", "count"),
    Column("share", "Their share of the changed predictions.", "share", "fraction of 1"),
)


def rank_label(place: int) -> str:
    """What the place of a histogram of ranks stands for."""
    rank = place + 2
    return str(rank) if rank <= LAST_RANK else f"{rank} and beyond"


def _ranks(facts: ColourFacts) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for each in facts.classifiers:
        counts = each.summary["rank_counts"]
        total = sum(counts)
        rows += [
            (each.classifier.name, rank_label(place), count, count / total if total else None)
            for place, count in enumerate(counts)
        ]
    return Table(RANKS, "Where the original's class went", _RANK_COLUMNS, tuple(rows))


_CLASSIFIER_COLUMNS = (
    Column("classifier", "Name of the classifier."),
    Column("architecture", "Its architecture."),
    Column("trained_on", "What its weights were trained on, as registered."),
    Column("validated_on", "What its weights were validated on, as registered."),
    Column("classes", "Classes it tells apart.", "count"),
    Column("crop", "Side in pixels of the square it looks at.", "count", "px"),
    Column("weights", "The first digits of the SHA-256 of the weights that answered."),
)


def _classifiers(facts: ColourFacts) -> Table:
    rows = tuple(
        (
            *(each.classifier.name, each.classifier.architecture or each.classifier.get_source_display()),
            *(each.classifier.trained_on or None, each.classifier.validated_on or None),
            *(each.summary["classes"], each.classifier.preprocessing.get("crop", {}).get("side")),
            each.weights_sha256[:12] or None,
        )
        for each in facts.classifiers
    )
    return Table(
        CLASSIFIERS,
        "What each classifier was trained and validated on",
        _CLASSIFIER_COLUMNS,
        rows,
        note="As registered (add_classifier --trained-on, --validated-on); empty where nobody has said.",
    )


_PUBLISHED = (
    ("Equal", "d", 0.431, 0.659, 0.659, 0.800, 0.759),
    ("Equal", "g", 0.746, 0.883, 0.874, 0.950, 0.946),
)


def _published() -> Table:
    names = ("AlexNet", "VGG16", "ResNet18", "ResNet50", "DenseNet161")
    columns = (
        Column("metric", "As above."),
        Column("over", "As above."),
        *(Column(name, f"The poster's value of {name}.", "number") for name in names),
    )
    return Table(
        PUBLISHED,
        "Published",
        columns,
        _PUBLISHED,
        note="References, no results of this probe: the poster's own values on its own images.",
    )
