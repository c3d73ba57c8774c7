"""`select_examples DATASET CLASSIFIER --method M`: prototypes and criticisms per category."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from studyapp.management.named import named_classifier, named_dataset
from studyapp.management.research_command import ResearchCommand
from studyapp.models import ExampleSelection
from studyapp.services.examples.plan import ExampleRequest
from studyapp.services.examples.selections import selected_categories
from studyapp.tasks.examples import select_examples

SHOWN = 10


class Command(ResearchCommand):
    """Choose the examples that stand for each category, and print what fell short."""

    help = (
        "Choose prototypes and criticisms for the categories of a dataset. Interrupted or repeated, it goes "
        "on where it stood; a finished selection stays as it is."
    )
    queueable = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """DATASET CLASSIFIER, the method and its parameters."""
        super().add_arguments(parser)
        parser.add_argument("dataset", metavar="DATASET")
        parser.add_argument("classifier", metavar="CLASSIFIER")
        parser.add_argument(
            "--method",
            required=True,
            choices=ExampleSelection.Method.values,
            help="mmd_critic: greedy on features; adversarial: by steps to flip; probability; random",
        )
        parser.add_argument(
            "--prototypes", type=int, default=6, metavar="N", help="per category (default: %(default)s)"
        )
        parser.add_argument(
            "--criticisms", type=int, default=0, metavar="N", help="per category (default: %(default)s)"
        )
        parser.add_argument(
            "--categories", nargs="+", default=(), metavar="C", help="names, wnids or indices (default: all)"
        )
        parser.add_argument(
            "--split", default="", help="choose among the images of one split, such as train (default: all)"
        )
        parser.add_argument(
            "--seed",
            type=int,
            help="of the draws (default: one is drawn, and the same selection found again)",
        )
        features = parser.add_argument_group("mmd_critic")
        features.add_argument(
            "--layer",
            default="penultimate",
            help="whose activations are the features: a module of the network, penultimate (default: the "
            "input of its last layer) or output (its logits)",
        )
        features.add_argument(
            "--gamma",
            type=float,
            help="of the RBF kernel (default: 1 / the median squared distance within the category)",
        )
        features.add_argument(
            "--lambda", dest="lambda_", type=float, default=1e-5, metavar="L", help="default: %(default)s"
        )
        features.add_argument(
            "--lambda-role",
            choices=("regulariser", "gamma"),
            default="regulariser",
            help="what lambda is: the weight of the log-det regulariser (default), or the kernel's gamma",
        )
        steps = parser.add_argument_group("adversarial")
        steps.add_argument(
            "--ties",
            choices=("draw", "margin"),
            default="draw",
            help="which images among equal steps to flip: a random draw (default), or by the margin",
        )
        steps.add_argument(
            "--attack",
            default="",
            metavar="DIGEST",
            help="beginning of an attack's digest (default: the newest)",
        )
        probability = parser.add_argument_group("probability")
        probability.add_argument(
            "--above", type=float, default=0.9, metavar="P", help="prototypes (default: %(default)s)"
        )
        probability.add_argument(
            "--below", type=float, default=0.1, metavar="P", help="criticisms (default: %(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Select, then print the shortages."""
        begun = time.monotonic()
        selection, job = select_examples(
            named_dataset(options["dataset"]),
            named_classifier(options["classifier"]),
            ExampleRequest(
                method=options["method"],
                prototypes=options["prototypes"],
                criticisms=options["criticisms"],
                categories=tuple(options["categories"]),
                split=options["split"],
                layer=options["layer"],
                gamma=options["gamma"],
                lambda_=options["lambda_"],
                lambda_role=options["lambda_role"],
                ties=options["ties"],
                above=options["above"],
                below=options["below"],
                attack=options["attack"],
                seed=options["seed"],
            ),
            queue=options["queue"],
        )
        if job is not None:
            self.say_queued(options, job)
            return
        categories = selected_categories(selection=selection).count()
        notes = [sentence for _, sentence in selection.notes]
        lines = [
            f"{selection.get_method_display()}: {selection.prototypes} prototypes and {selection.criticisms} "
            f"criticisms for each of {categories:,} categories of {selection.dataset.name}, seed "
            f"{selection.seed}; {len(notes):,} shortages",
            *(f"  {sentence}" for sentence in notes[:SHOWN]),
        ]
        if len(notes) > SHOWN:
            lines.append(f"  and {len(notes) - SHOWN:,} more; see the board, or --json")
        self.say(
            options,
            "\n".join(lines),
            {
                "selection": selection.pk,
                "digest": selection.digest,
                "method": selection.method,
                "prototypes": selection.prototypes,
                "criticisms": selection.criticisms,
                "categories": categories,
                "images": selection.examples.count(),
                "flagged": selection.examples.exclude(flag="").count(),
                "parameters": selection.parameters,
                "seed": selection.seed,
                "shortages": notes,
                "seconds": round(time.monotonic() - begun, 3),
            },
        )
