"""What is planted in each kind of study: a new kind is one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np

from studyapp.management.rehearsal.adversarial_truth import ensure_adversarial_truth
from studyapp.management.rehearsal.assignment_truth import ensure_assignment_truth
from studyapp.management.rehearsal.attribute_truth import ensure_attribute_truth
from studyapp.management.rehearsal.choice_truth import ensure_choice_truth
from studyapp.management.rehearsal.plan import ensure_plan
from studyapp.management.rehearsal.same_content_truth import ensure_same_content_truth
from studyapp.management.rehearsal.stability_truth import ensure_stability_truth
from studyapp.management.rehearsal.truth import Truth
from studyapp.models import Study
from studyapp.services.plans import protocol_of


class Planting(Protocol):
    """Gives a study its stored truth, or one drawn now and stored (rule 10); raises Refused."""

    def __call__(
        self, *, study: Study, planted: Mapping[str, float], error_rate: float, rng: np.random.Generator
    ) -> Truth: ...


PLANTINGS: Mapping[str, Planting] = MappingProxyType(
    {
        "adversarial": ensure_adversarial_truth,
        "stability": ensure_stability_truth,
        "same_content": ensure_same_content_truth,
        "prototype_assignment": ensure_assignment_truth,
        "attributes": ensure_attribute_truth,
        "forced_choice": ensure_choice_truth,
    }
)


def ensure_truth(
    *, study: Study, planted: Mapping[str, float], error_rate: float, rng: np.random.Generator
) -> Truth:
    """The truth of a study of any kind; see `Planting`."""
    plant = PLANTINGS.get(protocol_of(study).kind, ensure_plan)
    return plant(study=study, planted=planted, error_rate=error_rate, rng=rng)
