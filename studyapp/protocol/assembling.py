"""Raw tables (of a TOML file or of the canonical form) put together into a Protocol.

Every problem is collected. A value that can not be used is replaced by its default so that the rest
can still be checked, and a cross-check that would rest on such a value is not reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from studyapp.protocol.checks import cross_checks
from studyapp.protocol.keys import KeySpec, keys_of
from studyapp.protocol.kinds import KIND_TABLES, KINDS
from studyapp.protocol.lines import Path
from studyapp.protocol.problems import Finding, Problem, ProtocolError, nearest, shown, spelled
from studyapp.protocol.questions import RelevanceQuestions
from studyapp.protocol.schema import (
    AnalysisPlan,
    AnswersRule,
    Arm,
    Contrast,
    Exclusion,
    ParticipantRules,
    Protocol,
    RecruitmentPlan,
    RehearsalPlan,
    ReviewPlan,
)
from studyapp.protocol.values import Complaint, typed

# Name in the file -> (field of Protocol, its dataclass).
TABLES: Mapping[str, tuple[str, type]] = MappingProxyType(
    {
        "answers": ("answers", AnswersRule),
        "participants": ("participants", ParticipantRules),
        "analysis": ("analysis", AnalysisPlan),
        "recruitment": ("recruitment", RecruitmentPlan),
        "review": ("review", ReviewPlan),
        "rehearsal": ("rehearsal", RehearsalPlan),
    }
)
LISTS: Mapping[str, tuple[str, type]] = MappingProxyType(
    {"arm": ("arms", Arm), "contrast": ("contrasts", Contrast), "exclusion": ("exclusions", Exclusion)}
)
TOP_KEYS = tuple(spec.name for spec in keys_of(Protocol))


@dataclass(slots=True)
class _Assembly:
    """The problems found so far and the keys whose values could not be used."""

    findings: list[Finding] = field(default_factory=list)
    unusable: set[Path] = field(default_factory=set)

    def complain(self, path: Path, what: str, remedy: str) -> None:
        self.findings.append(Finding((path,), what, remedy))
        self.unusable.add(path)

    def rests_on_unusable(self, finding: Finding) -> bool:
        return any(path[: len(bad)] == bad for path in finding.paths for bad in self.unusable)

    def value(self, spec: KeySpec, raw: Mapping[str, object], path: Path) -> object:
        if spec.name not in raw:
            if spec.required:
                self.complain(path, f"{spelled(path)} is missing", f"write it: {spec.limits.meaning[:-1]}")
                return _stand_in(spec)
            return spec.default
        value = typed(spec, raw[spec.name])
        if isinstance(value, Complaint):
            self.complain(path, f"{spelled(path)} = {shown(raw[spec.name])} {value.what}", value.remedy)
            return _stand_in(spec) if spec.required else spec.default
        return value

    def fields(self, table: type, raw: object, path: Path, *, rest: Iterable[str] = ()) -> dict[str, Any]:
        """The values of all keys of dataclass `table`; `rest` are names that belong elsewhere."""
        if not isinstance(raw, Mapping):
            self.complain(path, f"{path[0]} = {shown(raw)} is not a table", f"write it as {_header(path)}")
            raw = {}
        specs = keys_of(table)
        names = [spec.name for spec in specs]
        known = {*names, *rest}
        for unknown in (key for key in raw if key not in known):
            self.findings.append(_unknown_key(unknown, [*names, *rest], path))
            meant = nearest(unknown, names)
            if meant is not None:
                # The misspelt key was to replace this default: a clash with the default says nothing.
                self.unusable.add((*path, meant))
        return {spec.name: self.value(spec, raw, (*path, spec.name)) for spec in specs}


def assemble(
    raw: Mapping[str, object],
    *,
    file: str,
    line_of: Callable[[Path], int | None],
    also: Iterable[Finding] = (),
) -> Protocol:
    """Make the Protocol that `raw` describes; raises ProtocolError with every problem found.

    `line_of` gives the line of a key, or of what stands nearest to it; `also` are findings of the
    caller, reported with the rest.
    """
    work = _Assembly(findings=list(also))
    sections = ("questions", *TABLES, *LISTS, *KIND_TABLES)
    parts = work.fields(Protocol, raw, (), rest=sections)
    kind = str(parts["kind"])
    if kind not in KINDS:
        if ("kind",) not in work.unusable:
            close = nearest(kind, tuple(KINDS))
            work.complain(
                ("kind",),
                f"kind = {shown(kind)} is not a kind of study",
                f'did you mean "{close}"' if close else f"choose one of {', '.join(KINDS)}",
            )
        work.unusable.add(("questions",))
        parts["kind"] = next(iter(KINDS))
        parts["questions"] = RelevanceQuestions()
        arm: type = Arm
    else:
        table: type = KINDS[kind].questions
        arm = KINDS[kind].arm
        parts["questions"] = table(**work.fields(table, raw.get("questions", {}), ("questions",)))
        for name, table in KINDS[kind].tables.items():
            parts[name] = table(**work.fields(table, raw.get(name, {}), (name,)))
        for name in KIND_TABLES.keys() & raw.keys() - KINDS[kind].tables.keys():
            work.findings.append(_table_of_another_kind(name, kind))
    for name, (attribute, table) in TABLES.items():
        parts[attribute] = table(**work.fields(table, raw.get(name, {}), (name,)))
    for name, (attribute, table) in LISTS.items():
        element = arm if name == "arm" else table
        parts[attribute] = _elements(work, name, element, raw.get(name, []))
    protocol = Protocol(**parts)
    work.findings += [found for found in cross_checks(protocol) if not work.rests_on_unusable(found)]
    if work.findings:
        problems = [
            Problem(
                file,
                _first_line(found.paths, raw, line_of),
                ".".join(map(str, found.paths[0])),
                found.what,
                found.remedy,
            )
            for found in work.findings
        ]
        raise ProtocolError(sorted(problems, key=lambda problem: problem.line or 0))
    return protocol


def _elements(work: _Assembly, name: str, table: type, raw: object) -> tuple[Any, ...]:
    if not isinstance(raw, list):
        work.complain((name,), f"{name} is not a list of tables", f"write each under its own [[{name}]]")
        return ()
    return tuple(table(**work.fields(table, element, (name, index))) for index, element in enumerate(raw))


def _table_of_another_kind(name: str, kind: str) -> Finding:
    kinds = [other for other, each in KINDS.items() if name in each.tables]
    return Finding(
        ((name,),),
        f"[{name}] has no meaning in a study of kind {kind}",
        f"take it out, or write kind = {shown(kinds[0])}",
    )


def _stand_in(spec: KeySpec) -> object:
    """A value of the right type for a required key that has none; no check that reads it is reported."""
    if spec.choices:
        return spec.choices[0]
    return "" if spec.inner is str else ()


def _header(path: Path) -> str:
    return f"[[{path[0]}]]" if len(path) > 1 else f"[{path[0]}]"


def _unknown_key(key: str, here: list[str], path: Path) -> Finding:
    """Name the nearest key of this table, or the table in which the key does exist."""
    what = f"{key} is not a key of {'a protocol' if not path else _header(path)}"
    close = nearest(key, here)
    homes = _homes_of(key)
    if homes:
        remedy = f"write it {' or '.join(homes)}"
    elif close:
        remedy = f"did you mean {close}"
    else:
        remedy = f"the keys here are {', '.join(here)}"
    return Finding(((*path, key),), what, remedy)


def _homes_of(key: str) -> list[str]:
    homes = ["above the first table"] if key in TOP_KEYS else []
    kinds = [name for name, kind in KINDS.items() if key in _names(kind.questions)]
    if kinds:
        homes.append("under [questions]" if len(kinds) == len(KINDS) else f"in a study of kind {kinds[0]}")
    homes += [f"under [{name}]" for name, (_, table) in TABLES.items() if key in _names(table)]
    homes += [f"under [[{name}]]" for name, (_, table) in LISTS.items() if key in _names(table)]
    homes += [f"under [{name}]" for name, table in KIND_TABLES.items() if key in _names(table)]
    if "under [[arm]]" not in homes:
        arms = [name for name, kind in KINDS.items() if key in _names(kind.arm)]
        homes += [f"under [[arm]] in a study of kind {arms[0]}"] if arms else []
    return homes


def _names(table: type) -> set[str]:
    return {spec.name for spec in keys_of(table)}


def _first_line(
    paths: tuple[Path, ...], raw: Mapping[str, object], line_of: Callable[[Path], int | None]
) -> int | None:
    """Line of the first of `paths` that is written; a default has no line, what clashes with it has."""
    for path in paths:
        if _is_written(path, raw):
            return line_of(path)
    return line_of(paths[0])


def _is_written(path: Path, raw: object) -> bool:
    for step in path:
        if isinstance(raw, Mapping) and step in raw:
            raw = raw[str(step)]
        elif isinstance(raw, list) and isinstance(step, int) and step < len(raw):
            raw = raw[step]
        else:
            return False
    return True
