"""Attack runs: the iterative fast gradient method over a dataset, in chunks that resume."""

from __future__ import annotations

from functools import partial

from studyapp.models import AttackRun, Classifier, Dataset, Job
from studyapp.protocol.attack import AttackPlan
from studyapp.services import jobs
from studyapp.services.attacks import runs as attacks
from studyapp.services.attacks.drawn import open_drawn_attack
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobFailure, JobPlan
from studyapp.services.refusals import Refused
from studyapp.tasks.attack_chunks import KIND, load_attacked
from studyapp.tasks.chunks import work_at_what_is_missing

CHUNK = 32


def attack_dataset(
    dataset: Dataset,
    classifier: Classifier,
    plan: AttackPlan,
    *,
    categories: int | None = None,
    seed: int | None = None,
    queue: str = FOREGROUND,
    progress: bool = True,
) -> tuple[AttackRun, Job | None]:
    """Attack every image of a dataset that its run lacks; the run, and the job where workers do it.

    `categories`: only the images of so many, drawn with `seed`; without a seed an earlier draw of as many is
    gone on with. Repeating a complete run only tries its failures again. Raises Refused where the
    classifier does not know the dataset's classes, has no network, no predictions or no gradients, where
    there are no pixels or the parameters make no attack, and JobFailure where the work fails.
    """
    _refuse_what_can_not_be_attacked(dataset, classifier, plan, load=queue == FOREGROUND)
    run = _open(dataset, classifier, plan, categories, seed)

    def begin(before: Job | None) -> Job | None:
        plan = JobPlan(
            kind=KIND,
            title=f"Attack {classifier.name} with {dataset.name}",
            chunks=partial(_missing_chunks, run, again=before is None),
            queue=queue,
            parameters={"run": run.pk},
        )
        return jobs.job_of_runs(runs=AttackRun.objects.filter(pk=run.pk), plan=plan)

    waiting = work_at_what_is_missing(begin, queue=queue, progress=progress)
    run.refresh_from_db()
    return run, waiting


def _refuse_what_can_not_be_attacked(
    dataset: Dataset, classifier: Classifier, plan: AttackPlan, *, load: bool
) -> None:
    from inference.attack_parameters import AttackParameters

    map_classes(dataset=dataset, classifier=classifier)
    if not dataset.root and not dataset.copied:
        raise Refused(f"Dataset {dataset.name} lists names without pixels: there is nothing to attack.")
    if classifier.source == Classifier.Source.ELSEWHERE:
        raise Refused(
            f"Classifier {classifier.name} has no network here, and an attack needs its gradients; register "
            "its architecture and weights with add_classifier."
        )
    try:
        AttackParameters.from_dict(attacks.parameters_of(plan))
    except ValueError as problem:
        raise Refused(str(problem)) from problem
    if load:
        try:
            load_attacked(classifier)
        except JobFailure as failure:
            raise Refused(str(failure)) from failure


def _open(
    dataset: Dataset, classifier: Classifier, plan: AttackPlan, categories: int | None, seed: int | None
) -> AttackRun:
    if categories is None:
        return attacks.open_attack_run(dataset=dataset, classifier=classifier, plan=plan)
    return open_drawn_attack(dataset=dataset, classifier=classifier, plan=plan, count=categories, seed=seed)


def _missing_chunks(run: AttackRun, *, again: bool) -> list[ChunkPlan] | None:
    """Ranges of primary keys that hold the images without a row, a chunk's worth in each.

    `again`: what failed is tried again.
    """
    if again:
        attacks.forget_failures(run=run)
    missing = list(attacks.images_to_attack(run=run).order_by("pk").values_list("pk", flat=True))
    if not missing:
        return None
    attacks.refuse_growth(run=run)
    parts = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
    return [
        ChunkPlan(payload={"run": run.pk, "first": part[0], "last": part[-1]}, size=len(part))
        for part in parts
    ]
