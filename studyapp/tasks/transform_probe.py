"""The probe of small transformations: pairs one pixel apart and random crops, as a kind of probe run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from studyapp.analysis.small_transformations import TransformPlan
from studyapp.models import Classifier, Dataset, Image, Job, ProbeRun
from studyapp.services.jobs import FOREGROUND
from studyapp.services.probes.runs import StoredColumns, refuse_many
from studyapp.services.probes.transform import plan_of, transform_responses, transform_summary
from studyapp.services.refusals import Refused
from studyapp.tasks.probe_kinds import PROBE_KINDS, Draws, Pictures, ProbeKind
from studyapp.tasks.probes import run_probe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference.perturbations.small import SmallTransformations
    from inference.prepared import PreparedClassifier
    from inference.preprocessing import Preprocessing

PLACES = "places"
_DRAWN_BELOW = 1 << 16


@dataclass(frozen=True, slots=True)
class TransformRequest:
    """What is changed and how.

    `protocol`: the picture shrunk before a background (`embed`), or cut (`crop`). `sizes`: shares of the
    frame's side, or of the picture's. `background`: `black` (zero before normalisation), `mean` (zero after
    it) or `inpainted`. `pairs`: one-pixel steps at each size. `passes`: pairs of random crops (0: none),
    drawn from `seed`.
    """

    protocol: Literal["embed", "crop"] = "embed"
    sizes: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)
    background: Literal["black", "mean", "inpainted"] = "black"
    pairs: int = 8
    passes: int = 5
    seed: int = 0


def probe_transform(
    dataset: Dataset,
    classifiers: Sequence[Classifier],
    request: TransformRequest,
    *,
    queue: str = FOREGROUND,
    progress: bool = True,
) -> tuple[ProbeRun, Job | None]:
    """Predict every image at every place, size and crop; the run, and the job where workers do it.

    Raises Refused for sizes without room for the pairs in a classifier's frame, for too many changes, and
    what `run_probe` raises.
    """
    _refuse_unfit(request, classifiers)
    parameters = asdict(request) | {"sizes": list(request.sizes)}
    if request.protocol == "crop":
        # Nothing surrounds a crop: the same run whatever was said of the background.
        del parameters["background"]
    if not request.passes:
        del parameters["seed"]
    return run_probe(
        ProbeRun.Kind.TRANSFORM,
        dataset,
        classifiers,
        parameters=parameters,
        queue=queue,
        progress=progress,
    )


def transformations(
    run: ProbeRun, recipe: Preprocessing, places: Mapping[int | str, NDArray[np.int64]] | None
) -> SmallTransformations:
    """The series of pictures that a classifier with this recipe was shown."""
    from inference.backgrounds import Background
    from inference.perturbations.small import SmallTransformations, zero_colour

    stated = run.parameters
    plan = plan_of(run)
    backgrounds = {
        "black": Background((0, 0, 0)),
        "mean": Background(zero_colour(recipe)),
        "inpainted": Background(None),
    }
    return SmallTransformations(
        side=recipe.crop.side,
        protocol=stated["protocol"],
        sizes=plan.sizes,
        background=backgrounds[stated.get("background", "black")],
        interpolation=recipe.crop.interpolation,
        pairs=plan.pairs,
        passes=plan.passes,
        places=places,
    )


def _pictures(run: ProbeRun, prepared: PreparedClassifier, images: Sequence[Image], draws: Draws) -> Pictures:
    from inference.perturbations.small import wider_crop

    recipe = prepared.classifier.preprocessing
    places: dict[int | str, NDArray[np.int64]] = {
        image.pk: row for image, row in zip(images, draws[PLACES].astype(np.int64), strict=True)
    }
    return Pictures(transformations(run, recipe, places), wider_crop(recipe.crop))


def _draws(run: ProbeRun, images: Sequence[Image]) -> Draws:
    """Where the crops of every pass stand; from the seed and the file, so that no order matters."""
    count = 4 * plan_of(run).passes
    seed = int(run.parameters.get("seed", 0))
    rows = [
        np.random.default_rng([seed, int(image.sha256[:16] or "0", 16)]).integers(0, _DRAWN_BELOW, count)
        for image in images
    ]
    return {PLACES: np.array(rows, dtype=np.uint16).reshape(len(images), count).astype(np.int64)}


def _look(run: ProbeRun, prepared: PreparedClassifier) -> str:
    """Classifiers share pictures where crop and, behind a picture, the colour of zero are the same."""
    from inference.perturbations.small import zero_colour

    recipe = prepared.classifier.preprocessing
    colour = zero_colour(recipe) if run.parameters.get("background") == "mean" else ""
    return f"{recipe.crop.key} {colour}"


def _summaries(run: ProbeRun, columns: StoredColumns) -> list[dict[str, object]]:
    return [transform_summary(responses) for responses in transform_responses(run, columns)]


PROBE_KINDS[ProbeRun.Kind.TRANSFORM] = ProbeKind(
    pictures=_pictures,
    settings=lambda run: plan_of(run).columns - 1,
    summaries=_summaries,
    look=_look,
    draws=_draws,
)


def _refuse_unfit(request: TransformRequest, classifiers: Sequence[Classifier]) -> None:
    from inference.perturbations.small import refuse_size

    if len(set(request.sizes)) < len(request.sizes):
        raise Refused("A size is there twice; give each of --sizes once.")
    if request.passes < 0 or request.seed < 0:
        raise Refused("--passes and --seed are whole numbers from 0 on.")
    plan = TransformPlan(sizes=request.sizes, pairs=request.pairs, passes=request.passes)
    refuse_many(plan.columns - 1, "Give fewer --sizes, --pairs or --passes.")
    if not request.sizes and not request.passes:
        raise Refused("Nothing would be changed: give --sizes, --passes, or both.")
    for classifier in classifiers:
        side = classifier.preprocessing.get("crop", {}).get("side")
        if side is None:
            continue
        for size in request.sizes:
            try:
                refuse_size(request.protocol, size, int(side), request.pairs)
            except ValueError as problem:
                raise Refused(f"{classifier.name}: {problem} Mend --sizes or --pairs.") from problem
