"""Boards: the pictures of chosen images with their captions, as PNG or PDF, pixels unchanged."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure as Canvas

from studyapp.exports.gallery_boards import BoardFormat, BoardRow, BoardWords
from studyapp.exports.gallery_panels import Panel
from studyapp.exports.palette import INK, SOFT

ROWS = {"png": 50, "pdf": 8}
_DPI = 100
# Pictures smaller than this are enlarged by whole pixels.
_LEAST = 160
_MARGIN, _GAP, _LINE, _HEAD = 24, 8, 15, 64
# Above and below the lines under a row of pictures.
_CAPTION_ROOM = 14


def board_file(rows: Sequence[BoardRow], words: BoardWords, file_format: BoardFormat) -> bytes:
    """A board that fits one file: a PNG of all rows, or a PDF with as many pages as it takes."""
    out = io.BytesIO()
    if file_format == "pdf":
        with PdfPages(out, metadata={"Title": words.title, "CreationDate": None}) as pdf:
            for page in _pages(rows, "pdf"):
                pdf.savefig(_drawn(page, words))
    else:
        _drawn(rows, words).savefig(out, format="png", metadata={"Software": None, "Title": words.title})
    return out.getvalue()


def board_archive(rows: Iterable[BoardRow], words: BoardWords, file_format: BoardFormat) -> bytes:
    """A long board: one PDF, or a zip of PNGs of 50 rows each. Rows are read as they are drawn."""
    if file_format == "pdf":
        return board_file(list(rows), words, "pdf")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for number, page in enumerate(_pages(rows, "png"), start=1):
            archive.writestr(f"board-{number:03}.png", board_file(page, words, "png"))
    return out.getvalue()


def _pages(rows: Iterable[BoardRow], file_format: BoardFormat) -> Iterator[list[BoardRow]]:
    page: list[BoardRow] = []
    for row in rows:
        page.append(row)
        if len(page) == ROWS[file_format]:
            yield page
            page = []
    if page:
        yield page


def _drawn(rows: Sequence[BoardRow], words: BoardWords) -> Canvas:
    """One page: everything is placed in pixels, so that a PNG holds each picture's own."""
    side = _side(rows)
    columns = max((len(row.panels) for row in rows), default=1)
    width = max(2 * _MARGIN + columns * side + (columns - 1) * _GAP, 640)
    captions = [[*_wrapped(row.first, width), *_wrapped(row.second, width)] for row in rows]
    caption = _CAPTION_ROOM + _LINE * max(map(len, captions), default=0)
    height = _HEAD + len(rows) * (side + caption) + _MARGIN
    canvas = Canvas(figsize=(width / _DPI, height / _DPI), dpi=_DPI, layout=None)
    FigureCanvasAgg(canvas)
    axes = canvas.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    _text(axes, _MARGIN, 14, _short(words.title, width), size=10, weight="bold")
    _text(axes, _MARGIN, 32, _short(words.source, width), colour=SOFT)
    if rows:
        for place, panel in enumerate(rows[0].panels):
            _text(axes, _MARGIN + place * (side + _GAP), 48, panel.title, colour=SOFT)
    for number, row in enumerate(rows):
        top = _HEAD + number * (side + caption)
        for place, panel in enumerate(row.panels):
            _picture(axes, panel, _MARGIN + place * (side + _GAP), top, side)
        above = len(_wrapped(row.first, width))
        for place, line in enumerate(captions[number]):
            colour = INK if place < above else SOFT
            _text(axes, _MARGIN, top + side + 3 + _LINE * place, line, colour=colour)
    # Pictures would otherwise stretch the axes to themselves.
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return canvas


def _picture(axes: Any, panel: Panel, left: int, top: int, side: int) -> None:
    if panel.pixels is None:
        _text(axes, left, top + 4, panel.missing, colour=SOFT)
        return
    height, width = panel.pixels.shape[:2]
    times = max(side // max(height, width), 1)
    axes.imshow(
        panel.pixels,
        extent=(left, left + width * times, top + height * times, top),
        interpolation="none",
        aspect="auto",
        origin="upper",
    )


def _side(rows: Sequence[BoardRow]) -> int:
    """Pixels a picture takes: the largest one's own, times a whole number where it is small."""
    sides = [max(panel.pixels.shape[:2]) for row in rows for panel in row.panels if panel.pixels is not None]
    largest = max(sides, default=_LEAST)
    return largest * max(-(-_LEAST // largest), 1)


def _text(
    axes: Any, left: int, top: int, text: str, *, size: float = 7.5, weight: str = "normal", colour: str = INK
) -> None:
    # Names of classes may hold a dollar sign, which would begin a formula.
    axes.text(left, top, text, va="top", fontsize=size, fontweight=weight, color=colour, parse_math=False)


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of a caption: broken between its parts where it is too long, cut where one part is."""
    lines: list[str] = []
    for part in text.split(" · "):
        longer = f"{lines[-1]} · {part}" if lines else part
        if lines and len(longer) <= int(width / 5.6):
            lines[-1] = longer
        else:
            lines.append(_short(part, width))
    return lines


def _short(text: str, width: int) -> str:
    most = int(width / 5.6)
    return text if len(text) <= most else f"{text[: most - 1]}…"
