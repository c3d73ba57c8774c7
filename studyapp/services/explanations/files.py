"""Where the files of an explanation lie in storage: names made of its key."""

from __future__ import annotations


def picture_name(key: str) -> str:
    """The image with attention."""
    return f"explanations/{key[:2]}/{key}.png"


def heat_name(key: str) -> str:
    """The overlay of all weights, RGBA."""
    return f"explanations/{key[:2]}/{key}-heat.png"


def path_name(key: str) -> str:
    """The frames of the explanation path side by side; there where the explanation has a path."""
    return f"explanations/{key[:2]}/{key}-path.png"
