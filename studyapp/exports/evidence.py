"""From rows to the evidence that the statistics take: one arm of one study, answers of one mode.

Live, sampled, top-5, early-stopped and imported studies all pass through here, so that one table code
serves them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from studyapp.analysis.evidence import Controls, GoldQuestions, StudyEvidence, TrueLabelQuestions
from studyapp.analysis.votes import AgreementRule, Answers
from studyapp.exports.answer_evidence import read_answers
from studyapp.exports.attack_evidence import StudyAttack, rectifies, shown_evidence
from studyapp.exports.classifier_evidence import (
    CategoryGroups,
    Predictions,
    category_groups,
    classifier_evidence,
    read_predictions,
)
from studyapp.exports.columns import NONE_OF_THEM, code_of, integer_columns, positions_in
from studyapp.exports.question_index import QuestionIndex, Uses, read_questions, read_uses
from studyapp.models import Arm, Question, QuestionUse, Study, StudyClassifier
from studyapp.protocol.schema import ArmSetup, ContrastBetween, Protocol
from studyapp.services.plans import setup_of


@dataclass(frozen=True, slots=True, eq=False)
class ArmEvidence:
    """The evidence of one arm and the rows it was made from.

    `parts`: where every classifier has images of its own (those that an attack on it made), the evidence
    of each; the one evidence then has no classifiers.
    """

    arm: str
    setup: ArmSetup
    evidence: StudyEvidence
    questions: QuestionIndex
    uses: Uses
    study_classifiers: tuple[StudyClassifier, ...]
    parts: tuple[StudyEvidence, ...] = ()


def arm_evidence(
    *, study: Study, protocol: Protocol, arm: Arm, mode: str, attacks: Sequence[StudyAttack] = ()
) -> ArmEvidence:
    """Read one arm's questions and its answers of one mode; `attacks` are the study's, if it has any."""
    setup = setup_of(protocol, arm.name)
    questions = read_questions(arm)
    uses = read_uses(arm, questions)
    read = read_answers(arm=arm, mode=mode, setup=setup, questions=questions)
    answers = read.answers
    study_classifiers = tuple(
        study.study_classifiers.select_related("classifier", "run").order_by("position")
    )
    about_predictions = protocol.about_mistakes is not None
    predicted = [read_predictions(each) for each in study_classifiers] if about_predictions else []
    if predicted:
        _refuse_different_images(study, study_classifiers, predicted)
    groups = category_groups(study)
    classifiers = tuple(
        classifier_evidence(protocol, study_classifier, predictions, questions, uses, groups)
        for study_classifier, predictions in zip(
            study_classifiers if predicted else (), predicted, strict=True
        )
    )
    rule = AgreementRule(
        required=protocol.answers.required,
        agreement=protocol.answers.agreement,
        positive=setup.positive,
        incomplete=protocol.analysis.incomplete,
        rule=protocol.analysis.rule,
        stop_when_decided=protocol.answers.stop_when_decided,
        minimum_answers=protocol.analysis.minimum_answers,
    )
    evidence = StudyEvidence(
        study=study.name,
        answers=answers,
        rule=rule,
        classifiers=classifiers,
        participants=read.pseudonyms,
        imported=questions.imported,
        controls=_controls(uses),
        gold_questions=_gold(arm, answers, questions, uses),
        golden_answers=read.golden,
        true_label=_true_label(questions, uses),
        expert_check=read.expert_check,
        planned_pairs=planned_pairs(protocol, "classifiers") if about_predictions else None,
        groups=groups.of_category(predicted[0].category) if predicted and groups.names else None,
        group_names=groups.names,
    )
    parts = tuple(_part(evidence, attack, uses, groups) for attack in attacks if rectifies(setup))
    return ArmEvidence(arm.name, setup, evidence, questions, uses, study_classifiers, parts)


def _part(evidence: StudyEvidence, attack: StudyAttack, uses: Uses, groups: CategoryGroups) -> StudyEvidence:
    """The same answers as evidence of one attacked classifier: N are the images that the arm shows."""
    classifier, group = shown_evidence(attack, attack.questions(uses), groups)
    return replace(evidence, classifiers=(classifier,), groups=group, group_names=groups.names)


def _refuse_different_images(
    study: Study, study_classifiers: Sequence[StudyClassifier], predicted: Sequence[Predictions]
) -> None:
    """Row i is one image for every classifier: as many rows are not enough."""
    for use, predictions in zip(study_classifiers[1:], predicted[1:], strict=True):
        if not np.array_equal(predictions.image, predicted[0].image):
            raise ValueError(
                f"study {study.name}: {use.classifier.name} and {study_classifiers[0].classifier.name} have "
                f"predictions of different images of {study.dataset.name}; predict the missing ones for both"
            )


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
    """Pair every question about a mistake, or its list, with the one about the image's dataset label."""
    label = np.unique(uses.of(QuestionUse.Role.TRUE_LABEL))
    if len(label) == 0:
        return None
    label = label[np.argsort(questions.image[label], kind="stable")]
    about = (QuestionUse.Role.MISTAKE, QuestionUse.Role.TOP5_LIST)
    mistake = np.unique(np.concatenate([uses.of(role) for role in about]))
    partner = positions_in(questions.image[label], questions.image[mistake])
    paired = partner != NONE_OF_THEM
    return TrueLabelQuestions(predicted=mistake[paired], dataset_label=label[partner[paired]])


def planned_pairs(protocol: Protocol, between: ContrastBetween) -> tuple[tuple[str, str], ...] | None:
    """The pairs that the protocol plans between classifiers or arms; None where it plans none."""
    planned = tuple(
        (contrast.first, contrast.second) for contrast in protocol.contrasts if contrast.between == between
    )
    return planned or None
