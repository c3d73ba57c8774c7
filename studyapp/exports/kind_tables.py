"""The tables that one kind of study has and no other; in studies of other kinds they have no rows.

A report has them all, so that figures and pages find them; a bundle has those of its study's kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from studyapp.exports.assignment_evidence import read_trials
from studyapp.exports.assignment_results import assignment_results
from studyapp.exports.assignment_tables import ASSIGNMENT_BUILDERS
from studyapp.exports.audit_evidence import audit_results
from studyapp.exports.audit_tables import AUDIT_BUILDERS
from studyapp.exports.choice_evidence import choice_results
from studyapp.exports.choice_tables import CHOICE_BUILDERS
from studyapp.exports.same_content_evidence import same_content_results
from studyapp.exports.same_content_tables import SAME_CONTENT_BUILDERS
from studyapp.exports.stability_evidence import stability_results
from studyapp.exports.stability_tables import STABILITY_BUILDERS
from studyapp.exports.tabular import Table
from studyapp.models import Study
from studyapp.protocol.schema import AssignmentQuestions, ForcedChoiceQuestions, Protocol

Tables = tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class KindTables:
    """`filled` computes the tables from (study, protocol, mode, seed of the draws); `empty` has no rows.

    `rule` says in a caption by which rule of the protocol answers count; `draws` what its bootstrap draws are
    of, empty where it makes none; `verdicts`: whether answers agree with what is asked, or do not.
    """

    filled: Callable[[Study, Protocol, str, int], Tables]
    empty: Tables
    rule: Callable[[Protocol], str]
    draws: str = ""
    verdicts: bool = False


def _assignment(study: Study, protocol: Protocol, mode: str, seed: int) -> Tables:
    trials = read_trials(study, protocol, mode)
    found = None if trials is None else assignment_results(protocol, trials, seed=seed)
    return tuple(build(found) for build in ASSIGNMENT_BUILDERS)


def _audit(study: Study, protocol: Protocol, mode: str, seed: int) -> Tables:
    found = audit_results(study, protocol, mode)
    return tuple(build(found) for build in AUDIT_BUILDERS)


def _choice(study: Study, protocol: Protocol, mode: str, seed: int) -> Tables:
    found = choice_results(study, protocol, mode)
    return tuple(build(found) for build in CHOICE_BUILDERS)


def _exposure_words(protocol: Protocol) -> str:
    plan = protocol.questions
    if not isinstance(plan, ForcedChoiceQuestions):
        return ""
    shown = f"pictures for {plan.presentation_ms} ms" if plan.limited else "pictures until the answer"
    return f"{len(plan.categories)} categories, {shown}"


def _window_words(protocol: Protocol) -> str:
    plan = protocol.questions
    if not isinstance(plan, AssignmentQuestions):
        return ""
    return f"window {plan.seconds_at_least:g} to {plan.seconds_at_most:g} s"


def _annotators_words(protocol: Protocol) -> str:
    return f"rule {protocol.answers.agreement} of {protocol.answers.required} annotators"


def _stability(study: Study, protocol: Protocol, mode: str, seed: int) -> Tables:
    found = stability_results(study, protocol, mode)
    return tuple(build(found) for build in STABILITY_BUILDERS)


def _same_content(study: Study, protocol: Protocol, mode: str, seed: int) -> Tables:
    found = same_content_results(study, protocol, mode)
    return tuple(build(found) for build in SAME_CONTENT_BUILDERS)


def _agreement_words(protocol: Protocol) -> str:
    return f"rule {protocol.answers.agreement} of {protocol.answers.required}"


OWN_TABLES: Mapping[str, KindTables] = MappingProxyType(
    {
        "stability": KindTables(
            _stability,
            tuple(build(None) for build in STABILITY_BUILDERS),
            rule=_agreement_words,
            verdicts=True,
        ),
        "same_content": KindTables(
            _same_content, tuple(build(None) for build in SAME_CONTENT_BUILDERS), rule=_agreement_words
        ),
        "prototype_assignment": KindTables(
            _assignment,
            tuple(build(None) for build in ASSIGNMENT_BUILDERS),
            rule=_window_words,
            draws="of the people",
        ),
        "attributes": KindTables(
            _audit, tuple(build(None) for build in AUDIT_BUILDERS), rule=_annotators_words
        ),
        "forced_choice": KindTables(
            _choice, tuple(build(None) for build in CHOICE_BUILDERS), rule=_exposure_words
        ),
    }
)


def own_tables(study: Study, protocol: Protocol, mode: str, *, seed: int) -> Tables:
    """Every table of `OWN_TABLES`, those of the study's kind from its answers."""
    return tuple(
        table
        for kind, own in OWN_TABLES.items()
        for table in (own.filled(study, protocol, mode, seed) if kind == study.kind else own.empty)
    )


def empty_own_tables() -> Tables:
    """The same without rows: what their columns are does not depend on a study."""
    return tuple(table for own in OWN_TABLES.values() for table in own.empty)


_OF_ATTACKED = ("adversarial_accuracy", "adversarial_agreement", "filtered_agreement", "turned_verdicts")
KIND_OF_TABLE: Mapping[str, str] = MappingProxyType(
    {table.name: kind for kind, own in OWN_TABLES.items() for table in own.empty}
    | dict.fromkeys(_OF_ATTACKED, "adversarial")
)


def has_table(kind: str, name: str) -> bool:
    """Whether studies of a kind have a table: only tables of another kind are none of theirs."""
    return KIND_OF_TABLE.get(name, kind) == kind
