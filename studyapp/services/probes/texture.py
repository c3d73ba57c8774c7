"""Writes of texture probes: what networks chose, and their fractions once the run is complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from django.db import transaction

from studyapp.analysis.shape_texture import ShapeRow, shape_bias
from studyapp.models import ChoiceTrial, Observer, ProbeRun
from studyapp.services.observers.choices import stored_choices
from studyapp.services.observers.writing import TrialRow, write_trials
from studyapp.services.probes import runs as probes


def write_choices(*, observer: Observer, rows: Sequence[TrialRow]) -> None:
    """Keep what an observer chose in one chunk; doing the same chunk again replaces it."""
    with transaction.atomic():
        # Two workers at one chunk write it one after the other.
        Observer.objects.select_for_update().get(pk=observer.pk)
        stimuli = [row.stimulus for row in rows]
        ChoiceTrial.objects.filter(observer=observer, stimulus__in=stimuli).delete()
        write_trials(observer=observer, rows=rows)


def finish_texture(*, run: ProbeRun) -> None:
    """Keep every classifier's fractions and mark the run finished; safe to repeat."""
    watchers = list(
        Observer.objects.filter(probe_classifier__run=run)
        .select_related("choice_set")
        .order_by("probe_classifier__position")
    )
    found = [shape_bias(stored_choices([watcher], name=watcher.name).choices) for watcher in watchers]
    seen = min((watcher.trials.count() for watcher in watchers), default=0)
    ProbeRun.objects.filter(pk=run.pk).update(images=seen, unreadable=run.dataset.images.count() - seen)
    probes.finish_probe(
        run=run,
        summaries=[
            {
                "pooled": _plain(each.pooled),
                "by_category": [_plain(row) for row in each.by_category],
                "left_out": each.left_out,
            }
            for each in found
        ],
    )


def _plain(row: ShapeRow) -> dict[str, object]:
    return asdict(row)
