"""How the admin shows rows that nothing may edit, also when there are a million of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin import ShowFacets
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as TypedModelAdmin

    Base = TypedModelAdmin[Any]
else:
    Base = ModelAdmin


class RecordAdmin(Base):
    """Rows made by services: nobody adds or deletes them here, and few fields may be changed."""

    editable: ClassVar[tuple[str, ...]] = ()
    hidden: ClassVar[tuple[str, ...]] = ()
    extra_fields: ClassVar[tuple[str, ...]] = ()
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    # The models' own order joins and sorts; the newest rows come first without reading the rest.
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: rows come from services, which keep the rules."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: nothing edits what stands to its left."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only where a field is editable, and only for whom Django lets."""
        return bool(self.editable) and super().has_change_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Every column in the order of the model, then what the subclass adds."""
        columns = [field.name for field in self.model._meta.fields if field.name not in self.hidden]
        return [*self.extra_fields, *columns]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Everything but the editable fields."""
        return [str(name) for name in self.get_fields(request, obj) if name not in self.editable]


class FactAdmin(RecordAdmin):
    """Rows that are facts: looked at, never touched."""


class ManyFactsAdmin(FactAdmin):
    """Facts of which there may be millions: pages follow each other without counting them."""

    paginator = InfinitePaginator
    show_facets = ShowFacets.NEVER
