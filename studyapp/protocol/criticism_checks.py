"""What the keys of a protocol of model criticism must be to each other."""

from __future__ import annotations

from collections.abc import Iterator

from studyapp.protocol.criticism import (
    CANNOT_TELL,
    NONE_OF_THEM,
    AssignmentArm,
    AssignmentQuestions,
    AttributeQuestions,
)
from studyapp.protocol.lines import Path
from studyapp.protocol.problems import Finding, shown, spelled
from studyapp.protocol.schema import Protocol

MOST_PICTURES = 12
FEWEST_ANNOTATORS = 3
MOST_ATTRIBUTES = 30
# Answer.value holds every attribute of a picture, joined by commas.
LONGEST_ANSWER = 400


def criticism_checks(protocol: Protocol) -> Iterator[Finding]:
    """Findings on the kinds `prototype_assignment` and `attributes`; none for any other kind."""
    questions = protocol.questions
    if isinstance(questions, AssignmentQuestions):
        yield from _shared(protocol)
        yield from _assignment(protocol, questions)
        yield from _conditions(protocol)
    elif isinstance(questions, AttributeQuestions):
        yield from _shared(protocol)
        yield from _attributes(protocol, questions)
        yield from _audited(questions)


def _shared(protocol: Protocol) -> Iterator[Finding]:
    kind = protocol.kind
    if len(protocol.classifiers) != 1:
        yield _found(
            f"classifiers = {shown(protocol.classifiers)} in a study of kind {kind}, which shows "
            "the examples of one classifier",
            "name one; make a study of each of the others",
            ("classifiers",),
        )
    if protocol.questions.class_help != "none":
        yield _found(
            f"[questions] class_help = {shown(protocol.questions.class_help)} in a study of kind {kind}, "
            "which names no class",
            "take it out",
            ("questions", "class_help"),
        )
    for index, arm in enumerate(protocol.arms):
        if arm.class_help not in (None, "none"):
            where: Path = ("arm", index, "class_help")
            yield _found(
                f"{spelled(where)} in a study of kind {kind}, which names no class", "take it out", where
            )
    if protocol.answers.stop_when_decided:
        yield _found(
            f"[answers] stop_when_decided in a study of kind {kind}, whose questions have no verdict",
            "write stop_when_decided = false",
            ("answers", "stop_when_decided"),
        )
    for index, exclusion in enumerate(protocol.exclusions):
        # The window of times of an assignment study is said elsewhere, and `_assignment` says where.
        if not (kind == "prototype_assignment" and exclusion.measure == "seconds"):
            yield _found(
                f"[[exclusion]] {index + 1} in a study of kind {kind}, whose tables leave nobody out",
                "take it out",
                ("exclusion", index, "measure"),
            )
    if protocol.participants.practice_csv is not None:
        yield _found(
            f"[participants] practice_csv in a study of kind {kind}, whose practice is drawn",
            "take it out",
            ("participants", "practice_csv"),
        )


def _assignment(protocol: Protocol, questions: AssignmentQuestions) -> Iterator[Finding]:
    if questions.seconds_at_least >= questions.seconds_at_most:
        yield _found(
            f"[questions] seconds_at_least = {questions.seconds_at_least:g} is not below seconds_at_most = "
            f"{questions.seconds_at_most:g}, so the filtered table would be empty",
            "give the shortest and the longest time that counts, for example 20 and 180",
            ("questions", "seconds_at_least"),
            ("questions", "seconds_at_most"),
        )
    for index, exclusion in enumerate(protocol.exclusions):
        if exclusion.measure == "seconds":
            yield _found(
                f'[[exclusion]] {index + 1} has measure = "seconds" beside [questions] seconds_at_least and '
                "seconds_at_most",
                "say the window of times there, once",
                ("exclusion", index, "measure"),
            )
    if not protocol.participants.one_look:
        yield _found(
            "[participants] one_look = false: a participant would be shown one target in several arms",
            "take it out: nobody sees the same target twice",
            ("participants", "one_look"),
        )
    if questions.categories and len(set(questions.categories)) < questions.groups:
        yield _found(
            f"[questions] groups = {questions.groups} of {len(set(questions.categories))} categories",
            f"name at least {questions.groups} categories, or fewer groups",
            ("questions", "groups"),
            ("questions", "categories"),
        )


