"""Which images of a gallery are wanted and in which order, as an address says it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TypeVar
from urllib.parse import urlencode

from studyapp.models import Mode

SORTS = {
    "": "as attacked",
    "name": "file name",
    "steps": "steps to flip",
    "steps_shown": "steps to displayed flip",
    "fit": "fit (R²)",
    "positive": "positive superpixels",
    "probability": "probability",
    "votes": "difference of votes",
}
# A preview is never counted, so it has no votes.
MODES = {mode.value: str(mode.label) for mode in (Mode.REAL, Mode.REHEARSAL, Mode.PILOT)}
REVIEWS = {"pending": "not reviewed", "held_back": "held back", "approved": "approved"}
# A surrogate that explains less than half of the (weighted) variance is looked at twice.
POOR_FIT = 0.5
_LONGEST = 200

Value = TypeVar("Value", int, float)


@dataclass(frozen=True, slots=True)
class GalleryFilter:
    """What the address asks for; None and empty stand for no condition.

    `sort` is one of SORTS, with a minus for descending. `category` is a primary key, `classifier` a name,
    `method` the key of a choice (see `scopes.Choice`). `explained` is "1" for images with an explanation
    alone and "0" for all; empty, an attack's gallery shows those explained if there are any. Fits below
    `poor_fit` are flagged. `mode` is whose votes are shown, sorted and compared by: one of MODES.
    """

    category: int | None = None
    classifier: str = ""
    steps_from: int | None = None
    steps_to: int | None = None
    fit_below: float | None = None
    positive_below: int | None = None
    differ: bool = False
    review: str = ""
    explained: str = ""
    poor_fit: float = POOR_FIT
    method: str = ""
    query: str = ""
    sort: str = ""
    mode: str = Mode.REAL.value

    @property
    def descending(self) -> bool:
        """Whether the order is from the largest down."""
        return self.sort.startswith("-")

    @property
    def sorted_by(self) -> str:
        """The key of the order, without its direction."""
        return self.sort.removeprefix("-")

    @property
    def narrows(self) -> bool:
        """Whether any condition leaves images out."""
        plain = GalleryFilter(method=self.method, sort=self.sort, poor_fit=self.poor_fit, mode=self.mode)
        return self != plain

    def values(self) -> dict[str, str]:
        """The address's parameters, only those that say something."""
        said = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value != each.default:
                said[_PARAMETERS.get(each.name, each.name)] = (
                    "1" if value is True else f"{value:g}" if isinstance(value, float) else str(value)
                )
        return said

    def encoded(self, **more: object) -> str:
        """The parameters with `more` after them, as a query string without its question mark."""
        return urlencode(
            self.values() | {name: str(value) for name, value in more.items() if value is not None}
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter as it was understood, and what of the address was not, in sentences."""

    wanted: GalleryFilter
    problems: tuple[str, ...]


_PARAMETERS = {"query": "q"}


def read_filter(values: Mapping[str, str]) -> Asked:
    """Read the parameters of an address or a form; what makes no sense is left out and said."""
    problems: list[str] = []
    sort = values.get("sort", "")
    if sort.removeprefix("-") not in SORTS:
        problems.append(f"sort={sort[:40]} is none of {_listed(name for name in SORTS if name)}.")
        sort = ""
    review = values.get("review", "")
    if review and review not in REVIEWS:
        problems.append(f"review={review[:40]} is none of {_listed(REVIEWS)}.")
        review = ""
    mode = values.get("mode", "") or Mode.REAL.value
    if mode not in MODES:
        problems.append(f"mode={mode[:40]} is none of {_listed(MODES)}.")
        mode = Mode.REAL.value
    poor = _number(values, "poor_fit", float, None, problems)
    wanted = GalleryFilter(
        category=_number(values, "category", int, 1, problems),
        classifier=_text(values, "classifier"),
        steps_from=_number(values, "steps_from", int, 0, problems),
        steps_to=_number(values, "steps_to", int, 0, problems),
        fit_below=_number(values, "fit_below", float, None, problems),
        positive_below=_number(values, "positive_below", int, 0, problems),
        differ=values.get("differ", "") == "1",
        review=review,
        explained=values.get("explained", "") if values.get("explained", "") in ("0", "1") else "",
        poor_fit=poor if poor is not None else POOR_FIT,
        method=_text(values, "method"),
        query=_text(values, "q"),
        sort="" if sort == "-" else sort,
        mode=mode,
    )
    return Asked(wanted, tuple(problems))


def _text(values: Mapping[str, str], name: str) -> str:
    return values.get(name, "").strip()[:_LONGEST]


def _number(
    values: Mapping[str, str],
    name: str,
    kind: Callable[[str], Value],
    least: Value | None,
    problems: list[str],
) -> Value | None:
    text = _text(values, name)
    if not text:
        return None
    try:
        value = kind(text)
    except ValueError:
        value = kind("-1") if least is not None else kind("nan")
    if not math.isfinite(value) or (least is not None and not least <= value < 2**31):
        what = "a number" if kind is float else f"a whole number from {least} on"
        problems.append(f"{name}={text[:40]} is not {what}; it was left out.")
        return None
    return value


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
