"""One look at a photograph across the studies of a family, whatever each of them promises itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from studyapp.management.rehearsal.checks import check_nobody_twice
from studyapp.models import Dataset, Image, Mode, Presentation, Sitting, Study
from studyapp.recruitment.link import create_link
from studyapp.services.participation.allocation import next_question
from studyapp.services.participation.arrival import Screen, Visitor, consent
from studyapp.services.participation.barriers import Barrier, Refused
from studyapp.services.participation.sittings import begin, finish, stop_here
from studyapp.services.studies.amendments import amend_study
from tests.studyapp_tests.factories import make_dataset, make_protocol, make_study, with_participants
from tests.studyapp_tests.participant.people import answer, arrive, let_lease_end, shown_to

pytestmark = pytest.mark.django_db


def _study(name: str, dataset: Dataset, *, practice: int = 0, **rules: Any) -> Study:
    """A study that asks about every image of the dataset, but the last `practice` ones."""
    rules = {"family": "birds", **rules}
    protocol = with_participants(make_protocol(name=name, dataset=dataset.name), **rules)
    questions = dataset.images.count() - practice
    return make_study(questions=questions, practice=practice, protocol=protocol, dataset=dataset)


def _seen(study: Study, person: str = "a", *, at_most: int = 100, mode: str = Mode.REAL) -> list[int]:
    """What a person is shown in one visit to a study, answering everything; the visit is finished."""
    sitting = arrive(study, person, mode=mode)
    images: list[int] = []
    while len(images) < at_most and (shown := next_question(sitting=sitting)) is not None:
        images.append(shown.question.image_id)
        answer(shown)
    stop_here(sitting=sitting)
    finish(sitting=sitting, comment="")
    return images


def _refused(study: Study, person: str = "a") -> Barrier:
    with pytest.raises(Refused) as caught:
        arrive(study, person)
    return caught.value.barrier


def _copies(name: str, of: Dataset) -> Dataset:
    """A dataset of pictures that were made from those of another, in the same order."""
    made = make_dataset(name, images=of.images.count())
    for image, source in zip(made.images.order_by("pk"), of.images.order_by("pk"), strict=True):
        Image.objects.filter(pk=image.pk).update(source=source)
    return made


def test_what_a_study_without_one_look_has_shown_is_not_shown_by_one_with_it() -> None:
    dataset = make_dataset(images=3)
    attacked = _study("attacked", dataset, one_look=False)
    calibrated = _study("calibrated", dataset)
    seen = _seen(attacked, at_most=2)
    assert len(seen) == 2
    assert not set(_seen(calibrated)) & set(seen)
    assert _refused(calibrated) == Barrier.FULL
    assert len(_seen(calibrated, "b")) == 3


def test_a_question_that_was_left_unanswered_was_a_look_too() -> None:
    dataset = make_dataset(images=2)
    left = shown_to(arrive(_study("attacked", dataset, one_look=False), "a"))
    assert left.question.image_id not in _seen(_study("calibrated", dataset))


def test_a_study_without_one_look_shows_an_image_again_and_again() -> None:
    dataset = make_dataset(images=2)
    first = _study("first", dataset)
    plan = with_participants(make_protocol(name="again"), family="birds", one_look=False)
    study = make_study(questions=4, labels_per_image=2, protocol=plan, dataset=dataset)
    images = set(_seen(first))
    seen = _seen(study)
    assert sorted(seen) == sorted([*images, *images])
    assert _refused(_study("last", dataset)) == Barrier.FULL


def test_the_database_refuses_a_second_look_after_a_study_without_one_look() -> None:
    dataset = make_dataset(images=1)
    _seen(_study("attacked", dataset, one_look=False))
    look = Presentation.objects.get()
    other = _study("calibrated", dataset)
    question = other.questions.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Presentation.objects.create(
            sitting=look.sitting,
            question=question,
            participant=look.participant,
            look=question.image,
            family="birds",
            mode=look.mode,
            position=look.position + 1,
            allocated_at=look.allocated_at,
            lease_until=look.lease_until,
        )


def test_another_family_and_a_study_by_itself_show_it() -> None:
    dataset = make_dataset(images=3)
    _seen(_study("attacked", dataset, one_look=False))
    assert len(_seen(_study("fishes", dataset, family="fish"))) == 3
    assert len(_seen(_study("alone", dataset, family=None))) == 3


def test_a_study_by_itself_that_is_amended_to_one_look_knows_what_it_has_shown() -> None:
    dataset = make_dataset(images=2)
    plan = with_participants(make_protocol(dataset=dataset.name), one_look=False)
    study = make_study(questions=4, labels_per_image=2, protocol=plan, dataset=dataset)
    seen = _seen(study, at_most=1)
    amended = with_participants(plan, one_look=True)
    amend_study(study=study, protocol=amended, actor="alice", reason="people were shown pictures twice")
    study.refresh_from_db()
    assert set(_seen(study)) == set(dataset.images.values_list("pk", flat=True)) - set(seen)


@pytest.mark.parametrize("copied", [1, 2])
def test_a_copy_and_a_copy_of_a_copy_are_the_image_they_were_made_from(copied: int) -> None:
    photographs = make_dataset(images=3)
    copies = photographs
    for number in range(copied):
        copies = _copies(f"copies-{number}", copies)
    _seen(_study("attacked", photographs, one_look=False), at_most=2)
    _seen(_study("stylised", copies, one_look=False), "b", at_most=1)
    assert len(_seen(_study("copies", copies))) == 1
    assert len(_seen(_study("photographs", photographs), "b")) == 2


def test_what_a_pilot_has_shown_is_not_shown_to_the_same_person_in_earnest() -> None:
    dataset = make_dataset(images=3)
    seen = _seen(_study("attacked", dataset, one_look=False), at_most=1, mode=Mode.PILOT)
    real = _seen(_study("calibrated", dataset))
    assert len(real) == 2
    assert not set(real) & set(seen)


def test_a_question_left_open_is_not_taken_up_again_once_its_image_was_shown_elsewhere() -> None:
    dataset = make_dataset(images=1)
    calibrated = _study("calibrated", dataset)
    sitting = arrive(calibrated, "a")
    left = shown_to(sitting)
    let_lease_end(left)
    assert shown_to(sitting).pk == left.pk
    let_lease_end(left)
    assert len(_seen(_study("attacked", dataset, one_look=False))) == 1
    assert next_question(sitting=sitting) is None
    stop_here(sitting=sitting)
    finish(sitting=sitting, comment="")
    assert _refused(calibrated) == Barrier.FULL


def _consent(study: Study, person: str) -> Sitting:
    link = create_link(study=study, mode=Mode.REAL)
    return consent(link=link, visitor=Visitor("link", person), screen=Screen())


def test_what_a_person_has_practised_on_is_not_asked_about_by_another_study_of_the_family() -> None:
    dataset = make_dataset(images=3)
    first = _study("first", dataset, practice=2, practice_questions=2)
    begin(sitting=_consent(first, "a"))
    assert Sitting.objects.get().state == Sitting.State.PRACTICE
    _consent(first, "has only read what it is about")
    second = _study("second", dataset)
    assert _seen(second, "a") == [dataset.images.order_by("pk")[0].pk]
    assert len(_seen(second, "has only read what it is about")) == 3
    assert len(_seen(_study("fishes", dataset, family="fish"), "a")) == 3


def test_a_copy_of_a_practised_image_counts_as_practised() -> None:
    photographs = make_dataset(images=2)
    copies = _copies("copies", photographs)
    # Two copies of one photograph: the study asks about the first, and practises on the second.
    copies.images.update(source=photographs.images.first())
    study = _study("stylised", copies, practice=1, practice_questions=1)
    assert _refused(study) == Barrier.FULL


def test_how_much_a_person_has_seen_makes_no_further_query() -> None:
    dataset = make_dataset(images=8)
    first = _study("first", dataset, practice=1, practice_questions=1, one_look=False)
    begin(sitting=_consent(first, "a"))
    second = _study("second", dataset, practice=1, practice_questions=1)
    sittings = [arrive(second, person) for person in "ab"]
    Sitting.objects.filter(study=second).update(state=Sitting.State.QUESTIONS)
    assert answer(shown_to(sittings[1]))
    counts = []
    for _ in range(4):
        with CaptureQueriesContext(connection) as queries:
            shown = shown_to(sittings[1])
        counts.append(len(queries))
        answer(shown)
    assert len(set(counts)) == 1
    with CaptureQueriesContext(connection) as queries:
        shown_to(sittings[0])
    assert len(queries) == counts[0]


def test_a_family_of_a_long_name_is_cut_alike_for_what_is_stored_and_what_is_looked_up() -> None:
    dataset = make_dataset(images=2)
    _seen(_study("attacked", dataset, one_look=False, family="bird" * 50), at_most=1)
    assert len(_seen(_study("calibrated", dataset, family="bird" * 50))) == 1


def test_a_rehearsal_tells_two_copies_of_a_photograph_shown_to_one_person() -> None:
    photographs = make_dataset(images=2)
    copies = _copies("copies", photographs)
    copies.images.update(source=photographs.images.first())
    study = _study("stylised", copies)
    shown = shown_to(arrive(study, "a", mode=Mode.REHEARSAL))
    assert check_nobody_twice(study).holds
    Presentation.objects.create(
        sitting=shown.sitting,
        question=study.questions.exclude(pk=shown.question_id).get(),
        participant=shown.participant,
        mode=shown.mode,
        position=2,
        allocated_at=shown.allocated_at,
        lease_until=shown.lease_until,
    )
    assert not check_nobody_twice(study).holds
