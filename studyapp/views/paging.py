"""Lists of thousands of rows: a page of them, found by search, and their whole as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from studyapp.services.csv_cells import guarded

Row = TypeVar("Row")
LONGEST_SEARCH = 200


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """One page of a list: its rows, where it lies, and the addresses of its neighbours."""

    rows: Sequence[Row]
    total: int
    first: int
    last: int
    previous: str | None
    following: str | None
    query: str
    csv: str


def page_of(request: HttpRequest, rows: QuerySet[Any, Row] | Sequence[Row], *, size: int = 50) -> Slice[Row]:
    """The page that the address asks for (`?page=`); a page beyond the last is the last."""
    page = Paginator(rows, size).get_page(request.GET.get("page"))
    return Slice(
        rows=list(page.object_list),
        total=page.paginator.count,
        first=page.start_index(),
        last=page.end_index(),
        previous=address(request, page=page.previous_page_number()) if page.has_previous() else None,
        following=address(request, page=page.next_page_number()) if page.has_next() else None,
        query=searched(request),
        csv=address(request, page=None, format="csv"),
    )


def searched(request: HttpRequest) -> str:
    """What the search field holds (`?q=`)."""
    return request.GET.get("q", "").strip()[:LONGEST_SEARCH]


def address(request: HttpRequest, **changes: object) -> str:
    """This page's address with some of its parameters changed; None takes one away."""
    kept = {name: value for name, value in request.GET.items() if name not in changes}
    asked = kept | {name: str(value) for name, value in changes.items() if value is not None}
    return f"?{urlencode(asked)}" if asked else request.path


def wants_csv(request: HttpRequest) -> bool:
    """Whether the list is asked for as a file."""
    return request.GET.get("format") == "csv"


class _Line:
    """A file that hands back what is written to it, for streaming."""

    def write(self, text: str) -> str:
        return text


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """Rows as a CSV that is written while it is sent, so that its length costs no memory."""

    def lines() -> Iterator[str]:
        writer = csv.writer(_Line())
        yield writer.writerow(header)
        for row in rows:
            yield writer.writerow([guarded(cell) for cell in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
