"""Answers: kept always, counted exactly N times, undone, surplus, decided early."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from studyapp.models import Answer, Presentation, QuestionSlots, Sitting, Stimulus, Study
from studyapp.protocol.schema import RelevanceQuestions, Top5Questions
from studyapp.services.participation.allocation import next_question
from studyapp.services.participation.answers import AnswerRefused, record_answer, undo_answer
from studyapp.services.participation.sittings import finish, go_on, stop_here, withdraw
from studyapp.services.participation.wording import shown_question
from tests.studyapp_tests.factories import make_protocol, make_study, with_answers
from tests.studyapp_tests.participant.people import answer, arrive, let_lease_end, shown_to, slots_of


def _counts(slots: QuestionSlots) -> tuple[int, int, int, bool]:
    return slots.taken, slots.counted, slots.positive, slots.open


@pytest.mark.django_db
def test_an_answer_counts_in_the_slot_that_its_lease_held() -> None:
    shown = shown_to(arrive(make_study()))
    given_answer = answer(shown, "no")
    assert given_answer.status == Answer.Status.COUNTED
    assert given_answer.wording == f"Is class {shown.question.label} relevant for this image?"
    assert _counts(slots_of(shown)) == (1, 1, 0, True)


@pytest.mark.django_db
def test_the_same_answer_twice_is_one_answer() -> None:
    shown = shown_to(arrive(make_study()))
    assert answer(shown, "yes").pk == answer(shown, "no").pk
    assert _counts(slots_of(shown)) == (1, 1, 1, True)


@pytest.mark.django_db
def test_a_retry_that_arrives_after_an_undo_is_not_a_new_answer() -> None:
    shown = shown_to(arrive(make_study()))
    first = record_answer(presentation=shown, value="yes", active_seconds=1, idle_seconds=0, attempt=0)
    assert undo_answer(presentation=shown)
    late = record_answer(presentation=shown, value="yes", active_seconds=1, idle_seconds=0, attempt=0)
    assert late.pk == first.pk
    assert _counts(slots_of(shown)) == (1, 0, 0, True)


@pytest.mark.django_db
def test_a_value_that_is_not_offered_is_refused() -> None:
    shown = shown_to(arrive(make_study()))
    with pytest.raises(AnswerRefused, match="yes, no"):
        answer(shown, "maybe")
    assert not Answer.objects.exists()


@pytest.mark.django_db
def test_impossible_times_are_stored_as_unknown() -> None:
    shown = shown_to(arrive(make_study()))
    stored = record_answer(presentation=shown, value="yes", active_seconds=-1.0, idle_seconds=float("inf"))
    assert (stored.active_seconds, stored.idle_seconds) == (None, None)


@pytest.mark.django_db
def test_a_late_answer_counts_if_the_slot_is_free() -> None:
    study = make_study(questions=1, protocol=with_answers(make_protocol(), required=2, agreement=2))
    late = shown_to(arrive(study, "late"))
    let_lease_end(late)
    other = shown_to(arrive(study, "other"))
    late.refresh_from_db()
    assert not late.holds_slot
    assert answer(late).status == Answer.Status.COUNTED
    assert answer(other).status == Answer.Status.COUNTED
    assert _counts(slots_of(late)) == (2, 2, 2, False)


@pytest.mark.django_db
def test_a_late_answer_is_kept_as_surplus_if_the_slot_is_taken() -> None:
    study = make_study(questions=1, protocol=with_answers(make_protocol(), required=1, agreement=1))
    late = shown_to(arrive(study, "late"))
    let_lease_end(late)
    answer(shown_to(arrive(study, "other")))
    assert answer(late, "no").status == Answer.Status.SURPLUS
    assert _counts(slots_of(late)) == (1, 1, 1, False)


@pytest.mark.django_db
def test_an_answer_to_a_closed_study_is_kept_and_does_not_count() -> None:
    study = make_study()
    shown = shown_to(arrive(study))
    Study.objects.filter(pk=study.pk).update(state=Study.State.CLOSED)
    assert answer(shown).status == Answer.Status.SURPLUS
    assert _counts(slots_of(shown)) == (0, 0, 0, True)


@pytest.mark.django_db
def test_undo_keeps_the_answer_as_superseded_and_the_slot_held() -> None:
    shown = shown_to(arrive(make_study()))
    first = answer(shown, "yes")
    assert undo_answer(presentation=shown)
    first.refresh_from_db()
    assert first.status == Answer.Status.SUPERSEDED
    assert _counts(slots_of(shown)) == (1, 0, 0, True)
    assert answer(shown, "no").pk != first.pk
    assert _counts(slots_of(shown)) == (1, 1, 0, True)


@pytest.mark.django_db
def test_a_second_click_on_undo_undoes_nothing_more() -> None:
    sitting = arrive(make_study())
    first = shown_to(sitting)
    answer(first)
    second = shown_to(sitting)
    answer(second)
    assert undo_answer(presentation=second)
    assert not undo_answer(presentation=second)
    assert Answer.objects.filter(status=Answer.Status.COUNTED).count() == 1


@pytest.mark.django_db
def test_a_finished_sitting_cannot_be_undone() -> None:
    sitting = arrive(make_study())
    shown = shown_to(sitting)
    answer(shown)
    stop_here(sitting=sitting)
    finish(sitting=sitting, comment="fine")
    assert not undo_answer(presentation=shown)


@pytest.mark.django_db
def test_undoing_the_last_question_leads_back_from_the_comment() -> None:
    sitting = arrive(make_study(questions=1))
    shown = shown_to(sitting)
    answer(shown)
    go_on(sitting=sitting)
    assert sitting.state == Sitting.State.COMMENT
    assert undo_answer(presentation=shown)
    sitting.refresh_from_db()
    assert sitting.state == Sitting.State.QUESTIONS


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "closes_after"), [("yyyy", 4), ("nn", 2), ("ynn", 3), ("yyyny", 5), ("nyyyy", 5)]
)
def test_four_of_five_is_decided_at_the_fourth_yes_or_the_second_no(values: str, closes_after: int) -> None:
    study = make_study(questions=1, protocol=with_answers(make_protocol(), stop_when_decided=True))
    for number, letter in enumerate(values, start=1):
        shown = shown_to(arrive(study, f"p{number}"))
        answer(shown, {"y": "yes", "n": "no"}[letter])
        assert slots_of(shown).open == (number < closes_after)


@pytest.mark.django_db
def test_undoing_the_deciding_answer_opens_the_question_again() -> None:
    study = make_study(questions=1, protocol=with_answers(make_protocol(), stop_when_decided=True))
    answer(shown_to(arrive(study, "a")), "no")
    deciding = shown_to(arrive(study, "b"))
    answer(deciding, "no")
    assert not slots_of(deciding).open
    undo_answer(presentation=deciding)
    assert slots_of(deciding).open


@pytest.mark.django_db
def test_withdrawing_takes_the_answers_out_and_frees_the_slots() -> None:
    sitting = arrive(make_study())
    first = shown_to(sitting)
    answer(first)
    held = shown_to(sitting)
    assert withdraw(sitting=sitting) == 1
    assert _counts(slots_of(first)) == _counts(slots_of(held)) == (0, 0, 0, True)
    assert Answer.objects.get().status == Answer.Status.WITHDRAWN
    with pytest.raises(AnswerRefused, match="withdrawn"):
        answer(held)


@pytest.mark.django_db
def test_the_database_refuses_a_second_standing_answer_of_one_person() -> None:
    shown = shown_to(arrive(make_study()))
    answer(shown)
    with pytest.raises(IntegrityError), transaction.atomic():
        Answer.objects.create(question=shown.question, participant=shown.participant, value="no")


@pytest.mark.django_db
def test_the_database_refuses_a_slot_beyond_the_required_number() -> None:
    study = make_study(questions=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        QuestionSlots.objects.filter(study=study).update(taken=6)


@pytest.mark.django_db
def test_a_held_back_question_does_not_open_again_by_an_undo() -> None:
    study = make_study(questions=1, protocol=with_answers(make_protocol(), required=1, agreement=1))
    shown = shown_to(arrive(study))
    answer(shown)
    Stimulus.objects.update(review=Stimulus.Review.HELD_BACK)
    undo_answer(presentation=shown)
    assert not slots_of(shown).open


@pytest.mark.django_db
def test_the_sides_are_swapped_for_half_of_the_sittings() -> None:
    study = make_study()
    sides = [arrive(study, f"p{number}").positive_first for number in range(8)]
    assert sum(sides) == 4


@pytest.mark.django_db
def test_the_buttons_stand_in_the_order_of_the_sitting() -> None:
    study = make_study()
    question = shown_to(arrive(study)).question
    left = shown_question(question=question, study=study, positive_first=True)
    right = shown_question(question=question, study=study, positive_first=False)
    assert [(c.value, c.text, c.key) for c in left.choices] == [("yes", "Yes", "Y"), ("no", "No", "N")]
    assert [choice.value for choice in right.choices] == ["no", "yes"]


@pytest.mark.django_db
def test_a_list_question_names_its_classes_in_their_stored_order() -> None:
    study = make_study(questions=1, protocol=make_protocol(questions=Top5Questions()))
    question = shown_to(arrive(study)).question
    shown = shown_question(question=question, study=study, positive_first=True)
    assert shown.sentence == "Is at least one of these relevant?"
    assert shown.labels == ("bee", "cat", "dog", "eel", "fox")


@pytest.mark.django_db
def test_two_alternatives_name_both_classes_and_keep_both_and_neither_last() -> None:
    protocol = make_protocol(
        questions=RelevanceQuestions(form="two_alternative", wording="Which of these does the picture show?")
    )
    values = ("predicted", "true", "both", "neither")
    protocol = with_answers(protocol, values=values, positive=("predicted", "both"))
    study = make_study(questions=1, protocol=protocol)
    question = shown_to(arrive(study)).question
    question.labels, question.label = [question.label_id, question.image.category_id], None
    shown = shown_question(question=question, study=study, positive_first=False)
    assert [(c.value, c.text, c.key) for c in shown.choices] == [
        ("true", "ant", "1"),
        ("predicted", "bee", "2"),
        ("both", "Both", "3"),
        ("neither", "Neither", "4"),
    ]


class CountsStayExact(TestCase):
    """A law: whatever people do, in whatever order, the counts are those of the standing answers."""

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("asyynnulwm")), max_size=40))
    def test_any_course_of_events_keeps_slots_and_answers_equal(self, events: list[tuple[int, str]]) -> None:
        study = make_study(questions=3, protocol=with_answers(make_protocol(), required=2, agreement=2))
        people: dict[int, Sitting] = {}
        for number, event in events:
            if number not in people:
                people[number] = arrive(study, f"p{number}")
            sitting = people[number]
            sitting.refresh_from_db()
            latest = sitting.presentations.order_by("-position").first()
            if event == "a":
                next_question(sitting=sitting)
            elif latest is None or sitting.state == Sitting.State.WITHDRAWN:
                continue
            elif event in "yn":
                answer(latest, {"y": "yes", "n": "no"}[event])
            elif event == "u":
                undo_answer(presentation=latest)
            elif event == "l" and not latest.answered:
                let_lease_end(latest)
            elif event == "w":
                withdraw(sitting=sitting)
            elif event == "s" and sitting.state == Sitting.State.QUESTIONS:
                stop_here(sitting=sitting)
        for slots in QuestionSlots.objects.all():
            standing = Answer.objects.filter(question=slots.question, status=Answer.Status.COUNTED)
            assert slots.counted == standing.count() <= slots.required
            assert slots.positive == standing.filter(value="yes").count()
            held = Presentation.objects.filter(question=slots.question, holds_slot=True)
            assert slots.taken == held.count() <= slots.required
            assert slots.open == (slots.counted < slots.required)
