"""A shift run as commands print it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studyapp.models import ShiftRun
from studyapp.services.probes.shift_viewing import other_crop_side


def shift_in_words(run: ShiftRun) -> str:
    """Maps down, per classifier the mean, the minimum and the mean difference between neighbours."""
    lines = [
        f"Shift maps {run.key}: {run.title}, {run.rows:,} x {run.columns:,} places, class {run.target} "
        f"{run.target_name}.",
        " " * 34 + "mean".rjust(10) + "minimum".rjust(10) + "neighbours".rjust(12),
    ]
    for each in run.maps.select_related("classifier", "run").order_by("position"):
        top1 = each.summary.get("top1")
        said = "" if top1 is None else f", top-1 at {top1:.1%} of the places"
        lines.append(f"{each.classifier.name}{said}{f', {each.layer}' if each.layer else ''}")
        if (own := other_crop_side(each)) is not None:
            lines.append(f"  shown {run.width} x {run.height} pixels; its own crop is {own} x {own}")
        for name, found in each.summary["maps"].items():
            lines.append(
                f"  {name}".ljust(34)
                + f"{found['mean']:.4f}".rjust(10)
                + f"{found['least']:.4f}".rjust(10)
                + ("none" if found["neighbours"] is None else f"{found['neighbours']:.5f}").rjust(12)
            )
    return "\n".join(lines)


def shift_result(run: ShiftRun) -> Mapping[str, Any]:
    """The same as `--json` prints it."""
    return {
        "shift": run.key,
        "title": run.title,
        "rows": run.rows,
        "columns": run.columns,
        "stride": run.stride,
        "shown": [run.width, run.height],
        "class": run.target,
        "class_name": run.target_name,
        "classifiers": {
            each.classifier.name: {
                "layer": each.layer,
                "bytes": each.bytes,
                "other_crop_side": other_crop_side(each),
                "maps": each.summary["maps"],
                "top1": each.summary["top1"],
            }
            for each in run.maps.select_related("classifier", "run").order_by("position")
        },
    }
