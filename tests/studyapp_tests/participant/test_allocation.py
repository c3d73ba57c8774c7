"""Who is asked what: least-served first, one look, leases, fairness."""

from __future__ import annotations

import pytest

from studyapp.models import Mode, Presentation, Question, QuestionSlots, Sitting, Stimulus, Study
from studyapp.protocol.schema import Arm as ArmPlan
from studyapp.protocol.schema import RelevanceQuestions
from studyapp.recruitment.link import create_link
from studyapp.services.participation.allocation import expected_next, next_question
from studyapp.services.participation.answers import undo_answer
from studyapp.services.participation.arrival import Screen, Visitor, consent
from studyapp.services.participation.sittings import begin, finish, go_on, may_wait, stop_here
from tests.studyapp_tests.factories import make_protocol, make_study, with_answers, with_participants
from tests.studyapp_tests.participant.people import answer, arrive, let_lease_end, shown_to, slots_of

pytestmark = pytest.mark.django_db


def test_questions_come_least_served_first_and_then_in_the_stored_random_order() -> None:
    study = make_study(questions=4)
    for shuffle, slots in enumerate(QuestionSlots.objects.order_by("pk")):
        slots.shuffle = [30, 10, 20, 40][shuffle]
        slots.taken = slots.counted = [0, 1, 0, 0][shuffle]
        slots.save()
    questions = list(Question.objects.order_by("pk"))
    sitting = arrive(study)
    order = []
    for _ in range(4):
        shown = shown_to(sitting)
        order.append(questions.index(shown.question))
        answer(shown)
    assert order == [2, 0, 3, 1]
    assert next_question(sitting=sitting) is None


def test_a_reload_within_the_lease_shows_the_same_question_and_takes_no_second_slot() -> None:
    sitting = arrive(make_study())
    first, second = shown_to(sitting), shown_to(sitting)
    assert first.pk == second.pk
    assert QuestionSlots.objects.filter(taken=1).count() == 1


def test_guessing_the_next_question_takes_nothing() -> None:
    sitting = arrive(make_study())
    before = list(QuestionSlots.objects.values_list("pk", "taken"))
    assert expected_next(sitting=sitting) is not None
    assert list(QuestionSlots.objects.values_list("pk", "taken")) == before
    assert Presentation.objects.count() == 1


def test_the_expected_question_comes_next_if_it_is_still_among_the_least_served() -> None:
    study = make_study(questions=20)
    sitting = arrive(study)
    answer(shown_to(sitting))
    later = QuestionSlots.objects.filter(taken=0).order_by("shuffle")[4].question
    shown = next_question(sitting=sitting, expected=later.key)
    assert shown is not None
    assert shown.question == later


def test_nobody_can_name_a_question_far_down_the_order() -> None:
    sitting = arrive(make_study(questions=20))
    answer(shown_to(sitting))
    in_order = [slots.question for slots in QuestionSlots.objects.filter(taken=0).order_by("shuffle")]
    shown = next_question(sitting=sitting, expected=in_order[-1].key)
    assert shown is not None
    assert shown.question == in_order[0]


def test_an_expected_question_that_was_served_more_often_is_passed_over() -> None:
    study = make_study(questions=20)
    sitting = arrive(study)
    answer(shown_to(sitting))
    served = QuestionSlots.objects.filter(taken=0).order_by("-shuffle")[0]
    QuestionSlots.objects.filter(pk=served.pk).update(taken=1)
    shown = next_question(sitting=sitting, expected=served.question.key)
    assert shown is not None
    assert shown.question != served.question


def test_one_look_keeps_a_person_from_the_second_label_of_an_image() -> None:
    study = make_study(questions=4, labels_per_image=2)
    sitting = arrive(study)
    images = []
    while (shown := next_question(sitting=sitting)) is not None:
        images.append(shown.question.image_id)
        answer(shown)
    assert len(images) == len(set(images)) == 2


