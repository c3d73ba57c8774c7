"""The explanations of one picture: runs that differ only in the class share passes, failures are outcomes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from studyapp.models import AdversarialImage, Explanation, ExplanationRun, Image, Version
from studyapp.services.catalogue.class_mapping import ClassMapping
from studyapp.services.explanations.files import heat_name, picture_name
from studyapp.services.explanations.rows import (
    ExplainedImage,
    UnexplainedImage,
    explanation_key,
    mask_seed,
    shown_of,
)
from studyapp.services.stored_files import read_file
from studyapp.tasks.explanation_files import Drawing, store_drawing
from studyapp.tasks.explanation_methods import Explainer, method_parameters
from studyapp.tasks.explanation_pictures import CutPicture, UnreadablePicture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from explain.explanations import SuperpixelExplanation


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What one run lacks of a picture; `row` where it has its weights."""

    run: ExplanationRun
    row: Explanation | None


@dataclass(frozen=True, slots=True, eq=False)
class PictureTask:
    """One version of one image, and what is wanted of it."""

    image: Image
    attacked: AdversarialImage | None
    version: str
    wanted: list[Wanted]
    picture: Future[CutPicture]


@dataclass(slots=True, eq=False)
class Result:
    """One explanation, whose files are on their way to storage."""

    run: ExplanationRun
    image: Image
    outcome: ExplainedImage | UnexplainedImage | Explanation
    stored: Future[None] | None = None


