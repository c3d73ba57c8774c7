"""Shape or texture: people and networks in one figure, as whoever looks chooses, and the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.analysis.intervals import Rate
from studyapp.exports.figures import Figure
from studyapp.exports.shape_figures import shape_figure
from studyapp.exports.shape_tables import shape_tables
from studyapp.models import ChoiceSet, Observer, ProbeRun, Study
from studyapp.services.observers.groups import Candidate, Shown, candidates, chosen, compared, shown_first
from studyapp.services.observers.study_choices import KIND
from studyapp.views.figure_files import figure_response, table_response
from studyapp.views.research_jobs import line_of
from studyapp.views.researcher import researcher
from studyapp.views.shown_tables import shown_table
from studyapp.views.texture_study import choices_shown

MOST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address asks for: the set, everybody in it, whom to show, and whether pictures are shared."""

    choices: ChoiceSet
    everybody: tuple[Candidate, ...]
    those: tuple[Candidate, ...]
    common: bool

    @property
    def query(self) -> str:
        """The same as the tail of an address, for the files."""
        pairs = [("set", self.choices.key), *(("o", each.key) for each in self.those)]
        return urlencode([*pairs, ("common", "1")] if self.common else pairs)


@dataclass(frozen=True, slots=True)
class _Cell:
    share: float | None
    words: str
    interval: str

    @property
    def plain(self) -> str:
        share = "\u2013" if self.share is None else f"{self.share:.2f}"
        return f"{share} {self.words}" + (f" [{self.interval}]" if self.interval else "")


@dataclass(frozen=True, slots=True)
class _Group:
    heading: str
    members: tuple[Candidate, ...]


@require_safe
@researcher
def texture(request: HttpRequest, key: str = "") -> HttpResponseBase:
    """The figure, the chooser and the tables; with a key, of one probe, or its progress."""
    run = get_object_or_404(_runs(), key=key) if key else None
    if run is not None and run.finished_at is None:
        job = run.job
        context = {"nav": "probes", "run": run, "job": job, "line": line_of(job) if job else None}
        return render(request, "research/probe_texture.html", context)
    asked = _asked(request, run)
    if asked is None:
        return render(request, "research/probe_texture.html", {"nav": "probes", "empty": True})
    shown = compared(asked.those, common=asked.common)
    rows = _by_category(shown)
    context = {
        "nav": "probes",
        "run": run,
        "asked": asked,
        "sets": ChoiceSet.objects.filter(pk__in=Observer.objects.values("choice_set")),
        "groups": _groups(asked.everybody),
        "keys": {each.key for each in asked.those},
        "figure": shape_figure(shown, caption=_caption(asked, shown)),
        "table": shown_table(shape_tables(shown)[0], lambda *_: ""),
        "shown": shown,
        "rows": rows,
        "plain": _plain(shown, rows),
        "people": choices_shown(run) if run else None,
    }
    return render(request, "research/probe_texture.html", context)


@require_safe
@researcher
def figure_file(request: HttpRequest, kind: str) -> HttpResponse:
    """The figure of the observers that the address names, as SVG, PNG or PDF, or its numbers as CSV."""
    asked = _asked(request, None)
    figure: Figure | None = None
    if asked is not None:
        shown = compared(asked.those, common=asked.common)
        figure = shape_figure(shown, caption=_caption(asked, shown))
    return figure_response(request, figure, kind, "shape-or-texture")


@require_safe
@researcher
def table_file(request: HttpRequest, table: str, kind: str) -> HttpResponse:
    """One of the tables as CSV, JSON or LaTeX."""
    asked = _asked(request, None)
    if asked is None:
        raise Http404("there are no observers yet")
    tables = {each.name: each for each in shape_tables(compared(asked.those, common=asked.common))}
    return table_response(tables.get(table), kind, table.replace("_", "-"))


