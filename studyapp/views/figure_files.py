"""Figures and tables as files, the same wherever a page offers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from django.http import Http404, HttpRequest, HttpResponse

from studyapp.exports.figures import Figure
from studyapp.exports.tabular import Table
from studyapp.exports.writing import table_csv, table_json, table_latex

TABLE_TYPES = {
    "csv": ("text/csv; charset=utf-8", table_csv),
    "json": ("application/json", table_json),
    "tex": ("application/x-tex; charset=utf-8", table_latex),
}
FigureFormat = Literal["svg", "png", "pdf"]
FIGURE_TYPES: Mapping[FigureFormat, str] = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
}


def text_file(content: str, content_type: str, name: str) -> HttpResponse:
    """A text that the browser saves under `name`."""
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def table_response(table: Table | None, kind: str, name: str) -> HttpResponse:
    """A table as CSV, JSON or LaTeX, saved under `name` and its kind; raises Http404 for another."""
    if table is None or kind not in TABLE_TYPES:
        raise Http404(f"no table {name}.{kind}")
    content_type, written = TABLE_TYPES[kind]
    return text_file(written(table), content_type, f"{name}.{kind}")


def figure_response(request: HttpRequest, figure: Figure | None, kind: str, name: str) -> HttpResponse:
    """A figure as SVG, PNG or PDF, or its numbers as CSV; raises Http404 for another.

    With `?download` in the address the browser saves the picture.
    """
    if figure is None or kind not in (*FIGURE_TYPES, "csv"):
        raise Http404(f"no figure {name}.{kind}")
    if kind == "csv":
        return text_file(table_csv(figure.data()), TABLE_TYPES["csv"][0], f"{name}.csv")
    # matplotlib takes most of a second to import, and most pages draw nothing.
    from studyapp.exports.drawing import drawn

    picture = cast("FigureFormat", kind)
    response = HttpResponse(drawn(figure, picture), content_type=FIGURE_TYPES[picture])
    if "download" in request.GET:
        response["Content-Disposition"] = f'attachment; filename="{figure.name}.{kind}"'
    return response