class PictureExplainer:
    """Explains the pictures of a job. `indices`: class index by category; `mapping`: the labels'."""

    def __init__(
        self,
        explainer: Explainer,
        pool: ThreadPoolExecutor,
        *,
        indices: Mapping[int, int],
        mapping: ClassMapping | None,
        path: int,
    ) -> None:
        self._explainer = explainer
        self._pool = pool
        self._indices = indices
        self._mapping = mapping
        self._path = path

    def explain(self, task: PictureTask) -> list[Result]:
        """Every explanation wanted of one picture; what goes wrong with it is its outcome."""
        try:
            picture = task.picture.result()
            whole = self._explainer.probabilities(picture.pixels)
        except (UnreadablePicture, ValueError) as problem:
            return _failed(task, task.wanted, str(problem))
        if not bool(_finite(whole)):
            reason = "The classifier's outputs for this picture are not finite (NaN): look at its weights."
            return _failed(task, task.wanted, reason)
        results = []
        for each in task.wanted:
            if each.row is not None:
                results.extend(self._mended(task, each.run, each.row, picture))
        groups: dict[str, list[tuple[Wanted, int]]] = defaultdict(list)
        for each in task.wanted:
            if each.row is None:
                explained = self._class(task, each.run, int(whole.argmax()))
                if isinstance(explained, str):
                    results.extend(_failed(task, [each], explained))
                else:
                    groups[_group(each.run, task.image)].append((each, explained))
        for members in groups.values():
            results.extend(self._explained(task, members, picture, whole))
        return results

    def _class(self, task: PictureTask, run: ExplanationRun, predicted: int) -> int | str:
        """Index of the class that a run explains of a picture, or why there is none."""
        kinds = ExplanationRun.Explained
        attacked = task.attacked
        found: int | None
        if run.explained == kinds.GIVEN:
            found = self._indices.get(run.category_id or 0)
        elif run.explained == kinds.TRUE:
            assert self._mapping is not None
            found = self._mapping.index_of.get(task.image.category_id)
        elif run.explained == kinds.PREDICTED and task.version == Version.CLEAN:
            found = predicted
        elif attacked is None:
            return "The attack has no picture of this image, so there is no adversarial label."
        else:
            float_label = run.parameters.get("adversarial_label") == "float"
            category = attacked.float_predicted_id if float_label else attacked.displayed_predicted_id
            found = self._indices.get(category or 0)
        if found is None:
            return "The class to be explained is not in the classifier's list."
        classes = self._explainer.classes
        if found >= classes:
            return f"Class {found} is beyond the classifier's {classes:,} outputs (0-{classes - 1})."
        return found

    def _explained(
        self,
        task: PictureTask,
        members: Sequence[tuple[Wanted, int]],
        picture: CutPicture,
        whole: NDArray[np.float32],
    ) -> list[Result]:
        """One explanation for every run of a group, from the same passes."""
        run = members[0][0].run
        classes = sorted({explained for _, explained in members})
        try:
            found = self._explainer.explain(
                method_parameters(run.method, run.parameters),
                picture.pixels,
                picture.segments,
                classes,
                seed=mask_seed(run, task.image.pk),
            )
            by_class = {each.explained_class: each for each in found}
            return [
                self._drawn(task, each.run, by_class[explained], picture, whole)
                for each, explained in members
            ]
        except ValueError as problem:
            return _failed(task, [each for each, _ in members], str(problem))

    def _drawn(
        self,
        task: PictureTask,
        run: ExplanationRun,
        explanation: SuperpixelExplanation,
        picture: CutPicture,
        whole: NDArray[np.float32],
    ) -> Result:
        key = explanation_key(run, task.image.key)
        shown = shown_of(run)
        drawing = Drawing(key, picture.pixels, picture.segments, explanation.weights, shown)
        outcome = ExplainedImage(
            image_id=task.image.pk,
            adversarial_id=_adversarial(task),
            category=explanation.explained_class,
            probability=float(whole[explanation.explained_class]),
            predicted=int(whole.argmax()),
            predicted_probability=float(whole.max()),
            explained_file=picture.explained_file,
            segments_file=picture.segments_file,
            weights=tuple(explanation.weights.tolist()),
            intercept=explanation.intercept,
            fit=explanation.fit,
            seed=explanation.mask_seed,
            masks_sha256=explanation.masks_digest or "",
            picture_file=picture_name(key),
            heat_file=heat_name(key),
            details={"flags": list(explanation.flags), **explanation.details, "shown": shown},
        )
        if self._path:
            path = self._explainer.path(
                picture.pixels,
                picture.segments,
                explanation.weights,
                explanation.explained_class,
                most=self._path,
                rest=shown["rest"],
            )
            drawing = replace(drawing, path=path)
            outcome = replace(outcome, path=tuple(path.probabilities.tolist()), path_area=path.area)
        return Result(run, task.image, outcome, self._pool.submit(store_drawing, drawing))

    def _mended(
        self, task: PictureTask, run: ExplanationRun, row: Explanation, picture: CutPicture
    ) -> list[Result]:
        """A path, or another way of showing the weights, for an explanation that is there."""
        import numpy as np

        from explain.superpixels import decode_segments

        assert row.category is not None
        shown = shown_of(run)
        try:
            # Those of the explanation: another release of the library may cut differently.
            segments = decode_segments(read_file(row.segments_file) or b"")
        except ValueError:
            return []
        weights = np.array(row.weights, dtype=np.float64)
        drawing = Drawing(row.key, picture.pixels, segments, weights, shown)
        frames = max(self._path, len(row.path))
        if frames:
            try:
                path = self._explainer.path(
                    picture.pixels,
                    segments,
                    weights,
                    row.category.index,
                    most=frames,
                    rest=shown["rest"],
                )
            except ValueError:
                # The picture is another by now: the explanation stays as it is.
                return []
            drawing = replace(drawing, path=path)
            row.path, row.path_area = path.probabilities.tolist(), path.area
        return [Result(run, task.image, row, self._pool.submit(store_drawing, drawing))]


def _failed(task: PictureTask, wanted: Sequence[Wanted], reason: str) -> list[Result]:
    """The failures of what has no weights yet; an explanation that is there stays as it is."""
    outcome = UnexplainedImage(task.image.pk, _adversarial(task), reason)
    return [Result(each.run, task.image, outcome) for each in wanted if each.row is None]


def _adversarial(task: PictureTask) -> int | None:
    return task.attacked.pk if task.attacked is not None and task.version == Version.ADVERSARIAL else None


def _group(run: ExplanationRun, image: Image) -> str:
    """Runs of one group differ in the class only, so that their masked pictures are the same."""
    parameters: dict[str, Any] = {
        name: value
        for name, value in run.parameters.items()
        if name not in ("superpixels", "rest", "adversarial_label")
    }
    return json.dumps([run.method, mask_seed(run, image.pk), parameters], sort_keys=True)


def _finite(values: NDArray[np.float32]) -> bool:
    import numpy as np

    return bool(np.isfinite(values).all())
