"""What a probe of small transformations says, from its kept columns to the metrics of each classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from studyapp.analysis.intervals import Interval
from studyapp.analysis.small_transformations import (
    Estimate,
    TransformPlan,
    TransformResponses,
    transform_stability,
)
from studyapp.models import Image, ProbeRun
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.probes.runs import StoredColumns


def plan_of(run: ProbeRun) -> TransformPlan:
    """Which column of a run holds which picture."""
    stated = run.parameters
    return TransformPlan(
        sizes=tuple(float(size) for size in stated["sizes"]),
        pairs=int(stated["pairs"]),
        passes=int(stated["passes"]),
    )


def transform_responses(run: ProbeRun, columns: StoredColumns) -> Iterator[TransformResponses]:
    """What each classifier of a finished run answered, as the metrics take it; read one after the other."""
    plan = plan_of(run)
    category = dict(Image.objects.filter(dataset=run.dataset_id).values_list("pk", "category_id"))
    images = columns.image.tolist()
    for each in run.probe_classifiers.select_related("classifier__class_list").order_by("position"):
        index_of = map_classes(dataset=run.dataset, classifier=each.classifier).index_of
        yield TransformResponses(
            classifier=each.classifier.name,
            plan=plan,
            label=np.array([index_of[category[pk]] for pk in images], dtype=np.int64),
            top1=columns.of(each.position, "top1"),
            top1_probability=columns.of(each.position, "top1_probability").astype(np.float64),
            followed_probability=columns.of(each.position, "original_probability").astype(np.float64),
        )


def transform_summary(responses: TransformResponses) -> dict[str, Any]:
    """The metrics of one classifier as JSON values; every estimate as [value, low, high]."""
    found = transform_stability(responses)
    return {
        "images": found.images,
        "top1_original": _estimate(found.top1_original),
        "consistency": _estimate(found.consistency),
        "passes": list(found.passes),
        "sizes": [
            {
                **{name: value for name, value in asdict(each).items() if name in ("axis", "size", "pairs")},
                "change": _estimate(each.change),
                "absolute": _estimate(each.absolute),
                "accuracy": _estimate(each.accuracy),
            }
            for each in found.sizes
        ],
    }


def _estimate(estimate: Estimate) -> list[float | None]:
    interval: Interval | None = estimate.interval
    return [estimate.value, interval.low if interval else None, interval.high if interval else None]
