"""What the keys of a protocol must be to each other; each check names the key to change first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter
from urllib.parse import urlsplit

from studyapp.protocol.adversarial_checks import adversarial_checks, order_checks
from studyapp.protocol.criticism_checks import criticism_checks
from studyapp.protocol.forced_choice import ForcedChoiceQuestions, forced_choice_checks
from studyapp.protocol.lines import Path
from studyapp.protocol.problems import Finding, shown, spelled
from studyapp.protocol.questions import (
    TWO_ALTERNATIVE_POSITIVE,
    TWO_ALTERNATIVE_VALUES,
    ImageQuestions,
    RelevanceQuestions,
    Top5Questions,
)
from studyapp.protocol.same_content import SameContentQuestions, same_content_checks
from studyapp.protocol.schema import Arm, AssignmentQuestions, AttributeQuestions, Protocol
from studyapp.protocol.stability import stability_checks

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Kinds whose question names no class.
_WORDLESS = AssignmentQuestions | AttributeQuestions | ForcedChoiceQuestions | SameContentQuestions
_ORIGIN = re.compile(r"https?://[A-Za-z0-9*.-]+(:\d+)?")


def cross_checks(protocol: Protocol) -> tuple[Finding, ...]:
    """Every way in which the keys of `protocol` contradict each other; empty for a usable protocol."""
    return tuple(
        finding
        for check in (
            *(_names, _answers, _wordings, _controls, _participants, _arms, _plan, _recruitment),
            order_checks,
            adversarial_checks,
            stability_checks,
            same_content_checks,
            criticism_checks,
            forced_choice_checks,
        )
        for finding in check(protocol)
    )


def _found(what: str, remedy: str, *paths: Path) -> Finding:
    return Finding(paths, what, remedy)


def _names(protocol: Protocol) -> Iterator[Finding]:
    if not _NAME.fullmatch(protocol.name):
        yield _found(
            f"name = {shown(protocol.name)} can not be used in addresses and file names",
            "use at most 100 letters, digits, dots, dashes and underscores, a letter or digit first",
            ("name",),
        )
    if protocol.name in protocol.participants.exclude_studies:
        yield _found(
            f"[participants] exclude_studies names the study itself ({protocol.name})",
            "take it out: max_questions limits how much one participant answers here",
            ("participants", "exclude_studies"),
        )


def _answers(protocol: Protocol) -> Iterator[Finding]:
    answers = protocol.answers
    if answers.agreement > answers.required:
        yield _found(
            f"[answers] agreement = {answers.agreement} is more than required = {answers.required}",
            f"choose an agreement from 1 to {answers.required}, or collect more answers",
            ("answers", "agreement"),
            ("answers", "required"),
        )
    unknown = [value for value in answers.positive if value not in answers.values]
    if unknown:
        yield _found(
            f"[answers] positive has {shown(unknown[0])}, which is not one of values ="
            f" {shown(answers.values)}",
            "name only answers that are offered",
            ("answers", "positive"),
            ("answers", "values"),
        )
    elif "unsure" in answers.positive:
        yield _found(
            '[answers] positive has "unsure", but a participant who is unsure does not agree',
            'take it out of positive; it can stay in values (or call the answer "maybe")',
            ("answers", "positive"),
        )
    elif set(answers.positive) >= set(answers.values):
        yield _found(
            "[answers] every one of values is positive, so nobody could disagree",
            "offer an answer that is not positive",
            ("answers", "positive"),
            ("answers", "values"),
        )
    plan = protocol.analysis
    if "proportion" in (plan.rule, plan.incomplete) and plan.minimum_answers > answers.required:
        yield _found(
            f"[analysis] minimum_answers = {plan.minimum_answers} is more than a question collects"
            f" (required = {answers.required})",
            f"choose one from 1 to {answers.required}",
            ("analysis", "minimum_answers"),
            ("answers", "required"),
        )


def _wordings(protocol: Protocol) -> Iterator[Finding]:
    questions = protocol.questions
    own_form = questions.form if isinstance(questions, RelevanceQuestions) else "single"
    two = own_form == "two_alternative"
    answers = protocol.answers
    if two and (answers.values, answers.positive) != (TWO_ALTERNATIVE_VALUES, TWO_ALTERNATIVE_POSITIVE):
        yield _found(
            '[questions] form = "two_alternative" has its own answers',
            f"write values = {shown(TWO_ALTERNATIVE_VALUES)} and positive = {shown(TWO_ALTERNATIVE_POSITIVE)}"
            " under [answers]",
            ("answers", "values"),
            ("answers", "positive"),
            ("questions", "form"),
        )
    if isinstance(questions, RelevanceQuestions) and two and questions.ask_true_label:
        yield _found(
            "[questions] ask_true_label asks again what two_alternative already asks",
            "write ask_true_label = false",
            ("questions", "ask_true_label"),
            ("questions", "form"),
        )
    wordless = two or isinstance(questions, _WORDLESS)
    allowed = frozenset() if wordless else frozenset({"label"})
    yield from _placeholders(questions.wording, allowed, ("questions", "wording"), ("questions", "form"))
    if isinstance(questions, Top5Questions):
        yield from _placeholders(questions.list_wording, frozenset(), ("questions", "list_wording"))
    for index, setup in enumerate(protocol.arm_setups() if protocol.arms else ()):
        where: Path = ("arm", index)
        own = protocol.arms[index]
        form = own.form if isinstance(own, Arm) else None
        if not isinstance(questions, _WORDLESS):
            allowed = frozenset() if setup.form == "two_alternative" else frozenset({"label"})
        if own.wording is not None or form is not None:
            yield from _placeholders(setup.wording, allowed, (*where, "wording"), (*where, "form"))
        if form is not None and isinstance(questions, Top5Questions):
            yield _found(
                f"{spelled((*where, 'form'))} has no meaning in a study of kind {protocol.kind}",
                "take it out",
                (*where, "form"),
            )
        if form == "single" and two:
            yield _found(
                f'{spelled((*where, "form"))} = "single" in a study whose [questions] are two_alternative',
                'write form = "single" under [questions] and "two_alternative" in the other arms',
                (*where, "form"),
                ("questions", "form"),
            )


def _placeholders(wording: str, expected: frozenset[str], *paths: Path) -> Iterator[Finding]:
    """The placeholders in `wording` are the expected ones, each once."""
    try:
        found = [name for _, name, _, _ in Formatter().parse(wording) if name is not None]
    except ValueError:
        found = ["{"]
    if sorted(found) == sorted(expected):
        return
    if expected:
        remedy = "write {label} exactly once, where the class name belongs"
    else:
        remedy = "write a question without braces: the class names stand on the buttons or in the list"
    yield _found(f"{spelled(paths[0])} = {shown(wording)} has the wrong placeholders", remedy, *paths)


def _controls(protocol: Protocol) -> Iterator[Finding]:
    questions = protocol.questions
    if not isinstance(questions, ImageQuestions):
        return
    first, last = questions.foil_ranks
    lowest = 6 if isinstance(questions, Top5Questions) else 2
    if not lowest <= first <= last:
        yield _found(
            f"[questions] foil_ranks = [{first}, {last}] is no range of foils",
            f"give first and last rank, the first at least {lowest}",
            ("questions", "foil_ranks"),
        )
    if questions.hierarchy is None and questions.foils == "siblings" and questions.controls > 0:
        yield _found(
            '[questions] foils = "siblings" needs to know which classes are siblings',
            "name the CSV of category and group in hierarchy",
            ("questions", "foils"),
        )
    if questions.hierarchy is None and questions.review_stratum == "group":
        yield _found(
            '[questions] review_stratum = "group" needs to know the groups',
            "name the CSV of category and group in hierarchy",
            ("questions", "review_stratum"),
        )
    if questions.gold_csv is not None and questions.gold_share == 0:
        yield _found(
            "[questions] gold_csv is given but gold_share is 0, so none of it would be asked",
            "give a gold_share such as 0.05, or take gold_csv out",
            ("questions", "gold_csv"),
        )


def _participants(protocol: Protocol) -> Iterator[Finding]:
    rules = protocol.participants
    if rules.max_questions is not None and rules.max_questions < rules.questions_per_sitting:
        yield _found(
            f"[participants] max_questions = {rules.max_questions} is less than one sitting"
            f" (questions_per_sitting = {rules.questions_per_sitting})",
            "make sittings shorter or allow more questions",
            ("participants", "max_questions"),
        )
    if rules.practice_pass > rules.practice_questions:
        yield _found(
            f"[participants] practice_pass = {rules.practice_pass} is more than practice_questions ="
            f" {rules.practice_questions}, so nobody could pass",
            "ask more practice questions or lower the pass mark",
            ("participants", "practice_pass"),
            ("participants", "practice_questions"),
        )
    if rules.practice_csv is not None and rules.practice_questions == 0:
        yield _found(
            "[participants] practice_csv is given but practice_questions is 0, so none of it would be asked",
            "say how many practice questions there are, or take practice_csv out",
            ("participants", "practice_csv"),
        )


def _arms(protocol: Protocol) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, arm in enumerate(protocol.arms):
        if arm.name in seen:
            yield _found(
                f"{spelled(('arm', index, 'name'))} = {shown(arm.name)} is the name of an earlier arm",
                "give every arm a name of its own",
                ("arm", index, "name"),
            )
        seen.add(arm.name)
    pairs: set[tuple[str, frozenset[str]]] = set()
    for index, contrast in enumerate(protocol.contrasts):
        between = contrast.between
        known = protocol.classifiers if between == "classifiers" else tuple(arm.name for arm in protocol.arms)
        for side, name in (("first", contrast.first), ("second", contrast.second)):
            if name not in known:
                yield _found(
                    f"{spelled(('contrast', index, side))} = {shown(name)} is not one of the study's"
                    f" {between}",
                    f"name one of {', '.join(known)}" if known else f"the study has no {between} to compare",
                    ("contrast", index, side),
                    ("arm",) if between == "arms" else ("classifiers",),
                )
        pair = (between, frozenset({contrast.first, contrast.second}))
        if contrast.first == contrast.second or pair in pairs:
            yield _found(
                f"[[contrast]] {index + 1} compares {contrast.first} with {contrast.second}"
                + (" again" if pair in pairs else ""),
                "plan every pair of two different ones once",
                ("contrast", index, "second"),
                ("contrast", index, "first"),
            )
        pairs.add(pair)


def _plan(protocol: Protocol) -> Iterator[Finding]:
    rule = protocol.analysis.rule
    if protocol.answers.stop_when_decided and rule in ("dawid_skene", "gold_calibrated", "proportion"):
        yield _found(
            f'[answers] stop_when_decided closes questions of which [analysis] rule = "{rule}" needs'
            " every answer",
            'write stop_when_decided = false, or rule = "count"',
            ("answers", "stop_when_decided"),
            ("analysis", "rule"),
        )
    for index, exclusion in enumerate(protocol.exclusions):
        where: Path = ("exclusion", index)
        if exclusion.below is None and exclusion.above is None:
            yield _found(
                f"[[exclusion]] {index + 1} says neither below nor above",
                "say what is left out, for example below = 0.5",
                where,
            )
        if exclusion.below is not None and exclusion.above is not None and exclusion.below >= exclusion.above:
            yield _found(
                f"[[exclusion]] {index + 1} leaves out everything (below {exclusion.below:g}, above"
                f" {exclusion.above:g})",
                "write below smaller than above: what lies between them stays",
                (*where, "below"),
                (*where, "above"),
            )
        gold = protocol.questions.gold_share if isinstance(protocol.questions, ImageQuestions) else 0
        if exclusion.measure == "gold_accuracy" and gold == 0:
            yield _found(
                f'[[exclusion]] {index + 1} measures "gold_accuracy", but no gold question is asked',
                "give a gold_share under [questions], or measure something else",
                (*where, "measure"),
            )


def _recruitment(protocol: Protocol) -> Iterator[Finding]:
    plan = protocol.recruitment
    for site in plan.frame_ancestors:
        if not _ORIGIN.fullmatch(site):
            yield _found(
                f"[recruitment] frame_ancestors has {shown(site)}, which is no site",
                "write scheme and host only, for example https://panel.example.org",
                ("recruitment", "frame_ancestors"),
            )
    url = plan.completion_url
    if url is None:
        return
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        yield _found(
            f"[recruitment] completion_url = {shown(url)} is no web address",
            "write it from https:// on, with {code} where the completion code belongs",
            ("recruitment", "completion_url"),
        )
    elif set(re.findall(r"{(.*?)}", url)) - {"code"}:
        yield _found(
            f"[recruitment] completion_url = {shown(url)} has a placeholder other than {{code}}",
            "use only {code}",
            ("recruitment", "completion_url"),
        )