def _conditions(protocol: Protocol) -> Iterator[Finding]:
    """The arms of an assignment study: each a condition of its own that fits the page."""
    if not protocol.arms:
        yield _found(
            "a study of kind prototype_assignment has no condition",
            'write [[arm]] for each, with name and method, such as method = "mmd_critic"',
            ("kind",),
        )
    earlier: dict[tuple[str, int, int], str] = {}
    for index, arm in enumerate(protocol.arms):
        if not isinstance(arm, AssignmentArm):
            continue
        where: Path = ("arm", index)
        pictures = arm.prototypes + arm.criticisms
        if pictures > MOST_PICTURES:
            yield _found(
                f"{spelled(where)} shows {pictures} pictures a group ({arm.prototypes} prototypes and "
                f"{arm.criticisms} criticisms); {MOST_PICTURES} is the most",
                "show fewer",
                (*where, "prototypes"),
                (*where, "criticisms"),
            )
        if arm.method == "random" and arm.criticisms:
            yield _found(
                f'{spelled(where)} has criticisms = {arm.criticisms} of method "random", which selects none',
                "write criticisms = 0, and as many prototypes as the group has pictures",
                (*where, "criticisms"),
            )
        condition = (arm.method, arm.prototypes, arm.criticisms)
        if condition in earlier and arm.wording is None:
            yield _found(
                f"{spelled((*where, 'name'))} = {shown(arm.name)} shows what "
                f"{shown(earlier[condition])} shows",
                "give it another method or other numbers of prototypes and criticisms",
                (*where, "method"),
            )
        earlier.setdefault(condition, arm.name)


def _attributes(protocol: Protocol, questions: AttributeQuestions) -> Iterator[Finding]:
    if protocol.answers.required < FEWEST_ANNOTATORS:
        yield _found(
            f"[answers] required = {protocol.answers.required}: what is seen in a picture is a perception, "
            f"and fewer than {FEWEST_ANNOTATORS} people do not show how far it is shared",
            f"write required = {FEWEST_ANNOTATORS} or more",
            ("answers", "required"),
            ("answers",),
        )
    if protocol.participants.practice_questions:
        yield _found(
            f"[participants] practice_questions = {protocol.participants.practice_questions} in a study of "
            "kind attributes: nobody knows the right answer to what is seen",
            "take it out; the instructions have a worked example",
            ("participants", "practice_questions"),
        )
    names = questions.attributes
    where: Path = ("questions", "attributes")
    if not 1 <= len(names) <= MOST_ATTRIBUTES:
        yield _found(
            f"[questions] attributes has {len(names)}", f"name 1 to {MOST_ATTRIBUTES} attributes", where
        )
    for name in names:
        if "," in name or name != name.strip() or not name:
            yield _found(
                f"[questions] attributes has {shown(name)}; an answer is stored as attributes joined by "
                "commas",
                "write each without commas and without blanks around it",
                where,
            )
        if name.lower().replace(" ", "_") in (NONE_OF_THEM, CANNOT_TELL):
            yield _found(
                f"[questions] attributes has {shown(name)}, which is added by itself", "take it out", where
            )
    if len({name.lower() for name in names}) < len(names):
        yield _found("[questions] attributes names one twice", "name each once", where)
    longest = len(",".join(names))
    if longest > LONGEST_ANSWER:
        yield _found(
            f"[questions] attributes: all of them joined have {longest} characters; {LONGEST_ANSWER} is "
            "the most",
            "give them shorter names",
            where,
        )


def _audited(questions: AttributeQuestions) -> Iterator[Finding]:
    audited, where = questions.audited, ("questions", "audited")
    if len(set(audited)) < len(audited) or len(audited) < 2 or "training" not in audited:
        yield _found(
            f"[questions] audited = {shown(audited)}",
            'name at least two groups, each once, one of them "training": it is what the others are compared '
            "with",
            where,
        )
    splits = questions.training_split, questions.validation_split
    if {"training", "validation"} <= set(audited) and (not all(splits) or splits[0] == splits[1]):
        yield _found(
            "[questions] audited has a training and a validation sample, and their splits are "
            f"{shown(splits[0])} and {shown(splits[1])}",
            "give training_split and validation_split, each its own",
            ("questions", "training_split"),
            ("questions", "validation_split"),
            where,
        )
    if "criticisms" in audited and (questions.criticisms == 0 or questions.method == "random"):
        yield _found(
            f'[questions] audited has "criticisms", of which method "{questions.method}" with criticisms = '
            f"{questions.criticisms} has none",
            'take "criticisms" out of audited, or choose a method that has some',
            where,
            ("questions", "criticisms"),
        )


def _found(what: str, remedy: str, *paths: Path) -> Finding:
    return Finding(paths, what, remedy)
