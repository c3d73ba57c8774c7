"""Resampling the images: one set of draws for everything that is compared.

An image's outcome is a row of zeros and ones (is it an error of classifier a, is it still one after
rectification, ...). Images with equal rows are interchangeable, so drawing N images with replacement is
one multinomial draw over the distinct rows: 2,000 draws of 50,000 images cost as much as 2,000 draws of
a few dozen patterns, and all columns share them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray

NOT_DRAWN = -1

# Counts of this many (draw, pattern) cells are in memory at once: 64 MiB of 8-byte integers.
_BLOCK_CELLS = 8 * 2**20

_MANY_PATTERNS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class ImageOutcomes:
    """What is averaged over the images, column by column.

    `values` [N, C]: 1 an error, 0 none, `NOT_DRAWN` where the image was not drawn for review by design.
    `stratum` [N, C]: the stratum that a drawn image speaks for, or None where every image is known.
    `names` [C]: what each column is, for the stored draws. `design` [N]: with strata, the cell of the
    sampling design that each reviewed image was drawn in, `NOT_DRAWN` for the others; the bootstrap keeps
    the cells' sizes. None: one cell (columns of several designs).
    """

    values: IntArray
    names: tuple[str, ...]
    stratum: IntArray | None = None
    design: IntArray | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise ValueError(
                f"outcomes of shape {self.values.shape} need one name per column; {len(self.names)} given"
            )
        if self.stratum is None and (self.values == NOT_DRAWN).any():
            raise ValueError("some images were not drawn for review: give the strata they were drawn from")
        if self.stratum is not None and self.stratum.shape != self.values.shape:
            raise ValueError(
                f"strata of shape {self.stratum.shape} for outcomes of shape {self.values.shape}: "
                "give one stratum for every outcome"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """The replicates of the bootstrap: `estimates` [B, C], one column per name, as they are stored."""

    names: tuple[str, ...]
    estimates: FloatArray

    def of(self, name: str) -> FloatArray:
        """[B] the replicates of one column."""
        return np.asarray(self.estimates[:, self.names.index(name)], dtype=np.float64)


def estimates(outcomes: ImageOutcomes) -> FloatArray:
    """[C] the mean of every column over all N images: sum over strata of W_s * (mean of the drawn) / N."""
    total = len(outcomes.values)
    if outcomes.stratum is None:
        return np.asarray(outcomes.values.sum(axis=0) / total, dtype=np.float64)
    columns = range(outcomes.values.shape[1])
    return np.array([_stratified_mean(outcomes.values[:, c], outcomes.stratum[:, c]) for c in columns])


def bootstrap_images(outcomes: ImageOutcomes, *, draws: int, rng: np.random.Generator) -> Draws:
    """Percentile-bootstrap replicates of `estimates`, all columns from the same draws.

    Where every image is known: N images with replacement. Where a sample was drawn by stratum: the sizes
    W_s of the strata from N images with replacement, and within each cell of the design as many reviewed
    images as were drawn, with replacement. (When a stratum was reviewed whole, both have the same
    variance.)
    """
    if draws < 1:
        raise ValueError(f"draws = {draws}: a bootstrap needs at least one draw")
    if outcomes.stratum is None:
        patterns, counts = distinct_rows(outcomes.values)
        return Draws(outcomes.names, _drawn_means(patterns.astype(np.float64), counts, draws, rng))
    return Draws(outcomes.names, _stratified_draws(outcomes, outcomes.stratum, draws, rng))


def _drawn_means(patterns: FloatArray, counts: IntArray, draws: int, rng: np.random.Generator) -> FloatArray:
    """[B, C] column means over as many rows as `counts` [K] has, drawn with replacement from `patterns`."""
    size, block = int(counts.sum()), max(1, _BLOCK_CELLS // len(counts))
    return (
        np.concatenate(
            [
                _drawn_counts(counts, min(block, draws - start), rng) @ patterns
                for start in range(0, draws, block)
            ]
        )
        / size
    )


def _drawn_counts(counts: IntArray, draws: int, rng: np.random.Generator) -> IntArray:
    """[B, K] how often each pattern comes up when as many rows as there are are drawn with replacement."""
    total, patterns = int(counts.sum()), len(counts)
    if patterns * 8 < total or patterns < _MANY_PATTERNS:
        return rng.multinomial(total, counts / total, size=draws)
    # With few images a pattern, drawing the images one by one is quicker than one binomial a pattern.
    owner = np.repeat(np.arange(patterns), counts)
    drawn = np.empty((draws, patterns), dtype=np.int64)
    for row in drawn:
        row[:] = np.bincount(owner[rng.integers(0, total, size=total)], minlength=patterns)
    return drawn


def distinct_rows(rows: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct rows [K, C] of [N, C] in lexical order, and how often each occurs [K]."""
    first, key = _row_keys(rows)
    return rows[first], np.bincount(key, minlength=len(first))


