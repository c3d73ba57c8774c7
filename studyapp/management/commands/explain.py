"""`explain DATASET CLASSIFIER`: which superpixels speak for what a classifier says."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError, CommandParser

from studyapp.management.explain_options import add_explain_options, request_of
from studyapp.management.explain_report import report_as_json, report_in_words
from studyapp.management.named import named_classifier, named_dataset
from studyapp.management.research_command import SOME_SKIPPED, ResearchCommand
from studyapp.services.explanations.summaries import summarise_run
from studyapp.tasks.explanations import explain_images


class Command(ResearchCommand):
    """Explain predictions by superpixels, clean pictures and attacked ones, by one method or several."""

    help = (
        "Explain what a classifier says of pictures, clean or attacked, by superpixels: LIME, or a method of "
        "Captum on the same superpixels. Stores weights, fit and pictures. Exit status 3: some images could "
        "not be explained (listed with their reason). Interrupted or repeated, it goes on where it stood."
    )
    queueable = True

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """As Django's, but that `--version` is the version of the pictures and not Django's own."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """DATASET CLASSIFIER, what is explained, of which images, and how."""
        super().add_arguments(parser)
        add_explain_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Explain, then print how far each run is and how well it fits."""
        begun = time.monotonic()
        dataset, classifier = named_dataset(options["dataset"]), named_classifier(options["classifier"])
        runs, job = explain_images(request_of(options, dataset, classifier), queue=options["queue"])
        if job is not None:
            self.say_queued(options, job)
            return
        summaries = [summarise_run(run) for run in runs]
        seconds = round(time.monotonic() - begun, 3)
        self.say(
            options,
            report_in_words(summaries),
            {**report_as_json(summaries), "seconds": seconds},
        )
        failed = sum(summary.failed for summary in summaries)
        if failed:
            raise CommandError(
                f"{failed:,} explanations could not be made, for the reasons listed; the others are there.",
                returncode=SOME_SKIPPED,
            )
