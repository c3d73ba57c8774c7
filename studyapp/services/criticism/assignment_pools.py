"""What an assignment study can draw from: categories, targets, likeness; and the draw of its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studyapp.models import (
    Classifier,
    Dataset,
    Image,
)
from studyapp.protocol.schema import AssignmentQuestions
from studyapp.services.criticism.likeness import (
    Likeness,
    feature_run_for,
    likeness,
    nearest_categories,
    needs_features,
)
from studyapp.services.criticism.selections import (
    Selected,
    category_of,
    select_command,
)
from studyapp.services.criticism.trials import Trial, TrialDraw, shuffled
from studyapp.services.refusals import Refused

# From this many categories on, `groups` of them are kept for practice alone.
_KEPT_FOR_PRACTICE = 4


def images_by_category(dataset: Dataset) -> dict[int, list[int]]:
    """The primary keys of the dataset's images, by category."""
    found: dict[int, list[int]] = {}
    rows = Image.objects.filter(dataset=dataset).order_by("pk")
    for image, category in rows.values_list("pk", "category_id"):
        found.setdefault(category, []).append(image)
    return found


def refuse_few(there: int, groups: int, which: str) -> None:
    """Refuse more groups than there are categories; `which` says of what they are."""
    if there < groups:
        raise Refused(
            f"[questions] groups = {groups}, but {which} {there} "
            f"categor{'y' if there == 1 else 'ies'}; ask for at most {max(there, 2)} groups."
        )


def eligible_categories(
    dataset: Dataset,
    asked: AssignmentQuestions,
    images: Mapping[int, Sequence[int]],
    selected: Mapping[str, Selected],
    notes: list[str],
) -> list[int]:
    """Categories of which every arm has all its examples; what is left out is noted."""
    wanted = sorted(images)
    if asked.categories:
        wanted = sorted({category_of(dataset, text).pk for text in asked.categories})
    found = list(wanted)
    for name, each in selected.items():
        short = [category for category in found if each.short(category)]
        if short:
            found = [category for category in found if category not in short]
            notes.append(
                f"{len(short):,} of {len(wanted):,} categories are left out: arm {name} has fewer than "
                f"{each.selection.prototypes} prototypes and {each.selection.criticisms} criticisms of them."
            )
    refuse_few(len(found), asked.groups, "every arm has all its examples of")
    return found


def likeness_of(
    dataset: Dataset,
    classifier: Classifier,
    asked: AssignmentQuestions,
    selected: Mapping[str, Selected],
    images: Mapping[int, Sequence[int]],
) -> tuple[Likeness, dict[int, tuple[int, ...]] | None]:
    """What near-duplicates and similar distractors are told by."""
    similar = asked.distractors == "similar"
    run = None
    if similar or needs_features(asked.near_duplicate):
        key = 'distractors = "similar"' if similar else f"near_duplicate = {asked.near_duplicate:g}"
        run = feature_run_for(
            dataset=dataset,
            classifier=classifier,
            runs=[each.selection.feature_run for each in selected.values() if each.selection.feature_run],
            command=select_command(dataset, classifier, "mmd_critic", 6, 0),
            what=f"[questions] {key}",
        )
    alike = likeness(near=asked.near_duplicate, run=run, dataset=dataset)
    if not similar or run is None:
        return alike, None
    of_all = likeness(near=0.0, run=run, dataset=dataset).features
    assert of_all is not None
    return alike, nearest_categories(features=of_all, images=images)


def candidate_targets(
    dataset: Dataset, split: str, shown: Mapping[int, Sequence[int]]
) -> dict[int, list[int]]:
    """Images that may be targets: of the split, and not among the examples of any arm."""
    rows = Image.objects.filter(dataset=dataset, **({"split": split} if split else {})).order_by("pk")
    if split and not rows.exists():
        known = ", ".join(
            sorted(set(Image.objects.filter(dataset=dataset).values_list("split", flat=True)) - {""})
        )
        raise Refused(
            f"[questions] target_split = {split!r}: dataset {dataset.name} has "
            f"{'the splits ' + known if known else 'no splits'}; mend it or leave it out."
        )
    examples = {image for images in shown.values() for image in images}
    found: dict[int, list[int]] = {category: [] for category in shown}
    for image, category in rows.values_list("pk", "category_id"):
        if category in found and image not in examples:
            found[category].append(image)
    return found


def draw_trials(
    draw: TrialDraw, eligible: Sequence[int], asked: AssignmentQuestions, practice: int, notes: list[str]
) -> tuple[list[Trial], list[Trial]]:
    """The study's trials and the practice's: of other targets and, where there are many, other categories."""
    groups, rest = list(eligible), list(eligible)
    if practice and len(eligible) >= _KEPT_FOR_PRACTICE * asked.groups:
        order = shuffled(eligible, draw.rng)
        groups, rest = sorted(order[: asked.groups]), sorted(order[asked.groups :])
    practised = draw.draw(practice, groups) if practice else []
    trials = draw.draw(asked.trials, rest)
    if not trials:
        raise Refused(
            "No image is left to be a target: every one is among the examples or a near-duplicate of one "
            f"(cosine of at least {asked.near_duplicate:g}); raise near_duplicate, or show fewer examples."
        )
    if len(trials) < asked.trials:
        notes.append(f"{len(trials):,} trials instead of {asked.trials:,}: no other target is left.")
    if len(practised) < practice:
        notes.append(f"{len(practised)} practice trials instead of {practice}: no other target is left.")
    return trials, practised
