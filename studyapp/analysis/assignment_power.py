"""What a planned number of answers can separate, said before a study is launched.

Two independent shares, two-sided normal test: n = (z_{1-alpha/2} + z_{power})^2 (p1 q1 + p2 q2) / (p1 - p2)^2
(Fleiss, Statistical Methods for Rates and Proportions, without continuity correction).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

ALPHA = 0.05
POWER = 0.8
# Stock and Cissé (2018): six adversarial prototypes, and three with three criticisms.
PAPER_RATES = (0.5502, 0.5706)


@dataclass(frozen=True, slots=True)
class Separable:
    """The smallest difference from `base` that `answers` a condition separate, alone and with Bonferroni's
    alpha over the planned contrasts (what Holm asks of the smallest p); None where even 1 is too near."""

    answers: int
    base: float
    alone: float | None
    corrected: float | None


def needed_answers(first: float, second: float, *, alpha: float = ALPHA, power: float = POWER) -> int:
    """Answers a condition that separate two success rates with this power."""
    for share in (first, second):
        if not 0 <= share <= 1:
            raise ValueError(f"a success rate of {share}: give a share between 0 and 1")
    if first == second:
        raise ValueError(f"two equal success rates ({first}) can not be separated by any number of answers")
    spread = first * (1 - first) + second * (1 - second)
    return ceil(_deviates(alpha, power) ** 2 * spread / (first - second) ** 2)


def smallest_difference(
    answers: int, *, base: float, alpha: float = ALPHA, power: float = POWER
) -> float | None:
    """The smallest d with base + d separable from base; None where no rate up to 1 is.

    Solves d^2 n = z^2 (base(1 - base) + (base + d)(1 - base - d)) for d > 0.
    """
    if answers < 1 or not 0 <= base <= 1:
        raise ValueError(f"{answers} answers at a base of {base}: give at least one answer and a share")
    squared = _deviates(alpha, power) ** 2
    # (n + z^2) d^2 - z^2 (1 - 2 base) d - 2 z^2 base (1 - base) = 0
    a, b, c = answers + squared, -squared * (1 - 2 * base), -2 * squared * base * (1 - base)
    difference = (-b + sqrt(b * b - 4 * a * c)) / (2 * a)
    return difference if difference > 0 and base + difference <= 1 else None


def separable(answers: int, *, base: float, contrasts: int) -> Separable:
    """What this many answers a condition separate, with `contrasts` planned."""
    return Separable(
        answers=answers,
        base=base,
        alone=smallest_difference(answers, base=base),
        corrected=smallest_difference(answers, base=base, alpha=ALPHA / max(contrasts, 1)),
    )


def separable_words(answers: int, *, contrasts: int, base: float = 0.5) -> str:
    """The same as a sentence; `base` 0.5 is where a share varies most."""
    found = separable(answers, base=base, contrasts=contrasts)
    needed = round(needed_answers(*PAPER_RATES), -2)
    paper = f"the paper's 55.02 and 57.06 % would need about {needed:,}"
    if found.alone is None:
        return f"{answers:,} answers a condition can not separate any success rate from {base:.0%}; {paper}."
    told = f"at least {100 * found.alone:.1f} points of percent"
    if found.corrected is not None and contrasts > 1:
        told += f" ({100 * found.corrected:.1f} with Holm over {contrasts} contrasts)"
    return (
        f"{answers:,} answers a condition separate success rates that lie {told} apart, with power "
        f"{POWER:g} at {100 * ALPHA:g} %; {paper}."
    )


def _deviates(alpha: float, power: float) -> float:
    from scipy.special import ndtri  # late: a web process needs it on one page only

    return float(ndtri(1 - alpha / 2) + ndtri(power))
