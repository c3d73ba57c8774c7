"""How pages write numbers, times and digests: `{% load formats %}`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from studyapp.models import Job
from studyapp.services.jobs import is_interrupted

register = template.Library()

# Narrow and not breaking: groups digits without looking like a new number.
THIN = "\u202f"
MISSING = "–"
_PROBES = re.compile(r"(/probes/[\w/.?=&:%-]*[\w/])")


@register.filter
def number(value: float | None, digits: int = 0) -> str:
    """`value` with thin spaces between groups of three and `digits` decimals; a dash for None."""
    return MISSING if value is None else f"{value:,.{digits}f}".replace(",", THIN)


@register.filter
def linked(words: str) -> SafeString:
    """The words with every address of a probe's page in them as a link."""
    parts = _PROBES.split(words)
    return mark_safe(
        "".join(
            format_html('<a href="{}">{}</a>', part, part) if place % 2 else conditional_escape(part)
            for place, part in enumerate(parts)
        )
    )


@register.filter
def percent(value: float | None, digits: int = 2) -> str:
    """The fraction `value` in per cent, without the sign: the unit stands in the table's header."""
    return MISSING if value is None else number(100 * value, digits)


@register.filter
def probability(value: float | None) -> str:
    """A probability with three decimals."""
    return MISSING if value is None else f"{value:.3f}"


@register.filter
def job_state(job: Job) -> str:
    """The state of a job in a word: "Interrupted" where the command that worked at it is gone."""
    return "Interrupted" if is_interrupted(job) else job.get_state_display()


@register.filter
def moment(value: datetime | None) -> str:
    """An ISO date and time with its zone, in the time zone of the settings."""
    if value is None:
        return MISSING
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M %Z")


@register.filter
def seconds(value: float | None) -> str:
    """A time span of `value` seconds with one decimal, in seconds."""
    return number(value, 1)


@register.filter
def lasting(value: float | timedelta | None) -> str:
    """A time span in the unit a person would say: "40 s", "3 min", "2 h 10 min", "3 days"."""
    if value is None:
        return MISSING
    total = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if total < 60:
        return f"{max(total, 0):.0f} s"
    minutes = round(total / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{round(total / 86400)} days"


@register.filter
def digest(value: str) -> str:
    """The first twelve characters of a digest, enough to tell two apart by eye."""
    return value[:12] if value else MISSING
