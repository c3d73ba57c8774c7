"""`import_predictions DATASET CLASSIFIER CSV`: predictions made elsewhere."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from studyapp.management.named import named_classifier, named_dataset
from studyapp.management.research_command import ResearchCommand
from studyapp.management.standard_errors import errors_as_json, errors_in_words
from studyapp.services.predictions.importing import import_predictions
from studyapp.services.predictions.runs import standard_errors


class Command(ResearchCommand):
    """Import a CSV of image, predicted_class[, probability]; a malformed one imports nothing."""

    help = "Import predictions made elsewhere: image, predicted_class (index, wnid or name)[, probability]."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """DATASET CLASSIFIER CSV."""
        super().add_arguments(parser)
        parser.add_argument("dataset", metavar="DATASET")
        parser.add_argument("classifier", metavar="CLASSIFIER")
        parser.add_argument("path", metavar="CSV", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, then print the errors."""
        imported = import_predictions(
            dataset=named_dataset(options["dataset"]),
            classifier=named_classifier(options["classifier"]),
            path=options["path"],
        )
        errors = standard_errors(run=imported.run)
        self.say(
            options,
            f"{imported.imported:,} predictions imported\n{errors_in_words(imported.run, errors)}",
            {"imported": imported.imported, **errors_as_json(imported.run, errors)},
        )
