"""Addresses of the results pages."""

from django.urls import path

from studyapp.views import (
    results,
    results_export,
    results_questions,
    results_turned,
    results_turned_board,
)

urlpatterns = [
    path("studies/<str:name>/results/", results.results, name="study-results"),
    path("studies/<str:name>/results.json", results.document, name="study-results-json"),
    path(
        "studies/<str:name>/results/tables/<slug:table>.<slug:kind>",
        results.table_file,
        name="study-results-table",
    ),
    path(
        "studies/<str:name>/results/figures/<slug:figure>.<slug:kind>",
        results.figure_file,
        name="study-results-figure",
    ),
    path("studies/<str:name>/results/turned/", results_turned.turned, name="study-turned"),
    path("studies/<str:name>/results/turned/board/", results_turned_board.board, name="study-turned-board"),
    path(
        "studies/<str:name>/results/turned/boards/<int:pk>/",
        results_turned_board.finished,
        name="study-turned-board-job",
    ),
    path(
        "studies/<str:name>/results/turned/boards/<int:pk>/file",
        results_turned_board.download,
        name="study-turned-board-file",
    ),
    path("studies/<str:name>/export/", results_export.export, name="study-export"),
    path("studies/<str:name>/export/start/", results_export.start, name="study-export-start"),
    path("studies/<str:name>/export/bundle.zip", results_export.download, name="study-export-download"),
    path("studies/<str:name>/questions/", results_questions.questions, name="study-questions"),
    path("studies/<str:name>/questions/<str:key>/", results_questions.question, name="study-question"),
]
