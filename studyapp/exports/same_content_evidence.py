"""The answers of a `same_content` study: what people see in each picture, classifier by classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import IntArray
from studyapp.analysis.intervals import Interval
from studyapp.analysis.same_content import (
    Agreement,
    AskedChanges,
    SeenChanges,
    agreement,
    said_changes,
    seen_by_setting,
)
from studyapp.exports.columns import FETCHED_AT_ONCE, positions_in
from studyapp.exports.evidence import arm_evidence
from studyapp.exports.judged import JudgedQuestions, judged_questions
from studyapp.models import Answer, ProbeRun, Question, QuestionUse, Sitting, Study
from studyapp.protocol.same_content import SameContentQuestions
from studyapp.protocol.schema import Protocol
from studyapp.services.probes.colour import settings_of

#: What people say of their colour vision, in the order of the table; everybody and not said are beside them.
EVERYBODY, NOT_SAID = "everybody", "not said"


@dataclass(frozen=True, slots=True)
class AskedSetting:
    """A setting asked about: `name` like "hue 30", `axis` hue or saturation, `amount` degrees or a gain."""

    name: str
    axis: str
    amount: float


@dataclass(frozen=True, slots=True)
class SeenBy:
    """What a group of people say of one classifier's flips, or of pictures whose prediction stays."""

    vision: str
    flips: bool
    people: int
    answers: int
    said: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class ClassifierSeen:
    """One classifier: by setting where it flips and where not, its agreement with people, by vision."""

    classifier: str
    settings: tuple[tuple[AskedSetting, SeenChanges, SeenChanges], ...]
    agreement: Agreement
    vision: tuple[SeenBy, ...]


@dataclass(frozen=True, slots=True)
class SameContentResults:
    """Everything that the tables are made from."""

    protocol: Protocol
    asked: SameContentQuestions
    classifiers: tuple[ClassifierSeen, ...]


@dataclass(frozen=True, slots=True)
class _Use:
    """A question as it is asked for one classifier."""

    question: int
    image: int
    setting: str
    flips: bool
    weight: float
    apart: bool


def same_content_results(study: Study, protocol: Protocol, mode: str) -> SameContentResults | None:
    """Analyse the answers of `mode`; None for studies of other kinds."""
    asked = protocol.questions
    if not isinstance(asked, SameContentQuestions):
        return None
    arm = study.arms.get()
    judged = judged_questions(arm_evidence(study=study, protocol=protocol, arm=arm, mode=mode))
    votes = _votes(study, mode, protocol.arm_setups()[0].positive)
    known = _settings(study)
    found = []
    for each in study.study_classifiers.select_related("classifier").order_by("position"):
        uses = _uses(study, each.pk, each.classifier.name)
        names = {use.setting for use in uses}
        settings = tuple(setting for setting in known if setting.name in names)
        changes = _changes(uses, settings, judged)
        by_setting = seen_by_setting(changes, len(settings))
        found.append(
            ClassifierSeen(
                classifier=each.classifier.name,
                settings=tuple((setting, *seen) for setting, seen in zip(settings, by_setting, strict=True)),
                agreement=agreement(changes),
                vision=_by_vision(uses, votes),
            )
        )
    return SameContentResults(protocol, asked, tuple(found))


def _settings(study: Study) -> tuple[AskedSetting, ...]:
    """The probe's settings in the order of its grid, by axis and amount."""
    stimulus = study.stimuli.filter(parameters__shows="changed").order_by("pk").first()
    if stimulus is None:
        return ()
    run = ProbeRun.objects.get(key=stimulus.parameters["probe"])
    every = [
        AskedSetting(f"{each.axis} {each.amount:g}", each.axis, each.amount) for each in settings_of(run)
    ]
    return tuple(sorted(every, key=lambda each: (each.axis, each.amount)))


def _uses(study: Study, study_classifier: int, name: str) -> list[_Use]:
    rows = QuestionUse.objects.filter(
        question__study=study,
        study_classifier=study_classifier,
        role__in=(QuestionUse.Role.SAME_FLIP, QuestionUse.Role.SAME_STAYS),
    ).order_by("pk")
    columns = ("question_id", "question__image_id", "stratum", "role", "weight", "question__parameters")
    found = []
    for question, image, setting, role, weight, parameters in rows.values_list(*columns).iterator(
        chunk_size=FETCHED_AT_ONCE
    ):
        said = parameters["said"][name]
        found.append(
            _Use(
                question=question,
                image=image,
                setting=setting,
                flips=role == QuestionUse.Role.SAME_FLIP,
                weight=weight,
                apart=said["after"] not in said["siblings"],
            )
        )
    return found


def _changes(uses: list[_Use], settings: tuple[AskedSetting, ...], judged: JudgedQuestions) -> AskedChanges:
    place_of = {setting.name: place for place, setting in enumerate(settings)}
    where = positions_in(judged.key, np.array([use.question for use in uses], dtype=np.int64))
    return AskedChanges(
        setting=np.array([place_of[use.setting] for use in uses], dtype=np.int64),
        flips=np.array([use.flips for use in uses], dtype=np.bool_),
        apart=np.array([use.apart for use in uses], dtype=np.bool_),
        image=np.array([use.image for use in uses], dtype=np.int64),
        weight=np.array([use.weight for use in uses], dtype=np.float64),
        verdict=judged.verdict[where],
        received=judged.received[where],
        positive=judged.positive[where],
    )


@dataclass(frozen=True, slots=True)
class _Vote:
    """One answer that counts."""

    question: int
    participant: int
    vision: str
    positive: bool


def _votes(study: Study, mode: str, positive: tuple[str, ...]) -> list[_Vote]:
    said = Sitting.objects.filter(study=study, mode=mode).exclude(colour_vision="").order_by("-pk")
    # What a person said first holds for all their sittings.
    vision = dict(said.values_list("participant_id", "colour_vision"))
    rows = Answer.objects.filter(
        question__study=study, question__origin=Question.Origin.STUDY, mode=mode, status=Answer.Status.COUNTED
    ).values_list("question_id", "participant_id", "value")
    return [
        _Vote(question, person, vision.get(person, NOT_SAID), value in positive)
        for question, person, value in rows.order_by("pk").iterator(chunk_size=FETCHED_AT_ONCE)
    ]


def _by_vision(uses: list[_Use], votes: list[_Vote]) -> tuple[SeenBy, ...]:
    """Everybody, then each group of people, on flips and on what stays."""
    found = []
    for flips in (True, False):
        wanted = {use.question for use in uses if use.flips == flips}
        given = [vote for vote in votes if vote.question in wanted]
        for group in (EVERYBODY, *Sitting.ColourVision.values, NOT_SAID):
            of_group = [vote for vote in given if group in (EVERYBODY, vote.vision)]
            received, positive = _counted(of_group)
            said, interval = said_changes(received, positive)
            people = len({vote.participant for vote in of_group})
            found.append(SeenBy(group, flips, people, len(of_group), said, interval))
    return tuple(found)


def _counted(votes: list[_Vote]) -> tuple[IntArray, IntArray]:
    """Answers and positive ones of every question that has any."""
    received: dict[int, int] = {}
    positive: dict[int, int] = {}
    for vote in votes:
        received[vote.question] = received.get(vote.question, 0) + 1
        positive[vote.question] = positive.get(vote.question, 0) + vote.positive
    return (
        np.array(list(received.values()), dtype=np.int64),
        np.array(list(positive.values()), dtype=np.int64),
    )
