"""What every page of one study shares: the study, the mode that is looked at, the tabs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from studyapp.models import Mode, Study

# A preview is never counted, so there is nothing to watch in it.
WATCHED = (Mode.REAL, Mode.REHEARSAL, Mode.PILOT)


def studies_of(request: HttpRequest) -> QuerySet[Study]:
    """The studies that the researcher may see: all of them, until studies have roles."""
    return Study.objects.select_related("dataset", "owner")


def study_or_404(request: HttpRequest, name: str) -> Study:
    """The study of that name, if the researcher may see it."""
    return get_object_or_404(studies_of(request), name=name)


def mode_of(request: HttpRequest) -> str:
    """The mode that the address asks for (`?mode=`), real unless it names another."""
    asked = request.GET.get("mode", "")
    return asked if asked in WATCHED else Mode.REAL.value


def frame(request: HttpRequest, study: Study, tab: str) -> dict[str, Any]:
    """The context of every page of a study."""
    mode = mode_of(request)
    there = set(study.sittings.order_by().values_list("mode", flat=True).distinct())
    return {
        "nav": "studies",
        "study": study,
        "tab": tab,
        "mode": mode,
        "modes": [(each.value, each.label) for each in WATCHED if each == Mode.REAL or each in there],
    }
