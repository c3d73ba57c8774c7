"""What `explain` prints of its runs: counts, fits, superpixels, failures with their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from studyapp.services.explanations.summaries import Quartiles, RunSummary, failures_of

SHOWN_FAILURES = 10
MOST_FAILURES = 100_000


def report_in_words(summaries: Sequence[RunSummary]) -> str:
    """A paragraph per run."""
    return "\n".join(line for summary in summaries for line in _lines(summary))


def report_as_json(summaries: Sequence[RunSummary]) -> dict[str, object]:
    """The same as plain values, with every failure."""
    return {"runs": [_plain(summary) for summary in summaries]}


def _lines(summary: RunSummary) -> list[str]:
    run = summary.run
    shown = run.parameters["superpixels"]
    lines = [
        f"Explanation run {run.pk}: {run.method} of the {run.version} pictures, class "
        f"{run.category or run.explained}, {run.classifier.name} on {run.dataset.name}: "
        f"{summary.done:,} of {summary.wanted:,} images"
        f"{f', {summary.failed:,} failed' if summary.failed else ''} (seed {run.seed})"
    ]
    if summary.superpixels is not None:
        lines.append(
            f"  superpixels: {_span(summary.superpixels, 0)}; fewer than {shown} of positive weight: "
            f"{summary.few:,}"
        )
    if summary.fit is not None:
        lines.append(f"  fit (weighted R²): {_span(summary.fit, 3)}")
    failures = failures_of(run, most=SHOWN_FAILURES)
    lines += [f"  failed: {name}: {reason}" for name, reason in failures]
    if summary.failed > len(failures):
        lines.append(f"  and {summary.failed - len(failures):,} more")
    return lines


def _span(figures: Quartiles, digits: int) -> str:
    return (
        f"median {figures.median:.{digits}f}, quartiles {figures.lower:.{digits}f} to "
        f"{figures.upper:.{digits}f}, range {figures.least:.{digits}f} to {figures.most:.{digits}f}"
    )


def _plain(summary: RunSummary) -> dict[str, object]:
    run = summary.run
    return {
        "run": run.pk,
        "dataset": run.dataset.name,
        "classifier": run.classifier.name,
        "attack": run.attack_run_id,
        "version": run.version,
        "method": run.method,
        "explained": run.explained,
        "category": run.category.index if run.category else None,
        "parameters": run.parameters,
        "seed": run.seed,
        "wanted": summary.wanted,
        "done": summary.done,
        "failed": summary.failed,
        "fewer_positive_than_shown": summary.few,
        "fit": asdict(summary.fit) if summary.fit else None,
        "fit_histogram": list(summary.histogram),
        "superpixels": asdict(summary.superpixels) if summary.superpixels else None,
        "failures": [
            {"image": name, "reason": reason} for name, reason in failures_of(run, most=MOST_FAILURES)
        ],
    }