def _runs() -> QuerySet[ProbeRun]:
    return ProbeRun.objects.filter(kind=ProbeRun.Kind.TEXTURE).select_related("dataset", "job")


def _asked(request: HttpRequest, run: ProbeRun | None) -> _Asked | None:
    """None where nobody has observed anything yet; raises Http404 for a set that is not there."""
    choices = _set(request, run)
    if choices is None:
        return None
    everybody = candidates(choices)
    keys = request.GET.getlist("o")[:MOST_SHOWN]
    those = chosen(everybody, keys) if keys else shown_first(everybody, run)
    return _Asked(choices, everybody, those, common="common" in request.GET)


def _set(request: HttpRequest, run: ProbeRun | None) -> ChoiceSet | None:
    wanted = request.GET.get("set", "")
    if wanted:
        return get_object_or_404(ChoiceSet, key=wanted)
    if run is not None:
        return ChoiceSet.objects.filter(observers__probe_classifier__run=run).first()
    if (of_study := _set_of_study(request)) is not None:
        return of_study
    # The set with the most observers: the sixteen of the paper, as a rule.
    first = Observer.objects.order_by("choice_set").values_list("choice_set", flat=True)
    sets = {pk: Observer.objects.filter(choice_set=pk).count() for pk in set(first)}
    return ChoiceSet.objects.get(pk=max(sets, key=lambda pk: (sets[pk], -pk))) if sets else None


def _set_of_study(request: HttpRequest) -> ChoiceSet | None:
    """The set of the first study whose people are asked for; None where none is, or nobody else uses it."""
    keys = [key for key in request.GET.getlist("o")[:MOST_SHOWN] if key.startswith("study:")]
    study = Study.objects.filter(name=keys[0].split(":")[1], kind=KIND).first() if keys else None
    if study is None:
        return None
    return ChoiceSet.objects.filter(names=sorted(study.protocol["questions"]["categories"])).first()


def _groups(everybody: Sequence[Candidate]) -> tuple[_Group, ...]:
    """The chooser: people pooled, networks by where they come from, then each person."""
    found: dict[str, list[Candidate]] = {}
    for each in everybody:
        what = {"people": "People, pooled", "network": "Networks", "person": "People, each"}[each.kind]
        found.setdefault(f"{what} · {each.source}", []).append(each)
    return tuple(_Group(heading, tuple(members)) for heading, members in found.items())


def _by_category(shown: Sequence[Shown]) -> list[tuple[str, list[_Cell]]]:
    """Categories down, observers across; the first row is all of them together."""
    if not shown:
        return []
    rows = [("all", [_cell(each.bias.pooled.shape_fraction) for each in shown])]
    for place, row in enumerate(shown[0].bias.by_category):
        rows.append((row.category, [_cell(each.bias.by_category[place].shape_fraction) for each in shown]))
    return rows


def _plain(shown: Sequence[Shown], rows: Sequence[tuple[str, list[_Cell]]]) -> str:
    """Tab-separated text of the same, for copying."""
    lines = ["\t".join(["Shape", *(each.candidate.label for each in shown)])]
    lines += ["\t".join([name, *(cell.plain for cell in cells)]) for name, cells in rows]
    return "\n".join(lines)


def _cell(rate: Rate) -> _Cell:
    interval = f"{rate.interval.low:.2f}\u2013{rate.interval.high:.2f}" if rate.interval else ""
    return _Cell(rate.share, f"{rate.count}/{rate.total}", interval)


def _caption(asked: _Asked, shown: Sequence[Shown]) -> str:
    published = any("not re-run" in each.candidate.source for each in shown)
    trials = sum(each.bias.pooled.shape + each.bias.pooled.texture + each.bias.pooled.other for each in shown)
    words = [f"{trials:,} trials with pictures in conflict."]
    if asked.common:
        words.append("Only pictures that every observer was shown.")
    if published:
        words.append("Responses of Geirhos et al. (2019) are published, not re-run.")
    return " ".join(words)
