"""Answers collected elsewhere, taken into a study: safe to repeat, all or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.db import transaction

from studyapp.analysis.arrays import BoolArray, IntArray
from studyapp.exports.columns import NONE_OF_THEM, positions_in
from studyapp.models import Answer, Arm, ExpertAnswer, Question, Study
from studyapp.services.answer_import.chosen import asked_by_key, import_chosen
from studyapp.services.answer_import.files import AnswerFile, read_answers
from studyapp.services.answer_import.matching import MatchedPairs, match_answers
from studyapp.services.answer_import.people import register_people
from studyapp.services.answer_import.positive_answers import say_positive
from studyapp.services.answer_import.rows import (
    EarlierAnswers,
    NewAnswers,
    count_in_slots,
    earlier_answers,
    order_answers,
    write_answers,
)
from studyapp.services.audit import write_audit
from studyapp.services.csv_rows import at_line
from studyapp.services.participation.arrival import pseudonym_of
from studyapp.services.plans import setup_of
from studyapp.services.refusals import Refused


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did. `questions` of the study and `pairs_outside` it were answered in the file."""

    rows: int
    imported: int
    repeated: int
    rejected: int
    counted: int
    surplus: int
    participants: int
    questions: int
    pairs_outside: int
    new_questions: int


@transaction.atomic
def import_answers(
    *,
    study: Study,
    path: Path,
    actor: str,
    positive: Sequence[str] = (),
    arm: str = "",
    wording: str = "",
    golden: bool = False,
) -> ImportSummary:
    """Take in the answers of a CSV (see `read_answers`); a malformed file changes nothing.

    `positive` names the values that speak for the class where the protocol does not know them. Pairs
    that are no question of the study become questions of origin `imported`. Of more answers than a
    question collects, the first by a stored draw count. Studies of groups or attributes take the
    question's key instead of image and label (see `chosen_import`). With `golden` they are participants'
    answers to the items that experts answered (see `import_expert_answers`): all are kept, none is a vote.
    """
    study = _importable(study)
    if asked_by_key(study):
        return _chosen(study, path, actor, wording, golden=golden)
    own_arm = _arm(study, arm)
    file = read_answers(path)
    protocol = say_positive(
        study=study, arm=own_arm.name, values=file.value.texts, positive=positive, actor=actor, path=path
    )
    origin = Question.Origin.GOLDEN if golden else Question.Origin.IMPORTED
    matched = match_answers(study=study, arm=own_arm, file=file, origin=origin)
    people = register_people(panel=file.panel, persons=file.participant.texts)
    earlier = earlier_answers(study=study, texts=file.value.texts)
    positive_values = setup_of(protocol, own_arm.name).positive
    new, repeated = _new_answers(file, matched, people, positive_values, earlier)
    required = None if golden else protocol.answers.required
    ordered = order_answers(study=study, matched=matched, answers=new, earlier=earlier, required=required)
    if len(ordered.pair):
        write_answers(matched=matched, answers=ordered, wording=wording)
    if not golden:
        count_in_slots(study=study, matched=matched, answers=ordered, protocol=protocol)
    answered = np.unique(matched.pair)
    summary = ImportSummary(
        rows=file.rows,
        imported=len(ordered.pair),
        repeated=repeated,
        rejected=file.rejected,
        counted=int(ordered.counted.sum()),
        surplus=int((~ordered.counted).sum()),
        participants=len(people),
        questions=int(matched.own[answered].sum()),
        pairs_outside=int((~matched.own[answered]).sum()),
        new_questions=matched.new,
    )
    _audit(study, actor, "golden answers" if golden else "answers", path, summary)
    return summary


def _chosen(study: Study, path: Path, actor: str, wording: str, *, golden: bool) -> ImportSummary:
    """Answers to questions of groups or attributes, which no expert's answers calibrate."""
    if golden:
        raise Refused(f"Study {study.name} has no golden items: its questions have no verdict.")
    done = import_chosen(study=study, path=path, wording=wording)
    summary = ImportSummary(
        rows=done.rows,
        imported=done.imported,
        repeated=done.repeated,
        rejected=0,
        counted=done.counted,
        surplus=done.imported - done.counted,
        participants=done.participants,
        questions=done.questions,
        pairs_outside=0,
        new_questions=0,
    )
    _audit(study, actor, "answers", path, summary)
    return summary


@transaction.atomic
def import_expert_answers(*, study: Study, path: Path, actor: str, arm: str = "") -> ImportSummary:
    """Take in what experts say of (image, label) pairs: the golden items, apart from every vote."""
    study = _importable(study)
    file = read_answers(path)
    own_arm = _arm(study, arm)
    matched = match_answers(study=study, arm=own_arm, file=file, origin=Question.Origin.GOLDEN)
    experts = [pseudonym_of(panel="expert", person=name) for name in file.participant.texts]
    found = ExpertAnswer.objects.filter(question__study=study, expert__in=experts)
    known = {(pk, who): value for pk, who, value in found.values_list("question_id", "expert", "value")}
    new: list[ExpertAnswer] = []
    columns = (matched.pair, file.participant.codes, file.value.codes, file.lines)
    for pair, person, value, line in zip(*(column.tolist() for column in columns), strict=True):
        key, text = (int(matched.question[pair]), experts[person]), file.value.texts[value]
        if known.setdefault(key, text) != text:
            name = file.participant.texts[person]
            raise Refused(
                at_line(
                    path, line, f"{name} answered this before, differently ({known[key]}); keep one answer."
                )
            )
        new.append(ExpertAnswer(question_id=key[0], expert=key[1], value=text))
    before = found.count()
    ExpertAnswer.objects.bulk_create(new, batch_size=2000, ignore_conflicts=True)
    imported = found.count() - before
    summary = ImportSummary(
        rows=file.rows,
        imported=imported,
        repeated=file.rows - imported,
        rejected=file.rejected,
        counted=0,
        surplus=0,
        participants=len(experts),
        questions=0,
        pairs_outside=len(matched.question),
        new_questions=matched.new,
    )
    _audit(study, actor, "expert answers", path, summary)
    return summary


