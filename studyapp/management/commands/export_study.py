"""`export_study STUDY FOLDER`: the bundle of answers, questions, tables, figures, protocol and manifest."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from studyapp.exports.bundle import MANIFEST, NotABundleError, export_bundle
from studyapp.management.commands.results import find_study
from studyapp.models import Mode
from studyapp.services.studies.bootstrap import ensure_bootstrap_draw


class Command(BaseCommand):
    """Writes a folder that can be published beside a paper; the same answers give the same bytes."""

    help = "Write a study's export bundle: answers, questions, tables, figures, data dictionary, manifest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="Name of the study.")
        parser.add_argument("folder", type=Path, help="New folder, or one that holds an earlier bundle.")
        parser.add_argument(
            "--mode", choices=Mode.values, default=Mode.REAL, help="Whose answers. Default: real."
        )
        parser.add_argument("--json", action="store_true", help="Print the files and their digests as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = find_study(options["study"])
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
        if options["json"]:
            found = {file.path: file.sha256 for file in files}
            self.stdout.write(json.dumps({"folder": str(options["folder"]), "files": found}))
            return
        size = sum(file.size for file in files) / 1e6
        self.stdout.write(f"{len(files)} files, {size:.1f} MB, in {options['folder']} (see {MANIFEST}).")
