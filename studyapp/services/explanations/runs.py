"""Runs of explanations: what tells two apart, opening one, finding the one that a study needs."""

from __future__ import annotations

import hashlib
import json
import secrets
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from django.db import transaction

from studyapp.models import (
    AttackRun,
    Category,
    Classifier,
    Dataset,
    ExplanationRun,
    Version,
)
from studyapp.protocol.adversarial import AdversarialArm, AdversarialLabel, AdversarialQuestions
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.protocol.schema import Protocol
from studyapp.services.refusals import Refused

Explained = ExplanationRun.Explained
Parameter = str | int | float | bool | None

METHODS = ("lime", "integrated_gradients", "gradcam", "occlusion", "feature_ablation")
# What only decides how weights are shown tells no two runs apart: pictures are rendered from the weights.
SHOWN = ("superpixels", "rest")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationSubject:
    """What one run explains: a version of the pictures, by a method, for a choice of class.

    `category`: the class where `explained` is "given". `adversarial_label`: what "adversarial" means, the
    label of the stored 8-bit picture or of the float result.
    """

    version: str
    method: str = "lime"
    explained: str = Explained.PREDICTED
    category: Category | None = None
    adversarial_label: AdversarialLabel = "displayed"

    def plainly(self) -> ExplanationSubject:
        """The same subject in the one way that runs are kept.

        What is predicted of the adversarial picture is the adversarial label as displayed.
        """
        same = self.version == Version.ADVERSARIAL and self.adversarial_label == "displayed"
        explained = (
            Explained.PREDICTED if same and self.explained == Explained.ADVERSARIAL else self.explained
        )
        label = self.adversarial_label if explained == Explained.ADVERSARIAL else "displayed"
        return replace(self, explained=str(explained), adversarial_label=label)

    @property
    def needs_attack(self) -> bool:
        """Whether it says something only about images of an attack."""
        return self.version == Version.ADVERSARIAL or self.explained == Explained.ADVERSARIAL

    @property
    def in_words(self) -> str:
        """Such as "lime of the adversarial pictures, class predicted"."""
        shown = self.category.name if self.category is not None else self.explained
        label = ", float label" if self.adversarial_label == "float" else ""
        return f"{self.method} of the {self.version} pictures, class {shown}{label}"


def parameters_of(method: str, plan: ExplanationPlan) -> dict[str, Parameter]:
    """What of `[explanation]` has a part in the weights that a method gives."""
    parameters: dict[str, Parameter] = {"segmenter": plan.segmenter}
    if method == "lime":
        parameters |= {
            "samples": plan.samples,
            "kernel_width": plan.kernel_width,
            "kernel_sqrt": plan.kernel_sqrt,
            "hidden": plan.hidden,
            "selection": plan.selection,
        }
        if plan.selection == "lasso_path":
            parameters["features"] = plan.superpixels
    if method == "gradcam":
        parameters["layer"] = plan.layer
    return parameters


def needed_by(protocol: Protocol) -> tuple[ExplanationSubject, ...]:
    """Every explanation that an arm of a protocol shows, and those of the clean pictures beside them.

    The clean ones are for the boards: what the classifier looked at before the attack.
    """
    questions = protocol.questions
    if not isinstance(questions, AdversarialQuestions):
        raise Refused(
            f"Protocol {protocol.name} is of kind {protocol.kind}, which shows no explanations: give one of "
            "kind adversarial."
        )
    label = questions.adversarial_label
    found: dict[ExplanationSubject, None] = {}
    methods: dict[str, None] = {}
    for setup in protocol.arm_setups():
        arm = setup.plan if isinstance(setup.plan, AdversarialArm) else AdversarialArm(name=setup.name)
        if arm.shows == "whole":
            continue
        methods[arm.method] = None
        explained = explained_in(arm)
        found[
            ExplanationSubject(
                version=arm.version, method=arm.method, explained=explained, adversarial_label=label
            ).plainly()
        ] = None
    for method in methods:
        for version, explained in (
            (str(Version.CLEAN), str(Explained.PREDICTED)),
            (str(Version.ADVERSARIAL), str(Explained.ADVERSARIAL)),
        ):
            subject = ExplanationSubject(
                version=version, method=method, explained=explained, adversarial_label=label
            )
            found[subject.plainly()] = None
    return tuple(found)


def explained_in(arm: AdversarialArm) -> str:
    """The class that an arm's explanation is of; raises Refused for that of a foil, drawn when asking."""
    asked = arm.label if arm.explained == "asked" else arm.explained
    if asked == "foil":
        raise Refused(
            f"Arm {arm.name} would explain the foil, which is drawn for each question only when the study is "
            'made: write explained = "adversarial" (or "true") in it.'
        )
    return Explained.TRUE if asked == "true" else Explained.ADVERSARIAL


