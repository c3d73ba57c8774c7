"""From rows to the evidence that the statistics take: one arm of one study, answers of one mode.

Live, sampled, top-5, early-stopped and imported studies all pass through here, so that one table code
serves them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db.models import FloatField, QuerySet, Value
from django.db.models.functions import Coalesce

from studyapp.analysis.evidence import (
    Controls,
    GoldQuestions,
    StudyEvidence,
    TrueLabelQuestions,
)
from studyapp.analysis.votes import AgreementRule, Answers
from studyapp.exports.classifier_evidence import classifier_evidence, read_predictions
from studyapp.exports.columns import (
    NONE_OF_THEM,
    Float64Array,
    Int64Array,
    code_of,
    integer_columns,
    known,
    number_columns,
    positions_in,
)
from studyapp.exports.question_index import ORIGINS, QuestionIndex, Uses, read_questions, read_uses
from studyapp.models import Answer, Arm, Participant, Question, QuestionUse, Study, StudyClassifier
from studyapp.protocol.schema import ArmSetup, Protocol
from studyapp.services.plans import setup_of

NO_TIME = -1.0


@dataclass(frozen=True, slots=True, eq=False)
class ArmEvidence:
    """The evidence of one arm and the rows it was made from."""

    arm: str
    setup: ArmSetup
    evidence: StudyEvidence
    questions: QuestionIndex
    uses: Uses
    study_classifiers: tuple[StudyClassifier, ...]


def arm_evidence(*, study: Study, protocol: Protocol, arm: Arm, mode: str) -> ArmEvidence:
    """Read one arm's questions and its answers of one mode."""
    setup = setup_of(protocol, arm.name)
    questions = read_questions(arm)
    uses = read_uses(arm, questions)
    answers, pseudonyms = _answers(arm, mode, setup, questions)
    study_classifiers = tuple(
        study.study_classifiers.select_related("classifier", "run").order_by("position")
    )
    predicted = [read_predictions(study_classifier) for study_classifier in study_classifiers]
    classifiers = tuple(
        classifier_evidence(protocol, study_classifier, predictions, questions, uses)
        for study_classifier, predictions in zip(study_classifiers, predicted, strict=True)
    )
    rule = AgreementRule(
        required=protocol.answers.required,
        agreement=protocol.answers.agreement,
        positive=setup.positive,
        incomplete=protocol.analysis.incomplete,
        rule=protocol.analysis.rule,
        stop_when_decided=protocol.answers.stop_when_decided,
    )
    evidence = StudyEvidence(
        study=study.name,
        answers=answers,
        rule=rule,
        classifiers=classifiers,
        participants=pseudonyms,
        imported=questions.imported,
        controls=_controls(uses),
        gold_questions=_gold(arm, answers, questions, uses),
        true_label=_true_label(questions, uses),
        planned_pairs=_planned_pairs(protocol),
    )
    return ArmEvidence(arm.name, setup, evidence, questions, uses, study_classifiers)


def counted_rows(arm: Arm, mode: str) -> QuerySet[Answer]:
    """The answers of one arm and mode that count."""
    return Answer.objects.filter(
        question__arm=arm, question__origin__in=ORIGINS, mode=mode, status=Answer.Status.COUNTED
    )


def _answers(
    arm: Arm, mode: str, setup: ArmSetup, questions: QuestionIndex
) -> tuple[Answers, tuple[str, ...]]:
    rows = counted_rows(arm, mode)
    vocabulary = setup.values
    columns = _answer_columns(rows, vocabulary)
    if (columns.value == NONE_OF_THEM).any():
        # Imported answers may use words that the protocol does not offer; they are received, not positive.
        vocabulary = known(vocabulary, rows.order_by().values_list("value", flat=True).distinct())
        columns = _answer_columns(rows, vocabulary)
    in_order = np.lexsort((columns.key, columns.order, columns.question))
    people, person = np.unique(columns.participant[in_order], return_inverse=True)
    answers = Answers(
        question=positions_in(questions.key, columns.question[in_order]).astype(np.int32),
        participant=person.astype(np.int32),
        value=columns.value[in_order].astype(np.int16),
        vocabulary=vocabulary,
        questions=len(questions),
        participants=len(people),
        seconds=columns.seconds[in_order] if np.isfinite(columns.seconds).any() else None,
    )
    return answers, _pseudonyms(people)


@dataclass(frozen=True, slots=True, eq=False)
class _AnswerColumns:
    question: Int64Array
    participant: Int64Array
    value: Int64Array
    order: Int64Array
    key: Int64Array
    seconds: Float64Array


def _answer_columns(rows: QuerySet[Answer], vocabulary: tuple[str, ...]) -> _AnswerColumns:
    """The rows in no order: sorting a million of them is quicker here than in the database."""
    coded = rows.order_by().annotate(
        code=code_of("value", vocabulary),
        took=Coalesce("active_seconds", "server_seconds", Value(NO_TIME), output_field=FloatField()),
    )
    fields = ("question_id", "participant_id", "code", "order", "pk", "took")
    *whole, seconds = number_columns(coded, *fields)
    question, participant, value, order, key = (column.astype(np.int64) for column in whole)
    return _AnswerColumns(
        question, participant, value, order, key, np.where(seconds == NO_TIME, np.nan, seconds)
    )


def _pseudonyms(people: Int64Array) -> tuple[str, ...]:
    names = dict(
        Participant.objects.filter(pk__in=people.tolist()).values_list("pk", "pseudonym")
        if len(people) < 900
        else Participant.objects.values_list("pk", "pseudonym")
    )
    return tuple(names[int(person)] for person in people)


def _controls(uses: Uses) -> Controls | None:
    foil = np.unique(uses.of(QuestionUse.Role.CONTROL_FOIL))
    label = np.unique(uses.of(QuestionUse.Role.CONTROL_TRUE))
    return Controls(foil=foil, dataset_label=label) if len(foil) + len(label) else None


def _gold(arm: Arm, answers: Answers, questions: QuestionIndex, uses: Uses) -> GoldQuestions | None:
    """Gold questions whose expected answer is one that the arm offers."""
    gold = np.unique(uses.of(QuestionUse.Role.GOLD))
    if len(gold) == 0:
        return None
    rows = (
        Question.objects.filter(arm=arm, uses__role=QuestionUse.Role.GOLD)
        .exclude(expected="")
        .annotate(code=code_of("expected", answers.vocabulary))
        .order_by("pk")
    )
    key, code = integer_columns(rows, "pk", "code")
    kept = code != NONE_OF_THEM
    return GoldQuestions(question=positions_in(questions.key, key[kept]), expected=code[kept])


def _true_label(questions: QuestionIndex, uses: Uses) -> TrueLabelQuestions | None:
    """Pair every question about a mistake with the one about the dataset's label of the same image."""
    label = np.unique(uses.of(QuestionUse.Role.TRUE_LABEL))
    if len(label) == 0:
        return None
    label = label[np.argsort(questions.image[label], kind="stable")]
    mistake = np.unique(uses.of(QuestionUse.Role.MISTAKE))
    partner = positions_in(questions.image[label], questions.image[mistake])
    paired = partner != NONE_OF_THEM
    return TrueLabelQuestions(predicted=mistake[paired], dataset_label=label[partner[paired]])


def _planned_pairs(protocol: Protocol) -> tuple[tuple[str, str], ...] | None:
    planned = tuple(
        (contrast.first, contrast.second)
        for contrast in protocol.contrasts
        if contrast.between == "classifiers"
    )
    return planned or None
