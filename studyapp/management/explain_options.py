"""What `explain`'s options say: the subjects to explain and the plan, from flags or from a protocol."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from studyapp.management.plan_options import option_of, refuse_out_of_range
from studyapp.models import AttackRun, Category, Classifier, Dataset, Version
from studyapp.protocol.adversarial import AdversarialLabel
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.protocol.keys import KeySpec, keys_of
from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.reading import read_protocol
from studyapp.protocol.schema import Protocol
from studyapp.services.attacks.runs import attack_run_for
from studyapp.services.explanations.runs import (
    METHODS,
    SHOWN,
    Explained,
    ExplanationSubject,
    needed_by,
    parameters_of,
)
from studyapp.services.refusals import Refused
from studyapp.tasks.explanations import ExplanationRequest

BOTH = "both"
_LABELS = {"explained": "--class", "adversarial_label": "--adversarial-label"}


def add_explain_options(parser: ArgumentParser) -> None:
    """DATASET CLASSIFIER, what is explained, of which images, by which method and parameters."""
    parser.add_argument("dataset", metavar="DATASET")
    parser.add_argument("classifier", metavar="CLASSIFIER")
    what = parser.add_argument_group("what is explained")
    what.add_argument(
        "--version",
        choices=(*Version.values, BOTH),
        help="of the pictures; without --version: both where an attack is given, else clean",
    )
    source = what.add_mutually_exclusive_group()
    source.add_argument("--attack", type=int, metavar="ID", help="the attack whose pictures are explained")
    source.add_argument(
        "--protocol",
        type=Path,
        metavar="FILE",
        help="every explanation that an arm of this protocol needs, and the clean ones beside them",
    )
    what.add_argument(
        "--method", action="append", choices=METHODS, help="lime unless given; repeat it for several"
    )
    what.add_argument(
        "--class",
        dest="explained",
        metavar="predicted|true|adversarial|INDEX",
        help="predicted for the version explained (default), the dataset's label, the adversarial label, or "
        "a class",
    )
    what.add_argument(
        "--adversarial-label",
        choices=get_args(AdversarialLabel),
        help="what --class adversarial means: the label of the stored 8-bit picture (default), or of the "
        "float result before rounding",
    )
    which = parser.add_argument_group("which images")
    which.add_argument("--limit", type=int, metavar="N", help="so many drawn ones; a larger one draws on")
    which.add_argument("--seed", type=int, help="of the draw and of the masks; random unless given")
    which.add_argument("--images", nargs="+", default=(), metavar="NAME", help="these images")
    how = parser.add_argument_group("how")
    _add_plan(how)
    how.add_argument("--path", type=int, default=0, metavar="K", help="also K frames of the explanation path")


def request_of(options: Mapping[str, Any], dataset: Dataset, classifier: Classifier) -> ExplanationRequest:
    """The request that the options make; raises Refused for what does not go together."""
    images: dict[str, Any] = {
        "limit": options["limit"],
        "names": tuple(options["images"]),
        "seed": options["seed"],
        "path": options["path"],
    }
    if options["limit"] is not None and options["images"]:
        raise Refused("Give --limit or --images, not both: one draws, the other names.")
    if options["seed"] is not None and not 0 <= options["seed"] < 2**63:
        raise Refused(f"Seed {options['seed']}: give a whole number from 0 to 2**63 - 1.")
    if options["protocol"] is not None:
        protocol = _protocol(options)
        assert protocol.attack is not None
        assert protocol.explanation is not None
        return ExplanationRequest(
            dataset=dataset,
            classifier=classifier,
            subjects=needed_by(protocol),
            plan=protocol.explanation,
            attack_run=attack_run_for(dataset, classifier, protocol.attack),
            **images,
        )
    attack = _attack(options["attack"], dataset, classifier)
    return ExplanationRequest(
        dataset=dataset,
        classifier=classifier,
        subjects=_subjects(options, classifier, attack),
        plan=_plan(options),
        attack_run=attack,
        **images,
    )


def _subjects(
    options: Mapping[str, Any], classifier: Classifier, attack: AttackRun | None
) -> tuple[ExplanationSubject, ...]:
    explained, category = _explained(options["explained"] or str(Explained.PREDICTED), classifier)
    if options["adversarial_label"] and explained != Explained.ADVERSARIAL:
        raise Refused(
            f"--adversarial-label {options['adversarial_label']} says what --class adversarial means, and "
            f"the class explained is {options['explained'] or explained}: leave it out, or give "
            "--class adversarial."
        )
    version = options["version"] or (BOTH if attack is not None else str(Version.CLEAN))
    subjects = (
        ExplanationSubject(
            version=each,
            method=method,
            explained=explained,
            category=category,
            adversarial_label=options["adversarial_label"] or "displayed",
        ).plainly()
        for method in _methods(options)
        for each in (Version.values if version == BOTH else [version])
    )
    found = tuple(dict.fromkeys(subjects))
    if attack is None:
        for subject in found:
            if subject.needs_attack:
                raise Refused(f"To explain {subject.in_words}, an attack is needed: give --attack ID.")
    return found


def _explained(said: str, classifier: Classifier) -> tuple[str, Category | None]:
    kinds = (Explained.PREDICTED, Explained.TRUE, Explained.ADVERSARIAL)
    if said in kinds:
        return said, None
    count = classifier.class_list.categories.count()
    if not said.isdecimal():
        raise Refused(f"--class {said!r} is none of {', '.join(kinds)}, nor a class's index (0-{count - 1}).")
    category = classifier.class_list.categories.filter(index=int(said)).first()
    if category is None:
        raise Refused(
            f"Class {said} is not among the {count:,} classes of {classifier.name} (0-{count - 1}): give one "
            "of those."
        )
    return str(Explained.GIVEN), category


def _attack(pk: int | None, dataset: Dataset, classifier: Classifier) -> AttackRun | None:
    if pk is None:
        return None
    runs = AttackRun.objects.filter(dataset=dataset, classifier=classifier)
    attack = runs.filter(pk=pk).select_related("classifier", "dataset").first()
    if attack is None:
        known = ", ".join(str(each) for each in runs.order_by("pk").values_list("pk", flat=True))
        raise Refused(
            f"There is no attack {pk} on {classifier.name} with {dataset.name} (there are: "
            f"{known or 'none yet'}); make one with: python manage.py attack {dataset.name} {classifier.name}"
        )
    if attack.finished_at is None:
        raise Refused(f"Attack {pk} is not finished: give its command again, then explain.")
    return attack


def _protocol(options: Mapping[str, Any]) -> Protocol:
    also = [option_of(key) for key in keys_of(ExplanationPlan) if options[key.name] is not None]
    also += [f"--{name}" for name in ("method", "version") if options[name]]
    also += [option for name, option in _LABELS.items() if options[name]]
    if also:
        raise Refused(f"The protocol says what {', '.join(also)} would say: leave out one of the two.")
    try:
        protocol = read_protocol(options["protocol"])
    except ProtocolError as problem:
        raise Refused(str(problem)) from problem
    if protocol.attack is None or protocol.explanation is None:
        raise Refused(
            f"Protocol {protocol.name} is of kind {protocol.kind}, which has no explanations: give one of "
            "kind adversarial."
        )
    return protocol


def _plan(options: Mapping[str, Any]) -> ExplanationPlan:
    """The options that were given, held to the limits of the protocol's keys, and the defaults."""
    given = {}
    for key in keys_of(ExplanationPlan):
        value = options[key.name]
        if value is None:
            continue
        refuse_out_of_range(key, value)
        _refuse_unused(key, value, _methods(options))
        given[key.name] = value
    return ExplanationPlan(**given)


