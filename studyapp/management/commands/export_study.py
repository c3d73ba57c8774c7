"""`export_study STUDY FOLDER`: the bundle of answers, questions, tables, figures, protocol and manifest."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from studyapp.exports.bundle import MANIFEST, NotABundleError, export_bundle
from studyapp.management.research_command import ResearchCommand
from studyapp.models import Mode
from studyapp.services.studies.bootstrap import ensure_bootstrap_draw
from studyapp.services.studies.life import study_named


class Command(ResearchCommand):
    """Writes a folder that can be published beside a paper; the same answers give the same bytes."""

    help = "Write a study's export bundle: answers, questions, tables, figures, data dictionary, manifest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """STUDY FOLDER and whose answers."""
        super().add_arguments(parser)
        parser.add_argument("study", metavar="STUDY", help="Name of the study.")
        parser.add_argument(
            "folder", metavar="FOLDER", type=Path, help="New folder, or one that holds an earlier bundle."
        )
        parser.add_argument(
            "--mode", choices=Mode.values, default=Mode.REAL, help="Whose answers. Default: real."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the bundle and say how much it is."""
        study = study_named(options["study"])
        if study.built_at is None:
            raise CommandError(f"Study {study.name} is not built; run create_study again to go on with it.")
        ensure_bootstrap_draw(study=study)
        with tqdm(unit=" files", desc=f"export {study.name}", disable=not sys.stderr.isatty()) as bar:
            try:
                files = export_bundle(
                    study=study,
                    mode=options["mode"],
                    folder=options["folder"],
                    progress=lambda _path: bar.update() and None,
                )
            except NotABundleError as error:
                raise CommandError(str(error)) from error
        size = sum(file.size for file in files) / 1e6
        self.say(
            options,
            f"{len(files)} files, {size:.1f} MB, in {options['folder']} (see {MANIFEST}).",
            {"folder": str(options["folder"]), "files": {file.path: file.sha256 for file in files}},
        )
