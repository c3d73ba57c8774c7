"""The options that say what is shifted over what, for `probe shift` and `import_shift_maps`."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from studyapp.tasks.shift_sources import SIDE, ShiftSource


def add_shift_options(parser: ArgumentParser) -> None:
    """The patch and its background, or the larger picture; sizes, stride, and the class asked about."""
    what = parser.add_argument_group("what is shifted (a file, or DATASET:NAME of a dataset's image)")
    what.add_argument("--patch", default="", metavar="RGBA", help="a picture with an alpha channel")
    what.add_argument(
        "--background", default="", metavar="PICTURE", help="under the patch; also a colour: black, #808080"
    )
    what.add_argument("--image", default="", metavar="PICTURE", help="a window moves over this picture")
    how = parser.add_argument_group("sizes, in pixels")
    how.add_argument(
        "--side", type=int, default=SIDE, help=f"of the background or of the window (default {SIDE})"
    )
    how.add_argument(
        "--size", type=int, help="cut the middle of --image to a square of this side (default: as it is)"
    )
    how.add_argument("--patch-size", type=int, help="of the patch's longer side (default: as it is)")
    how.add_argument("--stride", type=int, default=1, help="from one place to the next (default 1)")
    parser.add_argument(
        "--class",
        dest="target",
        type=int,
        required=True,
        metavar="INDEX",
        help="the class whose probability is mapped, by its index in the classifiers' list",
    )


def source_of(options: Mapping[str, Any]) -> ShiftSource:
    """What the options say is shifted."""
    return ShiftSource(
        patch=options["patch"],
        background=options["background"],
        image=options["image"],
        side=options["side"],
        size=options["size"],
        patch_size=options["patch_size"],
        stride=options["stride"],
    )
