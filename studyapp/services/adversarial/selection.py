"""Which attacked images people are asked about: the same in every arm, so that arms are compared in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studyapp.services.adversarial.shown import ShownPicture
from studyapp.services.adversarial.sources import AttackedClassifier, Fooling
from studyapp.services.explanations.runs import ExplanationSubject
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.foils import foils_by_rank


@dataclass(frozen=True, slots=True)
class Chosen:
    """The images of one classifier: each with its foil where one is needed, and what it stands for.

    `weight` is the number of fooling images for each image drawn; 1 where all are asked about.
    """

    classifier: AttackedClassifier
    images: tuple[Fooling, ...]
    foils: Mapping[int, int]
    weight: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the protocol asks for: a sample or all, foils at these ranks or none, what the arms show."""

    sample: int | None
    foil_ranks: tuple[int, int] | None
    pictures: Sequence[tuple[ShownPicture, ExplanationSubject]]


def choose(
    *, classifier: AttackedClassifier, position: int, wanted: Wanted, drawer: Drawer, notes: list[str]
) -> Chosen:
    """Leave out what some arm can not show or ask, draw the sample and the foils; say so in `notes`."""
    name = classifier.predictions.classifier.name
    if classifier.lost_in_file:
        notes.append(
            f"{name}: {classifier.lost_in_file:,} attacked images fool it in float but not from the 8-bit "
            "picture that people see; they are not asked about."
        )
    usable = _explicable(classifier, wanted, notes)
    candidates = _foil_candidates(usable, wanted.foil_ranks)
    if wanted.foil_ranks is not None:
        usable = _with_foil(usable, candidates, name, wanted.foil_ranks, notes)
    drawn = usable
    if wanted.sample is not None:
        if len(usable) < wanted.sample:
            notes.append(f"{name}: sample of {wanted.sample:,} images wanted, {len(usable):,} are there.")
        by_id = {each.image: each for each in usable}
        ids = drawer.sample(sorted(by_id), wanted.sample, purpose=f"adversarial_sample:{position}")
        drawn = tuple(by_id[image] for image in ids)
    foils = _draw_foils(drawn, candidates, position, drawer) if wanted.foil_ranks is not None else {}
    _note_few_superpixels(classifier, drawn, wanted, notes)
    weight = len(classifier.fooling) / len(drawn) if wanted.sample is not None and drawn else 1.0
    return Chosen(classifier, drawn, foils, weight)


def _explicable(classifier: AttackedClassifier, wanted: Wanted, notes: list[str]) -> tuple[Fooling, ...]:
    """Images whose explanations are all there and have something to show."""
    name = classifier.predictions.classifier.name
    tried = tuple(each for each in classifier.fooling if each.image in classifier.tried)
    if len(tried) < len(classifier.fooling):
        notes.append(
            f"{name}: {len(tried):,} of {len(classifier.fooling):,} adversarial images are explained in "
            "every way that the arms need; the sample is drawn from these."
        )
    subjects = {subject for _, subject in wanted.pictures}
    done = tuple(
        each for each in tried if all(each.image in classifier.explained[subject] for subject in subjects)
    )
    if len(done) < len(tried):
        notes.append(
            f"{name}: {len(tried) - len(done):,} images are left out of every arm because an explanation "
            "failed."
        )
    shown = tuple(
        each
        for each in done
        if all(classifier.explained[subject][each.image].positive > 0 for subject in subjects)
    )
    if len(shown) < len(done):
        notes.append(
            f"{name}: {len(done) - len(shown):,} images are left out of every arm because no superpixel "
            "speaks for the class, so an explanation would be empty."
        )
    return shown


def _foil_candidates(images: Sequence[Fooling], ranks: tuple[int, int] | None) -> dict[int, tuple[int, ...]]:
    if ranks is None:
        return {}
    return {
        each.image: foils_by_rank(each.ranking, ranks, excluded=frozenset({each.true, each.label}))
        for each in images
    }


def _with_foil(
    images: tuple[Fooling, ...],
    candidates: Mapping[int, tuple[int, ...]],
    name: str,
    ranks: tuple[int, int],
    notes: list[str],
) -> tuple[Fooling, ...]:
    able = tuple(each for each in images if candidates[each.image])
    if len(able) < len(images):
        notes.append(
            f"{name}: {len(images) - len(able):,} images are left out of every arm because their ranking has "
            f"no foil at ranks {ranks[0]}-{ranks[1]}."
        )
    return able


def _draw_foils(
    images: Sequence[Fooling], candidates: Mapping[int, tuple[int, ...]], position: int, drawer: Drawer
) -> dict[int, int]:
    seed, rng = drawer.generator()
    foils = {
        each.image: candidates[each.image][int(rng.integers(len(candidates[each.image])))] for each in images
    }
    drawer.record(f"adversarial_foils:{position}", seed, [list(pair) for pair in foils.items()])
    return foils


def _note_few_superpixels(
    classifier: AttackedClassifier, images: Sequence[Fooling], wanted: Wanted, notes: list[str]
) -> None:
    """Say for how many images fewer superpixels than k speak for the class, once per way of showing."""
    for picture, subject in dict(wanted.pictures).items():
        most = picture.superpixels or 0
        rows = classifier.explained[subject]
        few = sum(rows[each.image].positive < most for each in images)
        if few and picture.shows == "explanation":
            notes.append(
                f"{classifier.predictions.classifier.name}: {few:,} of {len(images):,} explanations "
                f"({subject.in_words}) show fewer than {most} superpixels, because fewer speak for the class."
            )
