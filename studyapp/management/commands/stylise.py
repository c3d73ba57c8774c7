"""`stylise DATASET STYLES OUT`: a copy of a dataset in the styles of other pictures."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.core.validators import validate_slug
from django.utils.text import slugify

from studyapp.management.named import named_dataset
from studyapp.management.research_command import SOME_SKIPPED, ResearchCommand
from studyapp.services.probes.stylising import StyliseRequest
from studyapp.tasks.style_sources import default_weights
from studyapp.tasks.stylise import StyliseSummary, stylise

SHOWN = 20


class Command(ResearchCommand):
    """Writes OUT and registers it as a dataset; weights of encoder and decoder are the researcher's files."""

    help = (
        "Write a copy of a dataset with every image in the style of a drawn picture (AdaIN) and register it "
        "as a dataset of its own. Interrupted or repeated, it goes on where it stood."
    )
    queueable = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """DATASET STYLES OUT, how the pictures are made, and where the weights are."""
        super().add_arguments(parser)
        parser.add_argument("dataset", metavar="DATASET")
        parser.add_argument(
            "styles", metavar="STYLES", type=Path, help="folder of pictures, such as paintings"
        )
        parser.add_argument("out", metavar="OUT", type=Path, help="new or empty folder for the copy")
        parser.add_argument("--name", default="", help="of the new dataset (default: the name of OUT)")
        parser.add_argument(
            "--size", type=int, default=224, help="side of the pictures, 224 or 64 (default %(default)s)"
        )
        parser.add_argument(
            "--stylise-at",
            type=int,
            default=224,
            help="side at which they are stylised; smaller ones are area means (default %(default)s)",
        )
        parser.add_argument(
            "--alpha", type=float, default=1.0, help="0: the content, 1: all style (default %(default)s)"
        )
        parser.add_argument(
            "--styles-per-image", type=int, default=1, help="pictures of each image (default %(default)s)"
        )
        parser.add_argument("--seed", type=int, default=0, help="of the styles drawn (default %(default)s)")
        parser.add_argument("--encoder", type=Path, help="weights of VGG-19 up to relu4_1")
        parser.add_argument("--decoder", type=Path, help="weights of the decoder")

    def handle(self, *args: Any, **options: Any) -> None:
        """Stylise, then print what came of it."""
        out = options["out"].resolve()
        name = options["name"] or slugify(out.name)
        if not name:
            raise CommandError(f"OUT {out} has no name that a dataset could have; give one with --name.")
        validate_slug(name)
        summary = stylise(
            named_dataset(options["dataset"]),
            StyliseRequest(
                name=name,
                folder=out,
                styles=options["styles"].resolve(),
                encoder=(options["encoder"] or default_weights("encoder")).resolve(),
                decoder=(options["decoder"] or default_weights("decoder")).resolve(),
                size=options["size"],
                stylise_at=options["stylise_at"],
                alpha=options["alpha"],
                styles_per_image=options["styles_per_image"],
                seed=options["seed"],
            ),
            queue=options["queue"],
        )
        if summary.job is not None:
            self.say_queued(options, summary.job)
            return
        self._say_summary(options, summary)

    def _say_summary(self, options: dict[str, Any], summary: StyliseSummary) -> None:
        run = summary.run
        styles = run.styles.count()
        lines = [
            f"{run.name}: {summary.images:,} pictures in {run.folder}, from {run.content.name} and "
            f"{styles:,} styles ({run.unreadable_styles:,} unreadable), checked and registered."
        ]
        lines += [f"  left out {name}: {reason}" for name, reason in summary.problems[:SHOWN]]
        if len(summary.problems) > SHOWN:
            lines.append(f"  and {len(summary.problems) - SHOWN:,} more (--json lists all)")
        self.say(
            options,
            "\n".join(lines),
            {
                "dataset": run.name,
                "content": run.content.name,
                "folder": run.folder,
                "images": summary.images,
                "left_out": [{"name": name, "reason": reason} for name, reason in summary.problems],
                "styles": styles,
                "unreadable_styles": run.unreadable_styles,
                "parameters": run.parameters,
                "encoder_sha256": run.encoder_sha256,
                "decoder_sha256": run.decoder_sha256,
            },
        )
        if summary.problems:
            raise CommandError(
                f"{len(summary.problems):,} pictures were left out; the rest is there.",
                returncode=SOME_SKIPPED,
            )
