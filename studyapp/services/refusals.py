"""The one exception with which a service declines what it was asked to do."""

from __future__ import annotations


class Refused(Exception):
    """What was asked can not be done as it stands; the text names the thing, the value and the remedy."""