def _importable(study: Study) -> Study:
    """The study, locked against a second import; raises Refused where it takes no answers."""
    study = (
        Study.objects.select_for_update(of=("self",)).select_related("dataset__class_list").get(pk=study.pk)
    )
    if study.state == Study.State.CLOSED:
        raise Refused(f"Study {study.name} is closed; answers are imported into a draft or an open study.")
    if study.built_at is None:
        raise Refused(f"Study {study.name} is not built; run create_study again to go on with it.")
    return study


def _arm(study: Study, name: str) -> Arm:
    arms = list(study.arms.order_by("position"))
    found = [each for each in arms if each.name == name] if name else arms
    if len(found) != 1:
        known = ", ".join(each.name for each in arms)
        raise Refused(f"Study {study.name} has the arms {known}; say which one was asked with --arm NAME.")
    return found[0]


def _new_answers(
    file: AnswerFile,
    matched: MatchedPairs,
    people: IntArray,
    positive: Sequence[str],
    earlier: EarlierAnswers,
) -> tuple[NewAnswers, int]:
    """The rows that are not there yet, and how many are.

    Raises Refused, naming the lines, where one participant gave one question two different answers.
    """
    answers = NewAnswers(
        pair=matched.pair,
        participant=people[file.participant.codes],
        value=file.value.codes,
        texts=file.value.texts,
        positive=np.isin(
            file.value.codes, [file.value.texts.index(each) for each in positive if each in file.value.texts]
        ),
        seconds=file.seconds,
        order=np.zeros(file.rows, dtype=np.int64),
        counted=np.ones(file.rows, dtype=np.bool_),
    )
    fresh = _first_of_each(file, matched.pair, answers)
    if earlier.standing.any():
        fresh &= ~_given_before(file, matched, answers, earlier)
    return answers.only(fresh), int((~fresh).sum())


def _first_of_each(file: AnswerFile, pair: IntArray, answers: NewAnswers) -> BoolArray:
    """[rows] the first row of each (question, participant) in the file."""
    key = pair.astype(np.int64) * len(file.participant.texts) + file.participant.codes
    order = np.argsort(key, kind="stable")
    again = np.r_[False, key[order][1:] == key[order][:-1]] if len(key) else np.zeros(0, dtype=np.bool_)
    differs = again & np.r_[False, file.value.codes[order][1:] != file.value.codes[order][:-1]][: len(key)]
    if differs.any():
        place = int(np.argmax(differs))
        row, before = int(order[place]), int(order[place - 1])
        raise Refused(
            at_line(
                file.path,
                int(file.lines[row]),
                f"{_spelled(file, row)}, and {file.value.texts[file.value.codes[before]]!r} to the same "
                f"question in line {file.lines[before]}; keep one answer.",
            )
        )
    first = np.ones(len(key), dtype=np.bool_)
    first[order[again]] = False
    return first


def _given_before(
    file: AnswerFile, matched: MatchedPairs, answers: NewAnswers, earlier: EarlierAnswers
) -> BoolArray:
    """[rows] those whose participant has answered the question already, with the same value."""
    participant = earlier.participant[earlier.standing]
    span = int(max(participant.max(), answers.participant.max(initial=0))) + 1
    known = earlier.question[earlier.standing] * span + participant
    order = np.argsort(known)
    place = positions_in(known[order], matched.question[answers.pair] * span + answers.participant)
    there = place != NONE_OF_THEM
    before = earlier.value[earlier.standing][order][place]
    differs = np.flatnonzero(there & (before != answers.value))
    if len(differs):
        row = int(differs[0])
        said = Answer.objects.filter(
            question=int(matched.question[answers.pair[row]]),
            participant=int(answers.participant[row]),
            origin=Answer.Origin.IMPORTED,
        ).latest("pk")
        raise Refused(
            at_line(
                file.path,
                int(file.lines[row]),
                f"{_spelled(file, row)}, and {said.value!r} in an earlier import; answers are never "
                "edited: take the line out.",
            )
        )
    return np.asarray(there, dtype=np.bool_)


def _spelled(file: AnswerFile, row: int) -> str:
    who = file.participant.texts[file.participant.codes[row]]
    image = file.image.texts[file.image.codes[row]]
    label = file.label.texts[file.label.codes[row]]
    return f"participant {who} answers {file.value.texts[file.value.codes[row]]!r} to {image}, {label}"


def _audit(study: Study, actor: str, what: str, path: Path, summary: ImportSummary) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    write_audit(
        study=study,
        actor=actor,
        verb="import",
        subject=f"{what}: {path.name}",
        detail={
            "sha256": digest,
            "rows": summary.rows,
            "imported": summary.imported,
            "repeated": summary.repeated,
            "counted": summary.counted,
            "surplus": summary.surplus,
        },
    )
