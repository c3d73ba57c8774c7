"""The button that a simulated participant presses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from studyapp.management.rehearsal.browser import ServerTrouble
from studyapp.management.rehearsal.pages import Button, Form


def button_saying(
    form: Form, *, yes: bool, is_yes: Callable[[Button], bool], rng: np.random.Generator
) -> str:
    """The value of one of the buttons that say so, drawn. Raises ServerTrouble where none does."""
    fitting = [button.value for button in form.buttons if is_yes(button) == yes]
    if not fitting:
        raise ServerTrouble(f"no button of the question says {'yes' if yes else 'no'}")
    return str(rng.choice(fitting))
