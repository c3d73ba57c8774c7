"""Answers collected elsewhere: matched, counted, refused by line, and safe to repeat."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from studyapp.models import (
    Amendment,
    Answer,
    AuditEntry,
    ExpertAnswer,
    Participant,
    ParticipantIdentity,
    Question,
    QuestionSlots,
    Study,
)
from studyapp.protocol.questions import RelevanceQuestions
from studyapp.protocol.schema import AnswersRule
from studyapp.services.answer_import.importing import ImportSummary, import_answers, import_expert_answers
from studyapp.services.participation.arrival import person_of
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused
from tests.studyapp_tests.factories import make_dataset, make_protocol
from tests.studyapp_tests.studies.small import built, make_classifier

pytestmark = pytest.mark.django_db

HEADER = "image,label,participant,answer"


@pytest.fixture
def study() -> Study:
    """Mistakes: image 0 (ant) said to be a bee, image 1 (bee) said to be a fox."""
    return make_trial()


def make_trial(answers: AnswersRule | None = None) -> Study:
    make_classifier("a", make_dataset(images=8), {0: 1, 1: 5})
    plan = make_protocol(questions=RelevanceQuestions(controls=0.0), answers=answers)
    return built(replace(plan, classifiers=("a",)))


def take(study: Study, path: Path, *lines: str, header: str = HEADER, **options: object) -> ImportSummary:
    file = path / "answers.csv"
    file.write_text("\n".join((header, *lines)) + "\n")
    return import_answers(study=study, path=file, actor="alice", **options)  # type: ignore[arg-type]


def slots(study: Study, image: str) -> tuple[int, int, int, bool]:
    row = QuestionSlots.objects.get(study=study, question__image__name=image, mode="real")
    return row.taken, row.counted, row.positive, row.open


def test_answers_of_the_studys_questions_take_their_slots(study: Study, tmp_path: Path) -> None:
    lines = [f"eight/0.png,bee,p{number},{'yes' if number < 2 else 'no'}" for number in range(3)]
    summary = take(study, tmp_path, *lines, "eight/1.png,5,p0,yes")
    assert (summary.imported, summary.questions, summary.pairs_outside) == (4, 2, 0)
    assert slots(study, "eight/0.png") == (3, 3, 2, True)
    assert slots(study, "eight/1.png") == (1, 1, 1, True)
    answer = Answer.objects.filter(question__image__name="eight/1.png").get()
    assert (answer.mode, answer.origin, answer.status, answer.presentation) == (
        "real",
        "imported",
        "counted",
        None,
    )


def test_pairs_that_are_no_question_are_kept_outside_the_study(study: Study, tmp_path: Path) -> None:
    summary = take(study, tmp_path, "eight/0.png,ant,p,no", "eight/7.png,hen,p,yes", "eight/0.png,bee,p,yes")
    assert (summary.questions, summary.pairs_outside, summary.new_questions) == (1, 2, 2)
    imported = Question.objects.filter(study=study, origin=Question.Origin.IMPORTED)
    assert sorted(imported.values_list("image__name", "label__name")) == [
        ("eight/0.png", "ant"),
        ("eight/7.png", "hen"),
    ]
    assert not QuestionSlots.objects.filter(question__in=imported).exists()
    # The stimulus of an image that is shown is shared, the other's is never shown.
    assert study.stimuli.count() == 3


def test_a_repeat_changes_nothing(study: Study, tmp_path: Path) -> None:
    lines = ["eight/0.png,bee,p,yes", "eight/7.png,hen,p,no", "eight/0.png,bee,p,yes"]
    first = take(study, tmp_path, *lines)
    again = take(study, tmp_path, *lines)
    assert (first.imported, first.repeated) == (2, 1)
    assert (again.imported, again.repeated, again.new_questions) == (0, 3, 0)
    assert Answer.objects.count() == 2
    assert slots(study, "eight/0.png") == (1, 1, 1, True)
    more = take(study, tmp_path, *lines, "eight/0.png,bee,q,no")
    assert (more.imported, more.repeated) == (1, 3)
    assert sorted(Answer.objects.filter(question__label__name="bee").values_list("order", flat=True)) == [
        0,
        1,
    ]


def test_beyond_the_required_answers_a_stored_draw_says_which_count(study: Study, tmp_path: Path) -> None:
    lines = [f"eight/0.png,bee,p{number},{'yes' if number < 6 else 'no'}" for number in range(9)]
    summary = take(study, tmp_path, *lines)
    assert (summary.counted, summary.surplus) == (5, 4)
    rows = list(Answer.objects.order_by("order").values_list("order", "status", "value"))
    assert [order for order, _, _ in rows] == list(range(9))
    assert [status for _, status, _ in rows] == ["counted"] * 5 + ["surplus"] * 4
    yes = sum(value == "yes" for _, _, value in rows[:5])
    assert slots(study, "eight/0.png") == (5, 5, yes, False)


def test_the_draw_is_no_order_of_the_file(tmp_path: Path) -> None:
    study = make_trial(AnswersRule(required=20, agreement=16))
    take(study, tmp_path, *(f"eight/0.png,bee,p{number:02},yes" for number in range(60)))
    people = {who.pk: person_of(who.identity) for who in Participant.objects.all()}
    counted = Answer.objects.filter(status="counted").values_list("participant", flat=True)
    assert len(counted) == 20
    # 1 in 4e15 that a fair draw takes just the first twenty.
    assert {people[pk] for pk in counted} != {f"p{number:02}" for number in range(20)}


def test_a_question_decided_early_is_closed(tmp_path: Path) -> None:
    study = make_trial(AnswersRule(stop_when_decided=True))
    take(study, tmp_path, "eight/0.png,bee,p,no", "eight/0.png,bee,q,no", "eight/1.png,fox,p,no")
    assert slots(study, "eight/0.png") == (2, 2, 0, False)
    assert slots(study, "eight/1.png") == (1, 1, 0, True)


def test_people_are_pseudonymous_and_their_ids_sealed(study: Study, tmp_path: Path) -> None:
    take(study, tmp_path, "eight/0.png,bee,worker-17,yes", "eight/1.png,fox,worker-17,yes")
    participant = Participant.objects.get()
    assert "worker" not in participant.pseudonym
    identity = ParticipantIdentity.objects.get()
    assert b"worker-17" not in bytes(identity.ciphertext)
    assert person_of(identity) == "worker-17"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["eight/0.png,bee,p,yes", "eight/99.png,bee,p,yes"],
            r"line 3: image 'eight/99.png' is not in dataset",
        ),
        (["eight/0.png,bee,p,yes", "eight/0.png,unicorn,p,yes"], r"line 3: class 'unicorn' is not among"),
        (["eight/0.png,bee,p,yes", "eight/0.png,bee,p"], r"line 3: 3 fields where the header has 4"),
        (["eight/0.png,bee,p,yes", "eight/0.png,bee,,no"], r"line 3: the participant is empty"),
        (["eight/0.png,bee,p,yes", "eight/0.png,bee,p,no"], r"line 3: .*'no'.*'yes'.*line 2; keep one"),
        (["eight/0.png,bee,p,Y"], r"its answers \('Y'\) are none of the study's \(yes, no\).*--positive Y"),
    ],
)
def test_a_malformed_file_imports_nothing_and_names_the_line(
    study: Study, tmp_path: Path, lines: list[str], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        take(study, tmp_path, *lines)
    assert not Answer.objects.exists()
    assert not Participant.objects.exists()
    assert not Question.objects.filter(origin=Question.Origin.IMPORTED).exists()
    assert not AuditEntry.objects.filter(study=study).exists()


def test_a_changed_answer_in_a_later_file_is_refused(study: Study, tmp_path: Path) -> None:
    take(study, tmp_path, "eight/0.png,bee,p,yes")
    with pytest.raises(Refused, match=r"line 3: .*'no'.*'yes' in an earlier import"):
        take(study, tmp_path, "eight/1.png,fox,p,no", "eight/0.png,bee,p,no")
    assert Answer.objects.count() == 1


def test_maybe_is_received_and_not_positive(study: Study, tmp_path: Path) -> None:
    take(study, tmp_path, "eight/0.png,bee,p,yes", "eight/0.png,bee,q,maybe", "eight/0.png,bee,r,no")
    assert slots(study, "eight/0.png") == (3, 3, 1, True)


def test_positive_changes_a_drafts_plan(study: Study, tmp_path: Path) -> None:
    before = study.protocol_sha256
    lines = ("eight/0.png,bee,p,yes", "eight/0.png,bee,q,maybe", "eight/0.png,bee,r,no")
    take(study, tmp_path, *lines, positive=("yes", "maybe"))
    assert slots(study, "eight/0.png") == (3, 3, 2, True)
    study.refresh_from_db()
    assert set(protocol_of(study).answers.positive) == {"yes", "maybe"}
    assert study.protocol_sha256 != before
    assert not Amendment.objects.exists()
    with pytest.raises(Refused, match="answers counted with positive = yes, maybe"):
        take(study, tmp_path, "eight/1.png,fox,p,yes", positive=("yes",))


def test_positive_in_an_open_study_is_an_amendment(study: Study, tmp_path: Path) -> None:
    Study.objects.filter(pk=study.pk).update(state=Study.State.OPEN)
    take(study, tmp_path, "eight/0.png,bee,p,relevant", "eight/0.png,bee,q,other", positive=("relevant",))
    study.refresh_from_db()
    assert Amendment.objects.get().protocol_sha256 == study.protocol_sha256
    assert slots(study, "eight/0.png") == (2, 2, 1, True)


def test_a_mechanical_turk_batch_is_read_as_it_comes(study: Study, tmp_path: Path) -> None:
    header = (
        '"HITId","AssignmentId","WorkerId","AssignmentStatus","WorkTimeInSeconds",'
        '"Input.image_url","Input.label","Answer.relevant.yes","Answer.relevant.no"'
    )
    rows = [
        '"H1","A1","W1","Approved","12","https://host/b/eight/0.png?x=1","bee","true","false"',
        '"H1","A2","W2","Submitted","7.5","https://host/b/eight/0.png","bee","false","true"',
        '"H1","A3","W3","Rejected","2","https://host/b/eight/0.png","bee","true","false"',
    ]
    summary = take(study, tmp_path, *rows, header=header)
    assert (summary.imported, summary.rejected, summary.participants) == (2, 1, 2)
    assert sorted(Answer.objects.values_list("value", "active_seconds")) == [("no", 7.5), ("yes", 12.0)]
    assert set(ParticipantIdentity.objects.values_list("panel", flat=True)) == {"mturk"}


def test_experts_and_golden_answers_stay_apart_from_every_vote(study: Study, tmp_path: Path) -> None:
    take(study, tmp_path, "eight/0.png,bee,p,yes")
    experts = tmp_path / "experts.csv"
    experts.write_text("image,label,expert,answer\neight/0.png,bee,e1,yes\neight/0.png,bee,e2,no\n")
    summary = import_expert_answers(study=study, path=experts, actor="alice")
    assert (summary.imported, summary.pairs_outside) == (2, 1)
    assert import_expert_answers(study=study, path=experts, actor="alice").imported == 0
    # The same person answered the same pair as a golden item before, and differently.
    golden = take(study, tmp_path, "eight/0.png,bee,p,no", golden=True)
    assert golden.imported == 1
    assert slots(study, "eight/0.png") == (1, 1, 1, True)
    origins = Counter(Answer.objects.values_list("question__origin", flat=True))
    assert origins == {"study": 1, "golden": 1}
    assert set(ExpertAnswer.objects.values_list("question__origin", flat=True)) == {"golden"}
    assert Participant.objects.count() == 1


def test_the_command_says_what_was_kept_and_closed_studies_take_nothing(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "answers.csv"
    file.write_text(
        "image,class_index,participant,answer,seconds\neight/0.png,1,p,yes,2.5\neight/7.png,7,p,no,\n"
    )
    call_command("import_answers", study.name, str(file))
    said = capsys.readouterr().out
    assert "1 questions of the study answered" in said
    assert "1 pairs that are no question of it kept as imported questions (1 new)" in said
    assert sorted(Answer.objects.values_list("active_seconds", flat=True), key=str) == [2.5, None]
    assert AuditEntry.objects.get(study=study).detail["rows"] == 2
    Study.objects.filter(pk=study.pk).update(state=Study.State.CLOSED)
    with pytest.raises(CommandError, match="is closed"):
        call_command("import_answers", study.name, str(file))
