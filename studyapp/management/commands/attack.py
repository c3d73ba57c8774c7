"""`attack DATASET CLASSIFIER`: adversarial versions of the images that a classifier gets right."""

from __future__ import annotations

import math
import time
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import CommandError

from studyapp.exports.attack_tables import attack_tables
from studyapp.exports.plain_text import table_text
from studyapp.exports.writing import plain_rows
from studyapp.management.named import named_classifier, named_dataset
from studyapp.management.plan_options import option_of, refuse_out_of_range
from studyapp.management.research_command import SOME_SKIPPED, ResearchCommand
from studyapp.models import AdversarialImage, AttackRun
from studyapp.protocol.attack import AttackPlan, Norm, Space, StepStd, Stop
from studyapp.protocol.keys import keys_of
from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.reading import read_protocol
from studyapp.services.attacks.summaries import attack_facts
from studyapp.services.refusals import Refused
from studyapp.tasks.attacks import attack_dataset

SHOWN_FAILURES = 10


class Command(ResearchCommand):
    """Attack every image with the iterative fast gradient method, print accuracy before and after."""

    help = (
        "Attack a classifier with the iterative fast gradient method on every image that it gets right, "
        "store the 8-bit pictures and print accuracy before and after. Exit status 3: some images failed "
        "(listed with their reason). Interrupted or repeated, it goes on where it stood."
    )
    queueable = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """DATASET CLASSIFIER and the attack's parameters."""
        super().add_arguments(parser)
        parser.add_argument("dataset", metavar="DATASET")
        parser.add_argument("classifier", metavar="CLASSIFIER")
        parser.add_argument(
            "--categories",
            type=int,
            metavar="N",
            help="only images of N categories, drawn at random (paper: 20)",
        )
        parser.add_argument("--seed", type=int, help="seed of that draw; without one an earlier draw is kept")
        parser.add_argument(
            "--protocol", type=Path, metavar="TOML", help="take the parameters from its table [attack]"
        )
        said = {key.name: f"{key.limits.meaning} Default: {key.default}." for key in keys_of(AttackPlan)}
        parser.add_argument("--step", type=fraction, help=said["step"] + " 1/255 is understood.")
        parser.add_argument("--steps", type=int, help=said["steps"])
        parser.add_argument("--norm", choices=get_args(Norm), help=said["norm"])
        parser.add_argument("--space", choices=get_args(Space), help=said["space"])
        parser.add_argument("--radius", type=fraction, help=said["radius"])
        parser.add_argument("--step-std", choices=get_args(StepStd), help=said["step_std"])
        parser.add_argument("--stop", choices=get_args(Stop), help=said["stop"])
        parser.add_argument("--grid", action="store_const", const=True, help=said["grid"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Attack, then print the tables."""
        begun = time.monotonic()
        if options["seed"] is not None and options["categories"] is None:
            raise Refused("--seed is the seed of --categories N; give both or neither.")
        run, job = attack_dataset(
            named_dataset(options["dataset"]),
            named_classifier(options["classifier"]),
            _plan(options),
            categories=options["categories"],
            seed=options["seed"],
            queue=options["queue"],
        )
        if job is not None:
            self.say_queued(options, job)
            return
        facts = attack_facts(run=run)
        tables = attack_tables(facts)
        failed = _failed(run)
        self.say(
            options,
            "\n".join([*(table_text(table) for table in tables.values()), *_listed(failed)]),
            {
                "run": run.pk,
                "dataset": run.dataset.name,
                "classifier": run.classifier.name,
                "seed": run.seed,
                "categories": run.categories,
                "grey_levels_per_step": list(facts.grey_levels),
                "tables": {name: plain_rows(table) for name, table in tables.items()},
                "failed": [{"image": name, "reason": reason} for name, reason in failed],
                "seconds": round(time.monotonic() - begun, 3),
            },
        )
        if failed:
            raise CommandError(
                f"{len(failed):,} images failed and are in no count; the rest is attacked.",
                returncode=SOME_SKIPPED,
            )


def fraction(text: str) -> float:
    """A number, or two with a stroke between them."""
    try:
        above, _, below = text.partition("/")
        value = float(above) / float(below) if below else float(text)
    except (ValueError, ZeroDivisionError):
        value = math.nan
    if not math.isfinite(value):
        raise ArgumentTypeError(f"{text!r} is no number; give one such as 0.001 or 1/255")
    return value


def _plan(options: dict[str, Any]) -> AttackPlan:
    """The parameters from the protocol, or from the options with the paper's as defaults."""
    keys = [key for key in keys_of(AttackPlan) if options[key.name] is not None]
    file: Path | None = options["protocol"]
    if file is None:
        for key in keys:
            refuse_out_of_range(key, options[key.name])
        return AttackPlan(**{key.name: options[key.name] for key in keys})
    if keys:
        names = ", ".join(option_of(key) for key in keys)
        raise Refused(f"{names} would change the attack of {file.name}; give a protocol or parameters.")
    try:
        protocol = read_protocol(file)
    except ProtocolError as problem:
        raise Refused(str(problem)) from problem
    if protocol.attack is None:
        raise Refused(
            f"{file.name} has no table [attack] (its kind is {protocol.kind}); give parameters as options."
        )
    return protocol.attack


def _failed(run: AttackRun) -> list[tuple[str, str]]:
    rows = run.adversarial_images.filter(outcome=AdversarialImage.Outcome.FAILED)
    return list(rows.order_by("image__name").values_list("image__name", "reason"))


def _listed(failed: list[tuple[str, str]]) -> list[str]:
    lines = [f"  {name}: {reason}" for name, reason in failed[:SHOWN_FAILURES]]
    if len(failed) > SHOWN_FAILURES:
        lines.append(f"  and {len(failed) - SHOWN_FAILURES:,} more")
    return lines
