"""Attack runs: the list, and one with its tables and figures, on the page and as files."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.exports.attack_figures import attack_figures
from studyapp.exports.attack_tables import FACTS, attack_tables, categories_in_words, step_in_words
from studyapp.models import AdversarialImage, AttackRun
from studyapp.services.attacks.runs import attack_command, plan_of
from studyapp.services.attacks.summaries import attack_facts, attack_lines
from studyapp.views.figure_files import figure_response, table_response
from studyapp.views.paging import csv_response, page_of, searched, wants_csv
from studyapp.views.research_jobs import line_of
from studyapp.views.researcher import researcher
from studyapp.views.shown_tables import shown_table

SHOWN_FAILURES = 20
_IMAGE_COLUMNS = (
    *("image", "category", "outcome", "reason", "steps_taken", "steps_to_flip", "steps_to_displayed_flip"),
    *("true", "clean_predicted", "clean_probability", "float_predicted", "float_probability"),
    *("float_true_probability", "displayed_predicted", "displayed_probability"),
    *("displayed_true_probability", "float_linf", "float_l2", "displayed_linf", "displayed_l2", "sha256"),
)


@require_safe
@researcher
def attacks(request: HttpRequest) -> HttpResponseBase:
    """Every attack with what it left of the accuracy."""
    rows = AttackRun.objects.select_related("dataset", "classifier", "job").order_by("-created_at", "-pk")
    if query := searched(request):
        rows = rows.filter(Q(dataset__name__icontains=query) | Q(classifier__name__icontains=query))
    if wants_csv(request):
        return csv_response(
            "attacks",
            [
                *("attack", "dataset", "classifier", "norm", "space", "step", "steps", "stop", "grid"),
                *("categories", "attacked", "wrong_at_start", "failed", "displayed_right"),
            ],
            (
                [
                    *(line.run.pk, line.run.dataset.name, line.run.classifier.name, line.plan.norm),
                    *(line.plan.space, line.plan.step, line.plan.steps, line.plan.stop, line.plan.grid),
                    *(len(line.run.categories) or "all", line.standing.total, line.wrong_at_start),
                    *(line.failed, line.standing.count),
                ]
                for line in attack_lines(runs=list(rows))
            ),
        )
    page = page_of(request, rows, size=25)
    context = {"nav": "attacks", "page": page, "lines": attack_lines(runs=list(page.rows))}
    return render(request, "research/attacks.html", context)


@require_safe
@researcher
def attack(request: HttpRequest, number: int) -> HttpResponseBase:
    """One attack: figures first, then every table."""
    run = _run(number)
    if wants_csv(request):
        return csv_response(f"attack-{run.pk}-images", _IMAGE_COLUMNS, _image_rows(run))
    facts = attack_facts(run=run)
    failed = run.adversarial_images.filter(outcome=AdversarialImage.Outcome.FAILED)
    context = {
        "nav": "attacks",
        "run": run,
        "plan": plan_of(run),
        "facts": facts,
        "line": line_of(run.job) if run.job and not run.job.is_finished else None,
        "fooled": facts.summary.attacked - facts.summary.standing_displayed.count,
        "step": step_in_words(facts),
        "categories": categories_in_words(facts),
        "figures": attack_figures(facts),
        "tables": [
            shown_table(table, lambda *_: "")
            for table in attack_tables(facts).values()
            if table.name != FACTS
        ],
        "failed": failed.select_related("image").order_by("image__name")[:SHOWN_FAILURES],
        "command": attack_command(dataset=run.dataset, classifier=run.classifier, plan=plan_of(run), run=run),
    }
    return render(request, "research/attack.html", context)


@require_safe
@researcher
def table_file(request: HttpRequest, number: int, table: str, kind: str) -> HttpResponse:
    """One table as CSV, JSON or LaTeX."""
    run = _run(number)
    tables = attack_tables(attack_facts(run=run))
    return table_response(tables.get(table), kind, f"attack-{run.pk}-{table}")


@require_safe
@researcher
def figure_file(request: HttpRequest, number: int, figure: str, kind: str) -> HttpResponse:
    """One figure as SVG or PNG, or its numbers as CSV."""
    run = _run(number)
    found = next((each for each in attack_figures(attack_facts(run=run)) if each.name == figure), None)
    return figure_response(request, found, kind, f"attack-{run.pk}-{figure}")


def _run(number: int) -> AttackRun:
    runs = AttackRun.objects.select_related("dataset", "classifier", "prediction_run", "job")
    return get_object_or_404(runs, pk=number)


def _image_rows(run: AttackRun) -> Iterator[list[object]]:
    rows = run.adversarial_images.select_related(
        "image__category", "true", "clean_predicted", "float_predicted", "displayed_predicted"
    ).order_by("image__name")
    for row in rows.iterator(chunk_size=2000):
        cells: list[object] = [row.image.name, row.image.category.name]
        for name in _IMAGE_COLUMNS[2:]:
            value = getattr(row, name)
            cells.append(value.name if hasattr(value, "name") else value)
        yield cells
