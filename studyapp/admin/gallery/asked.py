"""An address of the gallery as it was understood, and the addresses of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from studyapp.services.gallery.filters import GalleryFilter, read_filter
from studyapp.services.gallery.scopes import Scope


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the pages of one gallery with one filter are."""

    scope: Scope
    wanted: GalleryFilter

    @property
    def root(self) -> str:
        """The gallery without any filter."""
        kind, _, name = self.scope.name.partition("/")
        return reverse("gallery:gallery", args=[kind, name])

    def page(self, **place: object) -> str:
        """The grid at a place (`after`, `before`, `at`), or one image (`one`)."""
        said = self.wanted.encoded(**place)
        return f"{self.root}?{said}" if said else self.root

    @property
    def grid(self) -> str:
        """The first page of the grid."""
        return self.page()

    @property
    def one(self) -> str:
        """The address of one image but for its key at the end."""
        return self.page(one="")

    @property
    def decide(self) -> str:
        """Where decisions are sent."""
        return f"{self.root}decide/"

    @property
    def approve(self) -> str:
        """Where many are approved at once."""
        return f"{self.root}approve/"

    @property
    def board(self) -> str:
        """Where a board is asked for."""
        return f"{self.root}board/"

    @property
    def thumbnails(self) -> str:
        """Where the job of the thumbnails is started."""
        return f"{self.root}thumbnails/"


def posted_filter(request: HttpRequest) -> GalleryFilter:
    """The filter that a form carries in its field `filter`, as a query string."""
    return read_filter(QueryDict(request.POST.get("filter", "")[:2000]).dict()).wanted


def posted_images(request: HttpRequest) -> tuple[str, ...]:
    """The keys of the images that were ticked."""
    return tuple(dict.fromkeys(key[:32] for key in request.POST.getlist("images") if key))
