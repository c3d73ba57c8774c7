"""The figures of an attack, made from its counts: accuracy over steps, and the histogram of steps to flip."""

from __future__ import annotations

from studyapp.analysis.intervals import Rate
from studyapp.exports.attack_tables import step_in_words
from studyapp.exports.figures import Bar, BarGroups, Figure, Group, Line, Lines
from studyapp.services.attacks.runs import plan_of
from studyapp.services.attacks.summaries import AttackFacts

CURVE, HISTOGRAM = "accuracy_over_steps", "steps_to_flip"
FLOAT, DISPLAYED = "float", "8-bit picture"
MOST_BARS = 12


def attack_figures(facts: AttackFacts) -> tuple[Figure, ...]:
    """What these counts allow; nothing where no image was attacked."""
    return (_curve(facts), _histogram(facts)) if facts.summary.attacked else ()


def _curve(facts: AttackFacts) -> Figure:
    curve = facts.summary.curve
    last = curve[-1]
    return Figure(
        CURVE,
        "Accuracy over the steps of the attack",
        f"Share of {facts.summary.attacked:,} attacked images that no step so far has flipped, 95 % Wilson "
        f"intervals; before the first step all are right by construction. {_caption(facts)}",
        Lines(
            lines=(
                Line(FLOAT, tuple((each.step, _bar(each.standing)) for each in curve)),
                Line(DISPLAYED, tuple((each.step, _bar(each.displayed_standing)) for each in curve)),
            ),
            x_label="steps",
            y_label="accuracy on the attacked images (%)",
        ),
        alternative=f"Lines of the accuracy over {last.step} steps, from 100 % to "
        f"{_percent(last.standing)} in float and {_percent(last.displayed_standing)} as 8-bit pictures.",
    )


def _histogram(facts: AttackFacts) -> Figure:
    summary = facts.summary
    flips = {each.step: (each.flipped, each.displayed_flipped) for each in summary.curve if each.step}
    width = -(-len(flips) // MOST_BARS)
    groups = []
    for first in range(1, summary.steps + 1, width):
        steps = [step for step in range(first, first + width) if step in flips]
        label = str(first) if len(steps) == 1 else f"{steps[0]}–{steps[-1]}"
        counts = [sum(flips[step][which] for step in steps) for which in (0, 1)]
        groups.append(_group(label, counts, summary.attacked))
    groups.append(_group("never", [summary.never, summary.displayed_never], summary.attacked))
    return Figure(
        HISTOGRAM,
        "Steps to flip",
        f"Share of {summary.attacked:,} attacked images whose first flip is at this step; never: not before "
        f"they left the attack. {_caption(facts)}",
        BarGroups(
            series=(FLOAT, DISPLAYED),
            groups=tuple(groups),
            x_label="steps to flip",
            y_label="attacked images (%)",
        ),
        alternative=f"Histogram of steps to flip over 1 to {summary.steps}: "
        f"{summary.flipped:,} of {summary.attacked:,} images flip in float, "
        f"{summary.attacked - summary.displayed_never:,} as 8-bit pictures.",
    )


def _group(label: str, counts: list[int], total: int) -> Group:
    return Group(label, tuple(Bar(count / total) for count in counts))


def _bar(rate: Rate) -> Bar:
    return Bar(rate.share, (rate.interval.low, rate.interval.high) if rate.interval else None)


def _caption(facts: AttackFacts) -> str:
    run, plan = facts.run, plan_of(facts.run)
    return (
        f"{run.classifier.name} on {run.dataset.name}; {plan.norm}, step {step_in_words(facts)}, stop "
        f"{plan.stop}{', on the 8-bit grid' if plan.grid else ''}."
    )


def _percent(rate: Rate) -> str:
    return "nothing" if rate.share is None else f"{100 * rate.share:.1f} %"
