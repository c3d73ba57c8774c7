"""The cue-conflict pictures of a dataset: what shape and what texture each has, by its name."""

from __future__ import annotations

from collections.abc import Sequence
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
    found: list[CuePicture] = []
    earlier: dict[str, str] = {}
    for pk, name in dataset.images.order_by("pk").values_list("pk", "name"):
        picture = cue_picture(dataset, pk, name)
        for cue in (picture.shape, picture.texture):
            if cue not in names:
                raise Refused(
                    f"{name} of dataset {dataset.name} names {cue!r}, which is not among the {len(names)} "
                    f"categories ({', '.join(names)}); mend the categories or take the picture out."
                )
        if picture.stimulus in earlier:
            raise Refused(
                f"{name} and {earlier[picture.stimulus]} of dataset {dataset.name} are the same stimulus by "
                "their names; take one out."
            )
        earlier[picture.stimulus] = name
        found.append(picture)
    if not found:
        raise Refused(f"Dataset {dataset.name} has no images; import_dataset {dataset.name} first.")
    return found


def cue_picture(dataset: Dataset, pk: int, name: str) -> CuePicture:
    """What the name of one image says; raises Refused for a name outside the pattern."""
    try:
        shape, texture = cue_of(name)
        return CuePicture(pk, name, stimulus_of(name), shape, texture)
    except ValueError as problem:
        raise Refused(f"Dataset {dataset.name}: {problem}") from problem
