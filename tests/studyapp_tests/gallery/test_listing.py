"""Filters, orders and pages of the gallery: nothing twice, nothing passed over."""

from __future__ import annotations

from typing import Any

import pytest

from studyapp.models import Explanation, Stimulus
from studyapp.services.gallery.filters import GalleryFilter, read_filter
from studyapp.services.gallery.listing import neighbours, ordered_keys, window
from studyapp.services.gallery.opening import gallery
from studyapp.services.gallery.scopes import Scope
from studyapp.services.refusals import Refused
from tests.studyapp_tests.gallery.rows import (
    Attacked,
    add_explanations,
    category,
    make_attack,
    make_gallery_study,
    vote,
)

pytestmark = pytest.mark.django_db


def study_gallery(images: int = 12) -> tuple[Attacked, Scope]:
    attacked = make_attack(images=images)
    make_gallery_study(attacked)
    return attacked, gallery("study", "turned")


def numbers(attacked: Attacked, scope: Scope, **wanted: Any) -> list[int]:
    """Which images pass, by their number in the attack, in the order of the gallery."""
    position = {row.pk: number for number, row in enumerate(attacked.images)}
    return [position[pk] for pk in ordered_keys(scope, GalleryFilter(**wanted))]


def test_filters_keep_what_they_say() -> None:
    attacked, scope = study_gallery()
    assert numbers(attacked, scope) == list(range(12))
    assert numbers(attacked, scope, category=category("bee").pk) == [1, 11]
    assert numbers(attacked, scope, steps_from=3, steps_to=4) == [2, 3]
    assert numbers(attacked, scope, fit_below=0.25) == [0, 1, 2]
    assert numbers(attacked, scope, positive_below=1) == [0, 5, 10]
    assert numbers(attacked, scope, classifier="toy") == list(range(12))
    assert numbers(attacked, scope, classifier="another") == []
    assert numbers(attacked, scope, query="digits/1") == [1, 10, 11]
    assert numbers(attacked, scope, fit_below=0.5, positive_below=2, steps_from=2) == [1, 5]


def test_orders_run_both_ways_and_ties_keep_the_order_of_the_attack() -> None:
    attacked, scope = study_gallery()
    assert numbers(attacked, scope, sort="steps")[:4] == [0, 11, 1, 2]
    assert numbers(attacked, scope, sort="-steps")[:2] == [10, 9]
    assert numbers(attacked, scope, sort="fit") == list(range(12))
    assert numbers(attacked, scope, sort="-fit") == list(range(12))[::-1]
    assert numbers(attacked, scope, sort="probability") == list(range(12))[::-1]
    assert numbers(attacked, scope, sort="name")[:4] == [0, 1, 10, 11]
    assert numbers(attacked, scope, sort="-positive")[:3] == [4, 9, 3]


def test_what_has_no_value_comes_last_in_either_direction() -> None:
    attacked, scope = study_gallery(4)
    Explanation.objects.filter(adversarial=attacked.images[1]).update(fit=None)
    assert numbers(attacked, scope, sort="fit") == [0, 2, 3, 1]
    assert numbers(attacked, scope, sort="-fit") == [3, 2, 0, 1]


def test_votes_tell_verdicts_that_differ_and_how_far_they_are_apart() -> None:
    attacked, scope = study_gallery()
    assert scope.study is not None
    for number, whole, explained in ((2, 0, 4), (5, 5, 1), (7, 3, 3), (8, 4, 5)):
        vote(scope.study, "whole", attacked.images[number], whole)
        vote(scope.study, "explanation", attacked.images[number], explained)
    vote(scope.study, "whole", attacked.images[9], 0, counted=1)
    assert numbers(attacked, scope, differ=True) == [2, 5]
    assert numbers(attacked, scope, sort="-votes")[:4] == [2, 5, 8, 7]


def test_votes_of_a_rehearsal_and_real_ones_sort_and_differ_apart() -> None:
    attacked, scope = study_gallery()
    assert scope.study is not None
    for mode, number in (("real", 2), ("rehearsal", 5)):
        vote(scope.study, "whole", attacked.images[number], 0, mode=mode)
        vote(scope.study, "explanation", attacked.images[number], 5, mode=mode)
    assert numbers(attacked, scope, differ=True) == [2]
    assert numbers(attacked, scope, differ=True, mode="rehearsal") == [5]
    assert numbers(attacked, scope, sort="-votes", mode="rehearsal")[0] == 5
    assert numbers(attacked, scope, sort="-votes")[0] == 2


def test_a_mode_that_is_none_is_said_and_real_votes_are_shown() -> None:
    asked = read_filter({"mode": "preview"})
    assert asked.wanted.mode == "real"
    assert asked.problems == ("mode=preview is none of real, rehearsal, pilot.",)
    rehearsal = read_filter({"mode": "rehearsal"}).wanted
    assert rehearsal.encoded() == "mode=rehearsal"
    assert not rehearsal.narrows


