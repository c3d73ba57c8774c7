"""How the commands print standard errors: one wording for predictions made here and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from studyapp.analysis.intervals import Rate
from studyapp.models import PredictionRun
from studyapp.services.predictions.runs import StandardErrors


def errors_in_words(run: PredictionRun, errors: StandardErrors) -> str:
    """Standard top-1 and top-5 error with Wilson intervals, and what has no prediction."""
    lines = [
        f"{run.classifier.name} on {run.dataset.name} ({run.precision}): {errors.images:,} images",
        f"  standard top-1 error {_in_words(errors.top1)}",
    ]
    if errors.top5 is not None:
        lines.append(f"  standard top-5 error {_in_words(errors.top5)}")
    if errors.without_prediction:
        lines.append(f"  {errors.without_prediction:,} images have no prediction and are not counted")
    return "\n".join(lines)


def errors_as_json(run: PredictionRun, errors: StandardErrors) -> Mapping[str, object]:
    """The same as plain values: errors as fractions of 1, null where there is nothing to count."""
    return {
        "run": run.pk,
        "dataset": run.dataset.name,
        "classifier": run.classifier.name,
        "precision": run.precision,
        "device": run.device,
        "images": errors.images,
        "without_prediction": errors.without_prediction,
        "top1_errors": errors.top1.count,
        **_as_json("standard_top1", errors.top1),
        **_as_json("standard_top5", errors.top5),
    }


def _in_words(rate: Rate) -> str:
    if rate.share is None or rate.interval is None:
        return "unknown: no predictions"
    return (
        f"{rate.share:.2%} ({rate.count:,} of {rate.total:,}), 95 % interval "
        f"{rate.interval.low:.2%} to {rate.interval.high:.2%}"
    )


def _as_json(name: str, rate: Rate | None) -> Mapping[str, object]:
    share = rate.share if rate else None
    interval = [rate.interval.low, rate.interval.high] if rate and rate.interval else None
    return {f"{name}_error": share, f"{name}_interval": interval}
