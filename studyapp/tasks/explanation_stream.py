"""The work on explanation runs: pictures cut ahead, passes shared by classes, files stored beside them.

The network runs in the caller's thread. Reading, cutting, drawing and storing go on in others; every row is
read and written by the caller's thread, and a row is written once its files are stored.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studyapp.models import AdversarialImage, Chunk, Explanation, ExplanationRun, Image, Version
from studyapp.services.catalogue.class_mapping import ClassMapping, map_classes
from studyapp.services.explanations.rows import (
    ExplainedImage,
    UnexplainedImage,
    describe_run,
    lacks,
    mend_explanation,
    shown_of,
    write_explanations,
)
from studyapp.services.jobs import JobFailure
from studyapp.services.refusals import Refused
from studyapp.tasks.classifiers import load_prepared
from studyapp.tasks.explanation_methods import Explainer, segmenter_of
from studyapp.tasks.explanation_outcomes import PictureExplainer, PictureTask, Result, Wanted
from studyapp.tasks.explanation_pictures import PictureReader, UnreadablePicture
from studyapp.tasks.provenance import device_name, library_versions

if TYPE_CHECKING:
    from inference.prepared import PreparedClassifier


@dataclass(slots=True, eq=False)
class _Part:
    """A chunk under way: pictures that are still to be explained, results that are still to be written."""

    chunk: Chunk
    tasks: deque[PictureTask]
    results: deque[Result] = field(default_factory=deque)


def explained_chunks(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Explain the images of chunks of one job; each is yielded once all its rows are written."""
    first = next(chunks, None)
    if first is None:
        return
    bench = _Bench(first)
    parts: deque[_Part] = deque()
    try:
        chunk: Chunk | None = first
        while chunk is not None or parts:
            while chunk is not None and sum(len(part.tasks) for part in parts) <= bench.ahead:
                parts.append(bench.begin(chunk))
                chunk = next(chunks, None)
            busy = next((part for part in parts if part.tasks), None)
            if busy is not None:
                busy.results.extend(bench.explainer.explain(busy.tasks.popleft()))
            for part in parts:
                # With the network idle, or on the same cores, there is nothing better to do than wait for
                # the files; a row that is written is not lost.
                bench.write(part.results, wait=busy is None or bench.on_cpu)
            while parts and not parts[0].tasks and not parts[0].results:
                yield parts.popleft().chunk
    finally:
        bench.close()


class _Bench:
    """The runs of one job with all that working at them takes."""

    def __init__(self, chunk: Chunk) -> None:
        runs = ExplanationRun.objects.filter(pk__in=chunk.payload["runs"]).select_related(
            "dataset", "classifier", "attack_run", "category"
        )
        self._runs = list(runs.order_by("pk"))
        self._path: int = chunk.payload["path"]
        if not self._runs:
            raise JobFailure("The explanation runs of this job are gone.", "Give the command again.")
        run = self._runs[0]
        prepared = load_prepared(run.classifier)
        methods = Explainer(prepared)
        self._reader = PictureReader(run.dataset, prepared, segmenter_of(run.parameters))
        self._categories = dict(run.classifier.class_list.categories.values_list("index", "pk"))
        mapping: ClassMapping | None = None
        if any(each.explained == ExplanationRun.Explained.TRUE for each in self._runs):
            mapping = map_classes(dataset=run.dataset, classifier=run.classifier)
        for each in self._runs:
            try:
                described = methods.check(each.method, each.parameters)
            except Refused as problem:
                raise JobFailure(str(problem), "Then give the command again.") from problem
            _describe(each, prepared, described)
        # Beside an accelerator the cores are free for cutting; a CPU's are at work on the network already.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.on_cpu = prepared.classifier.device.type == "cpu"
        threads = 2 if self.on_cpu else max(2, cores)
        self.ahead = 2 * threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="explain")
        self.explainer = PictureExplainer(
            methods,
            self._pool,
            indices={pk: index for index, pk in self._categories.items()},
            mapping=mapping,
            path=self._path,
        )

    def close(self) -> None:
        """Leave what has not begun, wait for what has."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self, chunk: Chunk) -> _Part:
        """Look up what the runs lack of a chunk's images, and have the pictures read and cut."""
        images = Image.objects.in_bulk(chunk.payload["images"])
        attacked = self._attacked(list(images))
        rows = {
            (row.run_id, row.image_id): row
            for row in Explanation.objects.filter(run__in=self._runs, image__in=list(images)).select_related(
                "category"
            )
        }
        part = _Part(chunk, deque())
        for pk in sorted(images):
            wanted: dict[str, list[Wanted]] = defaultdict(list)
            for run in self._runs:
                row = rows.get((run.pk, pk))
                lack = lacks(run, row, path=self._path)
                if lack is not None:
                    wanted[run.version].append(Wanted(run, None if lack == "weights" else row))
            for version, each in wanted.items():
                part.tasks.append(self._task(images[pk], attacked.get(pk), version, each))
        return part

    def write(self, results: deque[Result], *, wait: bool) -> None:
        """Write the rows whose files are stored; with `wait`, of all."""
        while results and (wait or results[0].stored is None or results[0].stored.done()):
            result = results.popleft()
            if result.stored is not None:
                result.stored.result()
            outcome = result.outcome
            if isinstance(outcome, Explanation):
                mend_explanation(
                    row=outcome,
                    path=outcome.path,
                    path_area=outcome.path_area,
                    shown=shown_of(result.run),
                )
                continue
            write_explanations(
                run=result.run,
                categories=self._categories,
                image_keys={result.image.pk: result.image.key},
                done=[outcome] if isinstance(outcome, ExplainedImage) else [],
                failed=[outcome] if isinstance(outcome, UnexplainedImage) else [],
            )

    def _attacked(self, images: Sequence[int]) -> dict[int, AdversarialImage]:
        attack = next((run.attack_run_id for run in self._runs if run.attack_run_id is not None), None)
        if attack is None:
            return {}
        rows = AdversarialImage.objects.filter(
            run=attack, image__in=images, outcome=AdversarialImage.Outcome.ATTACKED
        )
        return {row.image_id: row for row in rows}

    def _task(
        self, image: Image, attacked: AdversarialImage | None, version: str, wanted: list[Wanted]
    ) -> PictureTask:
        if version == Version.CLEAN:
            picture = self._pool.submit(self._reader.clean, image)
        elif attacked is not None:
            picture = self._pool.submit(self._reader.adversarial, attacked)
        else:
            picture = Future()
            picture.set_exception(UnreadablePicture("The attack has no picture of this image."))
        return PictureTask(image, attacked, version, wanted, picture)


def _describe(run: ExplanationRun, prepared: PreparedClassifier, parameters: dict[str, Any]) -> None:
    describe_run(
        run=run,
        device=device_name(prepared.classifier.device),
        versions=library_versions("torch", "captum", "scikit-image", "pillow", "numpy"),
        parameters={**parameters, "segmenter_key": segmenter_of(run.parameters).key},
    )
