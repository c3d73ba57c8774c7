"""The demo's data and runs, by the very commands that a researcher types."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command

from studyapp.management.demo.recipes import (
    DemoAttack,
    DemoClassifier,
    DemoDataset,
    DemoExamples,
    DemoProbe,
    DemoShift,
)
from studyapp.management.research_command import SOME_SKIPPED
from studyapp.models import AttackRun, Classifier, Dataset, Job, PredictionRun
from studyapp.protocol.reading import read_protocol
from studyapp.services.attacks.runs import open_attack_run

Say = Callable[[str], None]

_SEED = 2018


def import_folder(dataset: DemoDataset, say: Say) -> None:
    """Import a dataset once."""
    imported = Job.objects.filter(
        kind="import_dataset", parameters__dataset=dataset.name, state=Job.State.DONE
    )
    if imported.exists():
        return
    say(f"Dataset {dataset.name}")
    try:
        call_command(
            "import_dataset",
            dataset.name,
            str(dataset.folder),
            labels=dataset.labels,
            classes=dataset.classes,
            enlarge=dataset.enlarge,
            licence=dataset.licence,
        )
    except CommandError as problem:
        # Files that cannot be read are listed and left out; the rest is the demo.
        if problem.returncode != SOME_SKIPPED:
            raise


def predict(classifier: DemoClassifier, say: Say) -> None:
    """Register a classifier and let it predict its dataset, once."""
    finished = PredictionRun.objects.filter(
        classifier__name=classifier.name, dataset__name=classifier.dataset, finished_at__isnull=False
    )
    if finished.exists():
        return
    say(f"Classifier {classifier.name}")
    call_command(
        "add_classifier",
        classifier.name,
        architecture=classifier.architecture,
        weights=classifier.weights,
        trained_on=classifier.trained_on,
    )
    call_command("predict", classifier.dataset, classifier.name)


def attack(attack: DemoAttack, say: Say) -> None:
    """Attack a classifier, then explain what it sees before and after."""
    say(f"Attack on {attack.classifier} with {attack.dataset}")
    _quietly("attack", attack.dataset, attack.classifier, protocol=attack.protocol)
    say(f"Explanations of {attack.classifier} on {attack.dataset}")
    options: dict[str, Any] = {"protocol": attack.protocol}
    if attack.methods:
        options = {"attack": _run_of(attack).pk, "method": list(attack.methods), "samples": attack.samples}
    if attack.limit is not None:
        options["limit"] = attack.limit
    # A seed of its own, so that a repeated demo finds the images it has drawn.
    _quietly("explain", attack.dataset, attack.classifier, seed=_SEED, **options)


def _run_of(attack: DemoAttack) -> AttackRun:
    """The run that the command made or went on with, whatever a researcher has attacked since."""
    plan = read_protocol(attack.protocol).attack
    assert plan is not None
    return open_attack_run(
        dataset=Dataset.objects.get(name=attack.dataset),
        classifier=Classifier.objects.get(name=attack.classifier),
        plan=plan,
    )


def examples(wanted: DemoExamples, say: Say) -> None:
    """Choose prototypes and criticisms."""
    say(f"Examples of {wanted.dataset}: {wanted.method}, {wanted.prototypes} + {wanted.criticisms}")
    _quietly(
        "select_examples",
        wanted.dataset,
        wanted.classifier,
        method=wanted.method,
        prototypes=wanted.prototypes,
        criticisms=wanted.criticisms,
    )


def probe(wanted: DemoProbe, say: Say) -> None:
    """See how predictions change with the colours."""
    say(f"Colour probe of {wanted.dataset}")
    _quietly("probe", "colour", wanted.dataset, *wanted.classifiers)


def shift(wanted: DemoShift, say: Say) -> None:
    """See how a prediction changes with the place of a window."""
    say(f"Shift maps of {wanted.image}")
    _quietly(
        *("probe", "shift", *wanted.classifiers),
        *("--image", wanted.image, "--size", str(wanted.size), "--stride", str(wanted.stride)),
        *("--class", str(wanted.target)),
    )


def _quietly(name: str, *arguments: str, **options: Any) -> None:
    """Run a command whose tables nobody asked for; its progress still shows, its complaints are raised."""
    try:
        call_command(name, *arguments, **options, stdout=StringIO())
    except CommandError as problem:
        if problem.returncode != SOME_SKIPPED:
            raise