def test_without_one_look_both_labels_are_asked() -> None:
    protocol = with_participants(make_protocol(), one_look=False)
    sitting = arrive(make_study(questions=4, labels_per_image=2, protocol=protocol))
    asked = 0
    while (shown := next_question(sitting=sitting)) is not None:
        answer(shown)
        asked += 1
    assert asked == 4


def test_one_look_holds_across_a_family_and_not_beyond_it() -> None:
    first = with_participants(make_protocol(name="first"), family="birds")
    study = make_study(questions=3, protocol=first)
    sitting = arrive(study)
    while (shown := next_question(sitting=sitting)) is not None:
        answer(shown)
    go_on(sitting=sitting)
    finish(sitting=sitting, comment="")
    stranger = make_study(questions=3, protocol=make_protocol(name="other"), dataset=study.dataset)
    assert next_question(sitting=arrive(stranger)) is not None
    relative = with_participants(make_protocol(name="second"), family="birds")
    kin = make_study(questions=3, protocol=relative, dataset=study.dataset)
    assert next_question(sitting=arrive(kin, "somebody new")) is not None
    own = arrive(kin, "somebody else")
    Sitting.objects.filter(pk=own.pk).update(participant=sitting.participant)
    own.presentations.all().delete()
    own.refresh_from_db()
    assert next_question(sitting=own) is None


def test_an_abandoned_lease_gives_its_slot_to_somebody_else() -> None:
    study = make_study(questions=1, protocol=with_answers(make_protocol(), required=1, agreement=1))
    link = create_link(study=study, mode=Mode.REAL)
    waiting = consent(link=link, visitor=Visitor("link", "stays"), screen=Screen())
    abandoned = shown_to(arrive(study, "leaves"))
    begin(sitting=waiting)
    assert next_question(sitting=waiting) is None
    assert may_wait(sitting=waiting)
    let_lease_end(abandoned)
    taken = shown_to(waiting)
    assert taken.question == abandoned.question
    answer(taken)
    assert slots_of(taken).counted == 1


def test_coming_back_after_the_lease_resumes_the_same_question_while_it_has_a_free_slot() -> None:
    sitting = arrive(make_study(questions=30))
    shown = shown_to(sitting)
    let_lease_end(shown)
    arrive_meanwhile = shown_to(arrive(sitting.study, "p2"))
    assert arrive_meanwhile.pk != shown.pk
    assert shown_to(sitting).pk == shown.pk
    assert sum(QuestionSlots.objects.values_list("taken", flat=True)) == 2


def test_nobody_is_sent_away_while_a_question_remains_that_they_may_answer() -> None:
    study = make_study(questions=3, protocol=with_answers(make_protocol(), required=1, agreement=1))
    one = arrive(study, "a")
    shown = shown_to(one)
    two, three = arrive(study, "b"), arrive(study, "c")
    assert {shown.question_id, shown_to(two).question_id, shown_to(three).question_id} == set(
        Question.objects.values_list("pk", flat=True)
    )


def test_held_back_stimuli_are_not_shown() -> None:
    study = make_study(questions=3)
    kept = Stimulus.objects.order_by("pk")[0]
    Stimulus.objects.exclude(pk=kept.pk).update(review=Stimulus.Review.HELD_BACK)
    sitting = arrive(study)
    shown = shown_to(sitting)
    assert shown.question.stimulus == kept
    answer(shown)
    assert next_question(sitting=sitting) is None


def test_a_stimulus_held_back_while_it_is_on_lease_is_not_shown_again() -> None:
    sitting = arrive(make_study(questions=3))
    shown = shown_to(sitting)
    Stimulus.objects.filter(pk=shown.question.stimulus_id).update(review=Stimulus.Review.HELD_BACK)
    assert shown_to(sitting).question != shown.question


