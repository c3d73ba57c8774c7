"""`add_classifier NAME`: a classifier by architecture, weights and class list."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.validators import validate_slug

from studyapp.management.research_command import ResearchCommand
from studyapp.services.catalogue.classifiers import describe_training
from studyapp.tasks.classifiers import ClassifierRequest, add_classifier


class Command(ResearchCommand):
    """Register a classifier: loaded once to see that it works, then kept with a digest of its weights."""

    help = (
        "Register a classifier: a torchvision, packaged or digits architecture, a local TorchScript or "
        "torch.export file, or (with --classes alone) one whose predictions are made elsewhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """NAME and where network, weights and classes come from."""
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="the classifier's name: letters, digits, - and _")
        parser.add_argument(
            "--architecture",
            default="",
            help="such as resnet50, efficientnet_lite0, squeezenet1_1_caffe, torchscript, torch_export",
        )
        parser.add_argument("--weights", type=Path, metavar="FILE", help="state dict, safetensors or export")
        parser.add_argument("--classes", type=Path, metavar="CSV", help="class_index, class_name, wnid")
        parser.add_argument("--classes-from", default="", metavar="DATASET", help="a dataset's class list")
        parser.add_argument("--preprocessing", type=Path, metavar="JSON", help="as --json prints it")
        parser.add_argument("--pretrained", default="DEFAULT", help="which of torchvision's weights")
        parser.add_argument("--fixed-batch", type=int, metavar="N", help="batch size an export insists on")
        parser.add_argument(
            "--trained-on", default="", metavar="TEXT", help="what its weights were trained on; kept, shown"
        )
        parser.add_argument(
            "--validated-on", default="", metavar="TEXT", help="what they were validated on; kept, shown"
        )
        parser.add_argument(
            "--trust-file",
            action="store_true",
            help="the export's origin is known: loading it may run code that it contains",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Register, then print what was registered."""
        validate_slug(options["name"])
        classifier, new = add_classifier(
            ClassifierRequest(
                name=options["name"],
                architecture=options["architecture"],
                weights=options["weights"],
                classes=options["classes"],
                classes_from=options["classes_from"],
                preprocessing=options["preprocessing"],
                pretrained=options["pretrained"],
                trusted=options["trust_file"],
                fixed_batch=options["fixed_batch"],
            )
        )
        describe_training(
            classifier=classifier,
            trained_on=options["trained_on"],
            validated_on=options["validated_on"],
        )
        classes = classifier.class_list.categories.count()
        weights = f", weights {classifier.weights_sha256[:12]}" if classifier.weights_sha256 else ""
        self.say(
            options,
            f"{classifier.name}: {classifier.get_source_display()} {classifier.architecture}".rstrip()
            + f", {classifier.class_list} ({classes:,} classes){weights}"
            + ("" if new else "; registered already"),
            {
                "classifier": classifier.name,
                "new": new,
                "source": classifier.source,
                "architecture": classifier.architecture,
                "weights": classifier.weights,
                "weights_sha256": classifier.weights_sha256,
                "preprocessing": classifier.preprocessing,
                "trained_on": classifier.trained_on,
                "validated_on": classifier.validated_on,
                "class_list": classifier.class_list.name,
                "classes": classes,
            },
        )
