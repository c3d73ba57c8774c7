"""Prototypes and criticisms of a classifier's categories, in chunks of categories that resume."""

from __future__ import annotations

from functools import partial

from studyapp.models import Category, Chunk, Classifier, Dataset, ExampleSelection, FeatureRun, Job
from studyapp.services import jobs
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.examples import selections as stored
from studyapp.services.examples.plan import ExampleRequest, candidates, plan_examples
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobPlan
from studyapp.services.predictions.features import open_feature_run
from studyapp.tasks.chunks import job_function, work_or_hand_over
from studyapp.tasks.example_methods import choose, mmd_parameters
from studyapp.tasks.features import compute_features, layer_of
from studyapp.tasks.provenance import library_versions

KIND = "select_examples"
# Categories; a thousand images of a category take about a second.
CHUNK = 10

Method = ExampleSelection.Method


def select_examples(
    dataset: Dataset,
    classifier: Classifier,
    request: ExampleRequest,
    *,
    queue: str = FOREGROUND,
    progress: bool = True,
) -> tuple[ExampleSelection, Job | None]:
    """Choose examples for the categories of a request; the selection, and the job where workers do it.

    Features that are missing are computed first, by a job of their own that starts the selection's. Repeating
    a finished selection does nothing. Raises Refused for what can not be chosen, JobFailure where the work
    fails.
    """
    plan = plan_examples(dataset=dataset, classifier=classifier, request=request)
    request = plan.request
    run: FeatureRun | None = None
    if request.method == Method.MMD_CRITIC:
        mmd_parameters(plan.parameters)
        layer = layer_of(classifier, request.layer)
        run = open_feature_run(dataset=dataset, classifier=classifier, layer=layer)
    selection = stored.open_selection(dataset=dataset, classifier=classifier, plan=plan, feature_run=run)
    if selection.finished_at is not None:
        return selection, None
    if run is not None and selection.job is None:
        images = candidates(dataset, request.split).filter(category__in=plan.categories)
        _, job = compute_features(
            dataset,
            classifier,
            layer=request.layer,
            images=list(images.order_by("pk").values_list("pk", flat=True)),
            queue=queue,
            progress=progress,
        )
        if job is not None:
            return selection, job
    waiting = work_or_hand_over(_job_of(selection, queue), queue=queue, progress=progress)
    selection.refresh_from_db()
    return selection, waiting


def start_waiting(run: FeatureRun, *, queue: str) -> None:
    """Start the selections that have waited for the features of a run."""
    for selection in ExampleSelection.objects.filter(feature_run=run, finished_at=None, job=None):
        _job_of(selection, queue)


def _job_of(selection: ExampleSelection, queue: str) -> Job | None:
    """The job of a selection, started once; None where the selection is finished."""
    method, dataset, classifier = selection.get_method_display(), selection.dataset, selection.classifier
    return jobs.job_of_runs(
        runs=ExampleSelection.objects.filter(pk=selection.pk, finished_at=None),
        plan=JobPlan(
            kind=KIND,
            title=f"{method}: {dataset.name} with {classifier.name}"[:200],
            chunks=partial(_chunks, selection),
            unit="categories",
            queue=queue,
            parameters={"selection": selection.pk},
        ),
    )


def _chunks(selection: ExampleSelection) -> list[ChunkPlan]:
    categories = selection.categories or list(
        Category.objects.filter(
            pk__in=candidates(selection.dataset, selection.split).order_by().values("category").distinct()
        )
        .order_by("index")
        .values_list("pk", flat=True)
    )
    parts = [categories[start : start + CHUNK] for start in range(0, len(categories), CHUNK)]
    return [ChunkPlan({"selection": selection.pk, "categories": part}, len(part)) for part in parts]


def _finish(job: Job) -> None:
    stored.finish_selection(
        selection=ExampleSelection.objects.get(pk=job.parameters["selection"]),
        versions=library_versions("torch", "numpy"),
    )


@job_function(KIND, finish=_finish)
def select_for_categories(chunk: Chunk) -> None:
    """Choose the examples of a chunk's categories; those that are written already stay as they are."""
    selection = ExampleSelection.objects.select_related(
        "dataset", "classifier", "feature_run", "attack_run", "prediction_run"
    ).get(pk=chunk.payload["selection"])
    mapping = map_classes(dataset=selection.dataset, classifier=selection.classifier)
    for category in Category.objects.filter(pk__in=chunk.payload["categories"]).order_by("index"):
        if str(category.pk) in selection.draws:
            continue
        images = list(
            candidates(selection.dataset, selection.split)
            .filter(category=category)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        stored.record_category(
            selection=selection,
            chosen=choose(selection, category, images, index=mapping.index_of[category.pk]),
        )