def _row_keys(rows: IntArray) -> tuple[IntArray, IntArray]:
    """First occurrence [K] of every distinct row, and the number [N] of each row's pattern."""
    key: IntArray = np.zeros(len(rows), dtype=np.int64)
    first: IntArray = np.zeros(1, dtype=np.int64)
    for column in rows.T:
        _, code = np.unique(column, return_inverse=True)
        key = key * (int(code.max(initial=0)) + 1) + code
        # Renumbered column by column, so the key never outgrows the number of images times the codes.
        _, first, key = np.unique(key, return_index=True, return_inverse=True)
    return first, key


def _stratified_mean(values: IntArray, stratum: IntArray) -> float:
    size, drawn, errors = _stratum_sums(values, stratum, int(stratum.max()) + 1)
    return float((size * _share(errors, drawn)).sum() / len(values))


def _stratum_sums(values: IntArray, stratum: IntArray, strata: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Images, drawn images and drawn errors per stratum [S]; a stratum that nothing speaks for is refused."""
    known = values != NOT_DRAWN
    size = np.bincount(stratum, minlength=strata)
    drawn = np.bincount(stratum[known], minlength=strata)
    empty = np.flatnonzero((size > 0) & (drawn == 0))
    if len(empty):
        raise ValueError(
            f"stratum {int(empty[0])} has {int(size[empty[0]])} images and none was drawn for review: "
            "join it with another stratum or draw from it"
        )
    errors = np.bincount(stratum[known], weights=values[known].astype(np.float64), minlength=strata)
    return size, drawn, np.asarray(errors, dtype=np.float64)


def _share(errors: FloatArray, drawn: IntArray | FloatArray) -> FloatArray:
    return np.divide(errors, drawn, out=np.zeros(np.shape(errors)), where=np.asarray(drawn) > 0)


def _stratified_draws(
    outcomes: ImageOutcomes, stratum: IntArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    values = outcomes.values
    total, columns = values.shape
    strata = int(stratum.max()) + 1
    groups, group_sizes = distinct_rows(stratum)
    design = np.zeros(total, dtype=np.int64) if outcomes.design is None else outcomes.design
    rows = np.hstack([values, stratum])
    cells = [distinct_rows(rows[design == cell]) for cell in np.unique(design[design != NOT_DRAWN])]
    patterns = np.concatenate([cell for cell, _ in cells])
    by_column = [
        _StratumSums.of(groups[:, c], patterns[:, c], patterns[:, columns + c], strata)
        for c in range(columns)
    ]
    observed = []
    for c in range(columns):
        _, observed_drawn, observed_errors = _stratum_sums(values[:, c], stratum[:, c], strata)
        observed.append(_share(observed_errors, observed_drawn)[:, None])

    result = np.empty((draws, columns))
    block = max(1, _BLOCK_CELLS // (len(groups) + len(patterns)))
    for start in range(0, draws, block):
        size = min(block, draws - start)
        grouped = _drawn_counts(group_sizes, size, rng).T
        taken = np.concatenate([_drawn_counts(counts, size, rng) for _, counts in cells], axis=1).T
        for c, sums in enumerate(by_column):
            drawn = sums.known @ taken
            # A draw that missed a small stratum keeps the share that was observed there.
            share = np.where(drawn > 0, _share(sums.wrong @ taken, drawn), observed[c])
            result[start : start + size, c] = ((sums.sizes @ grouped) * share).sum(axis=0) / total
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _StratumSums:
    """Sparse sums of one column by stratum: over groups [S, G], known and wrong patterns [S, K]."""

    sizes: sparse.csr_matrix
    known: sparse.csr_matrix
    wrong: sparse.csr_matrix

    @classmethod
    def of(cls, group: IntArray, value: IntArray, own: IntArray, strata: int) -> _StratumSums:
        return cls(
            sizes=_indicator(group, np.ones(len(group), dtype=bool), strata),
            known=_indicator(own, value != NOT_DRAWN, strata),
            wrong=_indicator(own, value == 1, strata),
        )


def _indicator(stratum: IntArray, chosen: BoolArray, strata: int) -> sparse.csr_matrix:
    column = np.flatnonzero(chosen)
    entries = (np.ones(len(column)), (stratum[column], column))
    return sparse.csr_matrix(entries, shape=(strata, len(stratum)))
