"""The results of an assignment study, analysed: what its tables are made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.assignment import ConditionSuccess, TimeWindow, Trials, condition_success
from studyapp.analysis.assignment_contrasts import ConditionContrast, condition_contrasts
from studyapp.analysis.assignment_model import MixedModel, mixed_model
from studyapp.analysis.withheld import Withheld
from studyapp.exports.assignment_evidence import AssignmentEvidence
from studyapp.exports.evidence import planned_pairs
from studyapp.protocol.criticism import AssignmentArm, AssignmentQuestions
from studyapp.protocol.schema import Protocol

# Draws of people start from the study's seed and this number, which no position of an arm reaches.
OWN_DRAWS = 1_000_033


@dataclass(frozen=True, slots=True, eq=False)
class AssignmentResults:
    """Everything that the tables of an assignment study are made from."""

    evidence: AssignmentEvidence
    plans: tuple[AssignmentArm | None, ...]
    window: TimeWindow
    conditions: tuple[ConditionSuccess, ...]
    contrasts: tuple[ConditionContrast, ...]
    model: MixedModel | Withheld

    @property
    def kept(self) -> Trials:
        """The trials within the window."""
        trials = self.evidence.trials
        return trials.where(self.window.within(trials.seconds))


def assignment_results(protocol: Protocol, evidence: AssignmentEvidence, *, seed: int) -> AssignmentResults:
    """Analyse the answers within the protocol's window; contrasts and model take only those."""
    plan = protocol.questions
    assert isinstance(plan, AssignmentQuestions)
    window = TimeWindow(plan.seconds_at_least, plan.seconds_at_most)
    trials = evidence.trials
    kept = trials.where(window.within(trials.seconds))
    plans = tuple(
        setup.plan if isinstance(setup.plan, AssignmentArm) else None for setup in protocol.arm_setups()
    )
    return AssignmentResults(
        evidence=evidence,
        plans=plans,
        window=window,
        conditions=condition_success(trials, window),
        contrasts=condition_contrasts(
            kept,
            planned_pairs(protocol, "arms"),
            draws=protocol.analysis.draws,
            rng=np.random.default_rng([seed, OWN_DRAWS]),
        ),
        model=mixed_model(kept),
    )
