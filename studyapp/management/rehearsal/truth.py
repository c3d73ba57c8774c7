"""What a kind of study needs so that simulated participants can answer it and its tables can be checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from studyapp.management.rehearsal.pages import Form, Page
from studyapp.models import Study

if TYPE_CHECKING:
    from studyapp.management.rehearsal.recovery import Recovery


class Truth(Protocol):
    """The planted truth of a study, as its simulated participants know it.

    `error_rate`: how often a simulated participant does not answer by it.
    """

    @property
    def error_rate(self) -> float: ...

    def choose(self, page: Page, form: Form, rng: np.random.Generator) -> str:
        """The answer that a person gives to the question on `page`, as the server will store it.

        Raises ServerTrouble where the page shows what the study does not have.
        """

    def seconds(self, rng: np.random.Generator) -> float:
        """How long, in seconds, the page says that the answer took."""

    def recover(self, study: Study) -> Recovery:
        """What the rehearsal answers say, beside what was planted."""