@pytest.mark.parametrize("sort", ["", "steps", "-steps", "name", "-fit", "-votes", "positive"])
def test_pages_show_every_image_once_in_order_whichever_way_they_are_turned(sort: str) -> None:
    attacked, scope = study_gallery()
    wanted = GalleryFilter(sort=sort)
    keys = {row.pk: row.key for row in attacked.images}
    whole = ordered_keys(scope, wanted)
    first = window(scope, wanted, size=5)
    second = window(scope, wanted, size=5, after=keys[first.keys[-1]])
    third = window(scope, wanted, size=5, after=keys[second.keys[-1]])
    assert [*first.keys, *second.keys, *third.keys] == whole
    assert [(page.first, page.last, page.total) for page in (first, second, third)] == [
        (1, 5, 12),
        (6, 10, 12),
        (11, 12, 12),
    ]
    assert window(scope, wanted, size=5, before=keys[third.keys[0]]) == second
    assert window(scope, wanted, size=5, at=6) == second
    assert window(scope, wanted, size=1, key=keys[whole[7]]) == window(scope, wanted, size=1, at=8)
    assert neighbours(scope, wanted, keys[whole[7]]) == (keys[whole[6]], keys[whole[8]])
    assert neighbours(scope, wanted, keys[whole[0]])[0] is None
    assert neighbours(scope, wanted, keys[whole[-1]])[1] is None


def test_the_page_after_one_that_was_approved_passes_no_image_over() -> None:
    attacked, scope = study_gallery()
    wanted = GalleryFilter(review="pending")
    first = window(scope, wanted, size=5)
    Stimulus.objects.filter(adversarial__in=first.keys).update(review="approved")
    assert numbers(attacked, scope, review="pending") == [5, 6, 7, 8, 9, 10, 11]
    following = window(scope, wanted, size=5, after=attacked.images[4].key)
    assert [row.pk for row in attacked.images[5:10]] == list(following.keys)
    assert (following.first, following.total) == (1, 7)


def test_review_states_are_those_of_everything_shown_of_an_image() -> None:
    attacked, scope = study_gallery(4)
    whole = Stimulus.objects.filter(kind="whole")
    whole.filter(adversarial=attacked.images[0]).update(review="approved")
    Stimulus.objects.filter(adversarial=attacked.images[1]).update(review="approved")
    whole.filter(adversarial=attacked.images[2]).update(review="held_back")
    assert numbers(attacked, scope, review="pending") == [0, 2, 3]
    assert numbers(attacked, scope, review="approved") == [1]
    assert numbers(attacked, scope, review="held_back") == [2]


def test_an_attacks_gallery_shows_what_is_explained_unless_asked_for_all() -> None:
    attacked = make_attack(images=6)
    Explanation.objects.filter(adversarial__in=attacked.images[3:]).delete()
    scope = gallery("attack", str(attacked.run.pk))
    assert numbers(attacked, scope) == [0, 1, 2]
    assert numbers(attacked, scope, explained="0") == [0, 1, 2, 3, 4, 5]


def test_another_method_is_chosen_for_fit_and_positive_superpixels() -> None:
    attacked = make_attack(images=6)
    run = add_explanations(attacked.run, attacked.images, version="adversarial", method="gradcam")
    run.explanations.update(fit=None, positive=9)
    scope = gallery("attack", str(attacked.run.pk))
    assert [choice.key for choice in scope.choices] == ["gradcam-predicted", "lime-predicted"]
    assert numbers(attacked, scope, method="gradcam-predicted", positive_below=3) == []
    assert numbers(attacked, scope, method="lime-predicted", positive_below=1) == [0, 5]


def test_a_studys_own_method_is_chosen_before_newer_ones() -> None:
    attacked, _ = study_gallery()
    add_explanations(attacked.run, attacked.images, version="adversarial", method="gradcam")
    assert [each.key for each in gallery("study", "turned").choices] == [
        "lime-predicted",
        "gradcam-predicted",
    ]


def test_images_of_two_classifiers_are_told_apart() -> None:
    first = make_attack(images=4)
    study = make_gallery_study(first)
    second = make_attack(images=4, classifier="other")
    scope = gallery("study", study.name)
    assert numbers(first, scope) == [0, 1, 2, 3]
    assert {row.pk for row in second.images}.isdisjoint(ordered_keys(scope, GalleryFilter()))


def test_explanations_of_clean_images_alone_have_a_gallery() -> None:
    attacked = make_attack(images=6)
    scope = gallery("explanations", str(attacked.clean.pk))
    found = ordered_keys(scope, GalleryFilter(fit_below=0.4, sort="-fit"))
    assert list(Explanation.objects.filter(pk__in=found, run=attacked.clean)) != []
    assert len(found) == 3


def test_the_address_is_read_back_as_it_was_written() -> None:
    wanted = GalleryFilter(
        category=3, steps_from=0, fit_below=0.25, differ=True, review="held_back", query="a&b", sort="-fit"
    )
    assert read_filter(wanted.values()).wanted == wanted
    assert wanted.encoded(after="k") == (
        "category=3&steps_from=0&fit_below=0.25&differ=1&review=held_back&q=a%26b&sort=-fit&after=k"
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("steps_from", "two", "steps_from=two is not a whole number from 0 on"),
        ("steps_to", "-1", "steps_to=-1 is not"),
        ("fit_below", "nan", "fit_below=nan is not a number"),
        ("category", "99999999999999999999", "category=99999999999999999999 is not"),
        ("sort", "colour", "sort=colour is none of name, steps"),
        ("review", "maybe", "review=maybe is none of pending"),
    ],
)
def test_what_makes_no_sense_is_left_out_and_said(name: str, value: str, words: str) -> None:
    asked = read_filter({name: value})
    assert asked.wanted == GalleryFilter()
    assert words in asked.problems[0]


@pytest.mark.parametrize("address", [("study", "none"), ("attack", "99"), ("attack", "x"), ("panels", "1")])
def test_a_gallery_that_is_not_there_is_refused(address: tuple[str, str]) -> None:
    with pytest.raises(Refused, match="There is no gallery"):
        gallery(*address)
