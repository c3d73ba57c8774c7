"""Class lists, datasets and images in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from studyapp.admin.facts import FactAdmin, ManyFactsAdmin, RecordAdmin
from studyapp.models import Category, ClassList, Dataset, Image, Question, SkippedFile, Study


@admin.register(ClassList)
class ClassListAdmin(FactAdmin):
    """Class lists: what is hashed is never edited."""

    list_display = ("name", "digest", "created_at")
    search_fields = ("name", "digest__startswith")


@admin.register(Category)
class CategoryAdmin(RecordAdmin):
    """Classes; synonyms and gloss can be written until a study shows them to people."""

    editable = ("synonyms", "gloss")
    list_display = ("name", "index", "wnid", "class_list")
    list_select_related = ("class_list",)
    list_filter = ("class_list",)
    search_fields = ("name", "wnid__exact", "synonyms")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not once a study that asks about the class has been opened: its plan is frozen."""
        if isinstance(obj, Category) and self._is_shown(obj):
            return False
        return super().has_change_permission(request, obj)

    @staticmethod
    def _is_shown(category: Category) -> bool:
        return Question.objects.filter(label=category).exclude(study__state=Study.State.DRAFT).exists()


@admin.register(Dataset)
class DatasetAdmin(RecordAdmin):
    """Datasets; only the licence's words can be corrected."""

    editable = ("licence",)
    list_display = ("name", "layout", "class_list", "copied", "enlarge", "created_at")
    list_select_related = ("class_list",)
    list_filter = ("layout", "copied")
    search_fields = ("name", "root")


@admin.register(Image)
class ImageAdmin(ManyFactsAdmin):
    """Images; search by exact name, key or digest, which the database has indexed."""

    list_display = ("name", "dataset", "category", "split", "width", "height", "remark")
    list_select_related = ("dataset", "category")
    list_filter = ("dataset",)
    search_fields = ("name__exact", "key__exact", "sha256__exact")
    search_help_text = "The whole name, key or SHA-256 of an image."


@admin.register(SkippedFile)
class SkippedFileAdmin(FactAdmin):
    """Files an import did not take."""

    list_display = ("name", "dataset", "reason", "seen_at")
    list_select_related = ("dataset",)
    list_filter = ("dataset",)
    search_fields = ("name", "reason")
