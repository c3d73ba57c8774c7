"""`import_dataset NAME FOLDER`: a catalogue of labelled images."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.core.validators import validate_slug

from studyapp.management.research_command import SOME_SKIPPED, ResearchCommand
from studyapp.models import Dataset
from studyapp.services.catalogue.imagenet_solution import ORDERS
from studyapp.services.catalogue.plan import ImportRequest
from studyapp.tasks.catalogue import ImportSummary, import_dataset

SHOWN_SKIPPED = 20


class Command(ResearchCommand):
    """Import a class-per-folder tree, a CSV's images, or ImageNet's flat validation folder."""

    help = (
        "Import labelled images. Exit status: 0 all imported, 3 some files skipped (listed with their "
        "reason), 1 refused. Interrupted or repeated, it goes on where it stood."
    )
    queueable = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """NAME FOLDER and what says the labels."""
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="the dataset's name: letters, digits, - and _")
        parser.add_argument("folder", metavar="FOLDER", help="folder of the images; - with --no-files")
        parser.add_argument(
            "--labels",
            type=Path,
            metavar="CSV",
            help="path with wnid, class_index, class_name or class; or ImageNet's solution file",
        )
        parser.add_argument(
            "--classes",
            default="",
            metavar="CSV",
            help="class list (class_index, class_name, perhaps wnid, synonyms, gloss), or the word imagenet",
        )
        parser.add_argument("--no-files", action="store_true", help="names without pixels, from --labels")
        parser.add_argument("--copy", action="store_true", help="copy the files to storage")
        parser.add_argument(
            "--enlarge",
            choices=Dataset.Enlarge.values,
            default=Dataset.Enlarge.SMOOTH.value,
            help="how pictures smaller than the display are enlarged",
        )
        parser.add_argument("--split", default="", help="split of images whose source names none")
        parser.add_argument("--licence", default="", help="licence or source, for the record")
        parser.add_argument("--synsets", type=Path, help="meta.mat or CSV that says what ILSVRC ids mean")
        parser.add_argument(
            "--index-order", choices=ORDERS, default="", help="numbering of ImageNet's solution file"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, then print what came of it."""
        validate_slug(options["name"])
        begun = time.monotonic()
        folder = options["folder"]
        summary = import_dataset(
            ImportRequest(
                name=options["name"],
                root=None if folder == "-" else Path(folder),
                labels=options["labels"],
                classes=options["classes"],
                with_files=not options["no_files"],
                copy=options["copy"],
                enlarge=Dataset.Enlarge(options["enlarge"]),
                split=options["split"],
                licence=options["licence"],
                synsets=options["synsets"],
                index_order=options["index_order"],
            ),
            queue=options["queue"],
        )
        if summary.job is not None:
            self.say_queued(options, summary.job)
            return
        self._say_summary(options, summary, time.monotonic() - begun)

    def _say_summary(self, options: dict[str, Any], summary: ImportSummary, seconds: float) -> None:
        dataset = summary.dataset
        lines = [
            f"{dataset.name}: {summary.imported:,} imported, {summary.images:,} in all, "
            f"{len(summary.skipped):,} skipped; {dataset.class_list} "
            f"({dataset.class_list.categories.count():,} classes)"
        ]
        if summary.note:
            lines.append(summary.note)
        lines += [f"  skipped {file.name}: {file.reason}" for file in summary.skipped[:SHOWN_SKIPPED]]
        if len(summary.skipped) > SHOWN_SKIPPED:
            lines.append(f"  and {len(summary.skipped) - SHOWN_SKIPPED:,} more (--json lists all)")
        self.say(
            options,
            "\n".join(lines),
            {
                "dataset": dataset.name,
                "images": summary.images,
                "imported": summary.imported,
                "skipped": [{"name": file.name, "reason": file.reason} for file in summary.skipped],
                "class_list": dataset.class_list.name,
                "classes": dataset.class_list.categories.count(),
                "note": summary.note,
                "seconds": round(seconds, 3),
            },
        )
        if summary.skipped:
            raise CommandError(
                f"{len(summary.skipped):,} of the files were skipped; the rest is imported.",
                returncode=SOME_SKIPPED,
            )
