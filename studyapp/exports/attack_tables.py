"""The tables of an attack: what it was, accuracy before and after, what rounding loses, every step."""

from __future__ import annotations

from studyapp.analysis.intervals import Rate
from studyapp.exports.tabular import Cell, Column, Table, interval_column
from studyapp.services.attacks.runs import plan_of
from studyapp.services.attacks.summaries import AttackFacts

FACTS, ACCURACY, ROUNDING, STEPS = "attack", "accuracy", "rounding", "steps_to_flip"


def attack_tables(facts: AttackFacts) -> dict[str, Table]:
    """Every table by name."""
    tables = (_facts(facts), _accuracy(facts), _rounding(facts), _steps(facts))
    return {table.name: table for table in tables}


def step_in_words(facts: AttackFacts) -> str:
    """The step with its unit and in grey levels."""
    plan = plan_of(facts.run)
    levels = " / ".join(f"{level:.3g}" for level in facts.grey_levels)
    if len(set(facts.grey_levels)) == 1:
        levels = f"{facts.grey_levels[0]:.3g}"
    unit = (
        "of [0, 1] pixels"
        if plan.space == "pixel"
        else f"of pixels divided by {'ImageNet’s' if plan.step_std == 'imagenet' else 'the model’s own'} std"
    )
    length = "" if plan.norm == "linf" else ", Euclidean over the picture"
    noun = "grey level" if levels == "1" else "grey levels"
    return f"{plan.step:.6g} {unit} ({levels} {noun} of 255{length})"


def categories_in_words(facts: AttackFacts) -> str:
    """Which categories were attacked."""
    run = facts.run
    if not run.categories:
        return "all"
    return f"{len(run.categories)} drawn with seed {run.seed}"


_FACTS = (
    Column("dataset", "Name of the dataset."),
    Column("classifier", "Name of the classifier."),
    Column("norm", "linf: the sign of the gradient; l2: the gradient with length one."),
    Column("space", "What a step is measured in."),
    Column("step", "Length of one step, with its unit and in grey levels."),
    Column("steps", "Most steps (M).", "count"),
    Column("radius", "Most that the perturbation may reach, in the same unit.", "number"),
    Column("stop", "When an image leaves the attack before its last step."),
    Column("grid", "Whether every iterate is rounded to 8 bits."),
    Column("categories", "Which categories were attacked."),
    Column("attacked", "Images that were predicted correctly and attacked.", "count"),
    Column("wrong_at_start", "Images that were predicted wrongly before: excluded.", "count"),
    Column("failed", "Images without a verdict: unreadable, or numbers that are not finite.", "count"),
    Column("left", "Images that are not attacked yet.", "count"),
    Column("device", "What computed it."),
)


def _facts(facts: AttackFacts) -> Table:
    run, plan, summary = facts.run, plan_of(facts.run), facts.summary
    row: tuple[Cell, ...] = (
        *(run.dataset.name, run.classifier.name, plan.norm, plan.space, step_in_words(facts)),
        *(plan.steps, plan.radius, plan.stop, "yes" if plan.grid else "no", categories_in_words(facts)),
        *(summary.attacked, summary.wrong_at_start, summary.failed, facts.left, run.device),
    )
    return Table(FACTS, "The attack", _FACTS, (row,), single=True)


def _rate_columns(name: str, meaning: str) -> tuple[Column, Column, Column]:
    return (
        Column(f"{name}_right", f"Images that are predicted correctly {meaning}.", "count"),
        Column(f"{name}_accuracy", f"Their share {meaning}.", "share", "fraction of 1"),
        interval_column(f"{name}_interval", "Wilson interval, 95 %.", beside=f"{name}_accuracy"),
    )


_ACCURACY = (
    Column("of", "Which images."),
    Column("images", "How many of them have a verdict: the denominator.", "count"),
    *_rate_columns("before", "before the attack"),
    *_rate_columns("float", "after it, in float"),
    *_rate_columns("displayed", "after it, from the stored 8-bit file"),
)


