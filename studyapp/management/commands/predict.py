"""`predict DATASET CLASSIFIER`: what a classifier says of every image."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from studyapp.management.named import named_classifier, named_dataset
from studyapp.management.research_command import ResearchCommand
from studyapp.management.standard_errors import errors_as_json, errors_in_words
from studyapp.services.predictions.runs import standard_errors
from studyapp.tasks.classifiers import PRECISIONS
from studyapp.tasks.predict import predict_dataset


class Command(ResearchCommand):
    """Predict every image, keep the best 20 classes with their probabilities, print the standard errors."""

    help = (
        "Predict every image of a dataset and print standard top-1 and top-5 error. Interrupted or repeated, "
        "it goes on where it stood."
    )
    queueable = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """DATASET CLASSIFIER."""
        super().add_arguments(parser)
        parser.add_argument("dataset", metavar="DATASET")
        parser.add_argument("classifier", metavar="CLASSIFIER")
        parser.add_argument(
            "--precision",
            choices=PRECISIONS,
            default="float32",
            help="float32 is the reference; bfloat16 and amp (CUDA) are faster and differ in the third digit",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Predict, then print the errors."""
        begun = time.monotonic()
        run, job = predict_dataset(
            named_dataset(options["dataset"]),
            named_classifier(options["classifier"]),
            precision=options["precision"],
            queue=options["queue"],
        )
        if job is not None:
            self.say_queued(options, job)
            return
        errors = standard_errors(run=run)
        self.say(
            options,
            errors_in_words(run, errors),
            {**errors_as_json(run, errors), "seconds": round(time.monotonic() - begun, 3)},
        )
