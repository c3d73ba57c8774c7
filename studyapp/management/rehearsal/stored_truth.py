"""The stored draw behind a planted truth: kept while answers follow it, replaced while there are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from studyapp.management.rehearsal.plan import PURPOSE, answered_in_rehearsal
from studyapp.models import Draw, Study
from studyapp.services.refusals import Refused


def stored_or_drawn(
    *,
    study: Study,
    parameters: Mapping[str, Any],
    rng: np.random.Generator,
    draw: Callable[[np.random.Generator], list[Any]],
) -> list[Any]:
    """What `draw` drew when the study was first rehearsed with these parameters (plain JSON values).

    Raises Refused where rehearsal answers follow other parameters.
    """
    stored = Draw.objects.filter(study=study, purpose=PURPOSE).first()
    if stored is not None:
        if stored.values[0] == parameters:
            return list(stored.values[1])
        if answered_in_rehearsal(study):
            raise Refused(
                f"study {study.name} has rehearsal answers that follow another plan "
                f"({stored.values[0]}); rehearse it with the same values, or rehearse a new study"
            )
        stored.delete()
    seed = int(rng.integers(0, 2**62))
    drawn = draw(np.random.default_rng(seed))
    Draw.objects.create(study=study, purpose=PURPOSE, seed=seed, values=[dict(parameters), drawn])
    return drawn


def planted_rates(
    *, names: Mapping[str, float], planted: Mapping[str, float], what: str, study: Study, error_rate: float
) -> dict[str, float]:
    """The rate of every name: the planted one, else the given; raises Refused for unknown names and rates."""
    if not 0.0 <= error_rate < 0.5:
        raise Refused(
            f"error rate {error_rate:g}: give a share from 0 up to, but not, 0.5 (half is guessing)"
        )
    for name, rate in planted.items():
        if name not in names:
            raise Refused(
                f"planted: {name!r} is no {what} of study {study.name}; it has {', '.join(names) or 'none'}"
            )
        if not 0.0 <= rate <= 1.0:
            raise Refused(f"planted for {name}: {rate:g}; give a share from 0 to 1")
    return {name: float(planted.get(name, rate)) for name, rate in names.items()}