@transaction.atomic
def open_run(
    *,
    dataset: Dataset,
    classifier: Classifier,
    attack_run: AttackRun | None,
    subject: ExplanationSubject,
    plan: ExplanationPlan,
    seed: int | None = None,
    seed_if_new: int | None = None,
) -> ExplanationRun:
    """The run of this subject with these parameters; there is only ever one.

    A run that is there keeps its seed; how its pictures show the weights becomes what `plan` says.
    `seed_if_new`: where `seed` is left open, that of runs made along with it, which then share their masks.
    Raises Refused where a subject needs an attack that is not given, or `seed` is not that of the run.
    """
    subject = subject.plainly()
    attack = _attack_of(dataset, classifier, attack_run, subject)
    parameters = parameters_of(subject.method, plan)
    shown = {name: getattr(plan, name) for name in SHOWN}
    run, created = ExplanationRun.objects.get_or_create(
        dataset=dataset,
        classifier=classifier,
        weights_sha256=classifier.weights_sha256,
        digest=_digest(subject, attack, parameters),
        defaults={
            "attack_run": attack,
            "version": subject.version,
            "method": subject.method,
            "explained": subject.explained,
            "category": subject.category,
            "parameters": {
                **parameters,
                **shown,
                **({"adversarial_label": subject.adversarial_label} if subject.needs_attack else {}),
            },
            "seed": next(each for each in (seed, seed_if_new, secrets.randbits(32)) if each is not None),
        },
    )
    if not created and seed is not None and run.seed != seed:
        raise Refused(
            f"Explanation run {run.pk} ({subject.in_words}) was drawn with seed {run.seed}, not {seed}: "
            "leave --seed out to go on with it."
        )
    if any(run.parameters.get(name) != value for name, value in shown.items()):
        run.parameters = {**run.parameters, **shown}
        run.save(update_fields=["parameters"])
    return run


def explanation_run_for(
    *,
    dataset: Dataset,
    classifier: Classifier,
    attack_run: AttackRun | None,
    version: str,
    method: str,
    explained: str,
    plan: ExplanationPlan,
    adversarial_label: AdversarialLabel = "displayed",
    images: Iterable[int] | None = None,
) -> ExplanationRun:
    """The finished run of this subject with the parameters of `plan`, however it shows its weights.

    `images`: primary keys that it must have. Raises Refused with the command to give where the run is
    missing, unfinished, or lacks some of the images. Failed explanations count as there.
    """
    subject = ExplanationSubject(
        version=version, method=method, explained=explained, adversarial_label=adversarial_label
    ).plainly()
    attack = _attack_of(dataset, classifier, attack_run, subject)
    command = explain_command(
        dataset=dataset, classifier=classifier, attack_run=attack_run, subject=subject, plan=plan
    )
    run = ExplanationRun.objects.filter(
        dataset=dataset,
        classifier=classifier,
        weights_sha256=classifier.weights_sha256,
        digest=_digest(subject, attack, parameters_of(method, plan)),
    ).first()
    about = f"{subject.in_words} of {dataset.name} by {classifier.name}"
    if run is None:
        raise Refused(f"There is no explanation run ({about}) with these parameters: {command}")
    if run.finished_at is None:
        raise Refused(f"Explanation run {run.pk} ({about}) is not finished: {command}")
    if images is not None:
        wanted = set(images)
        lacking = wanted - set(run.explanations.values_list("image_id", flat=True))
        if lacking:
            raise Refused(
                f"Explanation run {run.pk} ({about}) lacks {len(lacking):,} of {len(wanted):,} images: "
                f"{command}"
            )
    return run


def explain_command(
    *,
    dataset: Dataset,
    classifier: Classifier,
    attack_run: AttackRun | None,
    subject: ExplanationSubject,
    plan: ExplanationPlan,
) -> str:
    """The command line that makes such a run."""
    words = ["python", "manage.py", "explain", dataset.name, classifier.name]
    if attack_run is not None:
        words += ["--attack", str(attack_run.pk)]
    words += ["--version", str(subject.version), "--method", subject.method]
    explained = str(subject.category.index) if subject.category is not None else str(subject.explained)
    words += ["--class", explained]
    if subject.adversarial_label == "float":
        words += ["--adversarial-label", "float"]
    default = ExplanationPlan()
    relevant = {*parameters_of(subject.method, plan), *SHOWN}
    for key in fields(plan):
        value = getattr(plan, key.name)
        if key.name not in relevant or value == getattr(default, key.name):
            continue
        option = "--" + key.name.replace("_", "-")
        words += [f"--no-{option[2:]}"] if value is False else [option, str(value)]
    return shlex.join(words)


def _attack_of(
    dataset: Dataset, classifier: Classifier, attack_run: AttackRun | None, subject: ExplanationSubject
) -> AttackRun | None:
    """The attack that the subject depends on: none for clean pictures whose class no attack decides."""
    if attack_run is not None and (
        attack_run.dataset_id != dataset.pk or attack_run.classifier_id != classifier.pk
    ):
        raise Refused(
            f"Attack {attack_run.pk} is on {attack_run.classifier} with {attack_run.dataset}, not on "
            f"{classifier.name} with {dataset.name}: give one of theirs."
        )
    if not subject.needs_attack:
        return None
    if attack_run is None:
        raise Refused(
            f"{subject.in_words[0].upper()}{subject.in_words[1:]} needs an attack: give --attack ID (the "
            f"attacks on {classifier.name} are made by: python manage.py attack {dataset.name} "
            f"{classifier.name})."
        )
    return attack_run


def _digest(subject: ExplanationSubject, attack: AttackRun | None, parameters: dict[str, Parameter]) -> str:
    told = {
        "version": str(subject.version),
        "method": subject.method,
        "explained": str(subject.explained),
        "category": subject.category.index if subject.category is not None else None,
        "adversarial_label": subject.adversarial_label,
        "attack": f"{attack.weights_sha256}:{attack.digest}" if attack is not None else None,
        "parameters": parameters,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