def _accuracy(facts: AttackFacts) -> Table:
    summary, dataset = facts.summary, facts.dataset
    complete = not facts.run.categories and not facts.left
    run = (summary.before, summary.after_float, summary.after_displayed)
    rows: list[tuple[Cell, ...]] = []
    if complete:
        rows.append(_accuracy_row("all images of the dataset", *run))
    else:
        wrong = dataset.top1
        right = Rate(
            count=wrong.total - wrong.count,
            total=wrong.total,
            share=None if wrong.share is None else 1 - wrong.share,
            interval=None,
        )
        rows.append(_accuracy_row("all images of the dataset", right, None, None))
        which = "images of the drawn categories" if facts.run.categories else "images so far"
        rows.append(_accuracy_row(which, *run))
    whole = Rate(summary.attacked, summary.attacked, 1.0 if summary.attacked else None, None)
    rows.append(_accuracy_row("attacked images", whole, summary.standing_float, summary.standing_displayed))
    note = (
        "Attacked are the images that were predicted correctly. Float is the attack's own result, displayed "
        "the 8-bit file that people see."
    )
    if not complete:
        note += " The other images of the dataset were not attacked: no accuracy after is known for it."
    return Table(ACCURACY, "Accuracy before and after the attack", _ACCURACY, tuple(rows), note=note)


def _accuracy_row(of: str, before: Rate, after: Rate | None, displayed: Rate | None) -> tuple[Cell, ...]:
    return (of, before.total, *_cells(before), *_cells(after), *_cells(displayed))


def _cells(rate: Rate | None) -> tuple[Cell, Cell, Cell]:
    if rate is None:
        return (None, None, None)
    interval = (rate.interval.low, rate.interval.high) if rate.interval else None
    return (rate.count, rate.share, interval)


_ROUNDING = (
    Column("what", "Which of the attacked images."),
    Column("images", "How many.", "count"),
    Column("share", "Their share of the attacked images.", "share", "fraction of 1"),
)


def _rounding(facts: AttackFacts) -> Table:
    summary = facts.summary
    lines = (
        ("flipped in float at any step", summary.flipped),
        ("of those: 8-bit picture mistaken at that step already", summary.survive_at_once),
        ("of those: stored 8-bit file mistaken at the end", summary.survive),
        ("of those: lost by rounding", summary.lost),
        ("stored file mistaken without a flip in float", summary.only_displayed),
    )
    rows = tuple(
        (what, count, count / summary.attacked if summary.attacked else None) for what, count in lines
    )
    return Table(ROUNDING, "What rounding to 8 bits leaves of the flips", _ROUNDING, rows)


_STEPS = (
    Column("step", "Steps taken; the last row has the images that never flipped."),
    Column("float_right", "Images not mistaken in float so far.", "count"),
    Column("float_accuracy", "Their share of the attacked images.", "share", "fraction of 1"),
    Column("displayed_right", "Images whose 8-bit picture was not mistaken so far.", "count"),
    Column("displayed_accuracy", "Their share of the attacked images.", "share", "fraction of 1"),
    Column("float_flips", "Images that this step flipped in float.", "count"),
    Column("displayed_flips", "Images whose 8-bit picture this step flipped.", "count"),
)


def _steps(facts: AttackFacts) -> Table:
    summary = facts.summary
    rows: list[tuple[Cell, ...]] = [
        (
            *(str(each.step), each.standing.count, each.standing.share),
            *(each.displayed_standing.count, each.displayed_standing.share),
            *((each.flipped, each.displayed_flipped) if each.step else (None, None)),
        )
        for each in summary.curve
    ]
    rows.append(("never", None, None, None, None, summary.never, summary.displayed_never))
    note = (
        f"Of {summary.attacked:,} attacked images. An image that has left the attack counts as it left; "
        f"stop rule: {plan_of(facts.run).stop}."
    )
    return Table(STEPS, "Accuracy over steps, and steps to flip", _STEPS, tuple(rows), note=note)
