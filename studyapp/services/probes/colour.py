"""What a colour probe's responses say, from its kept columns to the metrics of each classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from studyapp.analysis.colour_stability import ColourResponses, Setting, colour_stability
from studyapp.models import Image, ProbeRun
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.probes.runs import StoredColumns


def settings_of(run: ProbeRun) -> tuple[Setting, ...]:
    """The run's changes of colour, in the order of its columns."""
    return tuple(
        Setting("hue" if axis == "hue" else "saturation", float(amount))
        for axis, amount in run.parameters["grid"]
    )


def colour_responses(run: ProbeRun, columns: StoredColumns) -> Iterator[ColourResponses]:
    """What each classifier of a finished run answered, as the metrics take it; read one after the other."""
    settings = settings_of(run)
    category = dict(Image.objects.filter(dataset=run.dataset_id).values_list("pk", "category_id"))
    images = columns.image.tolist()
    for each in run.probe_classifiers.select_related("classifier__class_list").order_by("position"):
        index_of = map_classes(dataset=run.dataset, classifier=each.classifier).index_of
        top1 = columns.of(each.position, "top1")
        yield ColourResponses(
            classifier=each.classifier.name,
            settings=settings,
            label=np.array([index_of[category[pk]] for pk in images], dtype=np.int64),
            original=top1[:, 0],
            changed=top1[:, 1:],
            original_rank=columns.of(each.position, "original_rank")[:, 1:],
            classes=each.classifier.class_list.categories.count(),
        )


def colour_summary(responses: ColourResponses) -> dict[str, Any]:
    """The metrics of one classifier as JSON values.

    O.P. is there over changed predictions (`original_position`) and over all (`original_position_all`), both
    counted from 1.
    """
    found = colour_stability(responses)
    over_all = colour_stability(responses, op_over="all")
    return {
        "images": found.images,
        "classes": found.classes,
        "top1_original": found.top1_original,
        "sets": [
            {**asdict(each), "original_position_all": asdict(whole.original_position)}
            for each, whole in zip(found.sets, over_all.sets, strict=True)
        ],
        "curve": [
            [setting.axis, setting.amount, float(share)]
            for setting, share in zip(found.settings, found.curve, strict=True)
        ],
        "rank_counts": found.rank_counts.tolist(),
    }
