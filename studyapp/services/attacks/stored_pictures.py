"""Where the pictures beside an attack lie in storage: names made of keys, with nothing to look up."""

from __future__ import annotations


def clean_name(adversarial_key: str) -> str:
    """The classifier's own crop of an image before the attack, under the key of its adversarial version."""
    return f"clean/{adversarial_key[:2]}/{adversarial_key}.png"
