"""What each arm of a study shows, for the rows of an export."""

from __future__ import annotations

from studyapp.exports.tabular import Column
from studyapp.models import Study
from studyapp.protocol.adversarial import AdversarialArm
from studyapp.services.plans import protocol_of

VERSION = Column("version", "Of the picture shown: adversarial or clean; empty in studies without an attack.")
METHOD = Column("method", "Method of the explanation shown; empty where the whole image is.")
ADVERSARIAL = Column("adversarial", "Key of the adversarial image shown; empty where none is.")
EXPLANATION = Column("explanation", "Key of the explanation shown; empty where none is.")


class ShownArms:
    """Version and method by the name of the arm, as the protocol has them."""

    def __init__(self, study: Study) -> None:
        self._plans = {setup.name: setup.plan for setup in protocol_of(study).arm_setups()}

    def version_and_method(self, arm: str) -> tuple[str, str]:
        """Version of the picture and method of its explanation; empty where the arm has none."""
        plan = self._plans.get(arm)
        if not isinstance(plan, AdversarialArm):
            return "", ""
        return plan.version, "" if plan.shows == "whole" else plan.method
