"""The cue-conflict pictures of a dataset: what shape and what texture each has, by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from studyapp.analysis.shape_texture import cue_of, stimulus_of
from studyapp.models import Dataset
from studyapp.services.refusals import Refused


@dataclass(frozen=True, slots=True)
class CuePicture:
    """An image by primary key and name; `stimulus` is what it is called in every data set."""

    image: int
    name: str
    stimulus: str
    shape: str
    texture: str

    @property
    def in_conflict(self) -> bool:
        """Whether shape and texture are of different things."""
        return self.shape != self.texture


def cue_pictures(dataset: Dataset, names: Sequence[str]) -> list[CuePicture]:
    """Every image of the dataset, in the order imported.

    Raises Refused for a dataset without pixels or images, a name outside the pattern, a cue that is not
    among `names`, or a stimulus that is there twice.
    """
    if not dataset.root and not dataset.copied:
        raise Refused(f"Dataset {dataset.name} lists names without pixels: there is nothing to look at.")
    rows = list(dataset.images.order_by("pk").values_list("pk", "name"))
    if not rows:
        raise Refused(f"Dataset {dataset.name} has no images; import_dataset {dataset.name} first.")
    refuse_unfit_names([name for _, name in rows], names, place=f"dataset {dataset.name}")
    return [cue_picture(dataset, pk, name) for pk, name in rows]


def refuse_unfit_names(files: Iterable[str], names: Sequence[str], *, place: str) -> None:
    """Raise Refused for a file name outside the pattern, a cue not among `names`, or a stimulus named twice.

    `place` says in the refusal where the files are.
    """
    earlier: dict[str, str] = {}
    for file in files:
        try:
            cues, stimulus = cue_of(file), stimulus_of(file)
        except ValueError as problem:
            raise Refused(f"In {place}: {problem}") from problem
        for cue in cues:
            if cue not in names:
                raise Refused(
                    f"{file} of {place} names {cue!r}, which is not among the {len(names)} categories "
                    f"({', '.join(names)}); mend the categories or take the picture out."
                )
        if stimulus in earlier:
            raise Refused(
                f"{file} and {earlier[stimulus]} of {place} are the same stimulus by their names; take one "
                "out."
            )
        earlier[stimulus] = file


def cue_picture(dataset: Dataset, pk: int, name: str) -> CuePicture:
    """What the name of one image says; raises Refused for a name outside the pattern."""
    try:
        shape, texture = cue_of(name)
        return CuePicture(pk, name, stimulus_of(name), shape, texture)
    except ValueError as problem:
        raise Refused(f"Dataset {dataset.name}: {problem}") from problem