def test_a_sitting_ends_after_the_planned_number_of_questions() -> None:
    protocol = with_participants(make_protocol(), questions_per_sitting=2)
    sitting = arrive(make_study(questions=8, protocol=protocol))
    for _ in range(2):
        answer(shown_to(sitting))
    assert next_question(sitting=sitting) is None


def test_a_paused_study_gives_out_nothing_new_but_keeps_the_question_on_the_screen() -> None:
    study = make_study(questions=3)
    sitting = arrive(study)
    shown = shown_to(sitting)
    Study.objects.filter(pk=study.pk).update(state=Study.State.PAUSED)
    assert shown_to(sitting).pk == shown.pk
    answer(shown)
    assert slots_of(shown).counted == 1
    assert next_question(sitting=sitting) is None


def test_modes_are_counted_apart() -> None:
    study = make_study(questions=1, modes=(Mode.REAL, Mode.PILOT))
    shown = shown_to(arrive(study, "pilot person", mode=Mode.PILOT))
    answer(shown)
    assert slots_of(shown).counted == 1
    assert QuestionSlots.objects.get(mode=Mode.REAL).taken == 0


def test_gold_questions_come_at_their_share_and_outside_the_order() -> None:
    protocol = make_protocol(questions=RelevanceQuestions(gold_share=0.25))
    protocol = with_participants(protocol, questions_per_sitting=8)
    study = make_study(questions=20, gold=2, protocol=protocol)
    for person in ("a", "b", "c", "d", "e", "f", "g"):
        sitting = arrive(study, person)
        for _ in range(8):
            answer(shown_to(sitting))
        golden = sitting.presentations.exclude(question__expected="").count()
        assert golden == 2


def test_an_exhausted_arm_goes_on_with_the_other_where_no_washout_keeps_them_apart() -> None:
    protocol = make_protocol(
        arms=(ArmPlan(name="plain"), ArmPlan(name="other", wording="Do you see {label}?"))
    )
    sitting = arrive(make_study(questions=2, protocol=with_participants(protocol, one_look=False)))
    arms = []
    while (shown := next_question(sitting=sitting)) is not None:
        arms.append(shown.question.arm_id)
        answer(shown)
    assert arms == [sitting.arm_id] * 2 + [arm for arm in arms[2:] if arm != sitting.arm_id]
    assert len(arms) == 4


def test_a_washout_keeps_a_sitting_inside_its_arm() -> None:
    protocol = make_protocol(arms=(ArmPlan(name="plain"), ArmPlan(name="other")))
    protocol = with_participants(protocol, one_look=False, washout_days=3.0)
    sitting = arrive(make_study(questions=2, protocol=protocol))
    for _ in range(2):
        answer(shown_to(sitting))
    assert next_question(sitting=sitting) is None


def test_an_undone_question_is_shown_before_the_one_that_was_next() -> None:
    sitting = arrive(make_study(questions=5))
    first = shown_to(sitting)
    answer(first)
    second = shown_to(sitting)
    assert undo_answer(presentation=first)
    assert shown_to(sitting).pk == first.pk
    answer(first, "no")
    assert shown_to(sitting).pk == second.pk


def test_stopping_early_gives_the_question_on_the_screen_back() -> None:
    sitting = arrive(make_study(questions=5))
    answer(shown_to(sitting))
    left = shown_to(sitting)
    stop_here(sitting=sitting)
    assert slots_of(left).taken == 0
    sitting.refresh_from_db()
    assert sitting.state == Sitting.State.COMMENT


def test_a_pause_between_the_request_and_the_next_question_does_not_end_the_sitting() -> None:
    sitting = arrive(make_study(questions=5))
    answer(shown_to(sitting))
    assert sitting.study.state == Study.State.OPEN
    Study.objects.update(state=Study.State.PAUSED)
    assert go_on(sitting=sitting) is None
    assert sitting.state == Sitting.State.QUESTIONS
    Study.objects.update(state=Study.State.OPEN)
    assert go_on(sitting=sitting) is not None