def _refuse_unused(key: KeySpec, value: object, methods: Sequence[str]) -> None:
    """Refuse an option that none of the methods chosen takes."""
    plan = ExplanationPlan()
    taking = [each for each in METHODS if key.name in {*parameters_of(each, plan), *SHOWN}]
    if set(taking).isdisjoint(methods):
        words = f"--no-{option_of(key)[2:]}" if value is False else option_of(key)
        said = words if isinstance(value, bool) else f"{words} {value}"
        raise Refused(
            f"{said} has no part in {' or '.join(methods)}; what takes it: {', '.join(taking)}. Leave it "
            f"out, or add --method {taking[0]}."
        )


def _methods(options: Mapping[str, Any]) -> list[str]:
    return options["method"] or ["lime"]


def _add_plan(group: Any) -> None:
    """One option per key of `[explanation]`; none has a default, so that it is known which were given."""
    for key in keys_of(ExplanationPlan):
        text = key.limits.meaning.replace("%", "%%") + (f" Default: {key.default}." if key.default else "")
        if key.choices:
            group.add_argument(option_of(key), choices=key.choices, help=text)
        elif key.inner is bool:
            group.add_argument(option_of(key), action=BooleanOptionalAction, default=None, help=text)
        else:
            group.add_argument(option_of(key), type=key.inner, help=text)
