"""Which question each imported answer belongs to; pairs nobody asked about get a question of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from django.db.models import QuerySet

from studyapp.analysis.arrays import BoolArray, IntArray
from studyapp.models import Arm, Category, Image, Question, Stimulus, Study
from studyapp.models.catalogue import public_key
from studyapp.services.answer_import.files import AnswerFile
from studyapp.services.bulk_rows import refresh_statistics, write_rows
from studyapp.services.catalogue.class_lists import Label, UnknownClassError, plain, table_of
from studyapp.services.csv_rows import at_line
from studyapp.services.refusals import Refused

NEVER_SHOWN = "never shown: its answers were collected elsewhere"
_ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True, eq=False)
class MatchedPairs:
    """The questions of a file: `pair` [rows] indexes `question` [pairs], the ids; `own` [pairs] are
    those of the study itself."""

    pair: IntArray
    question: IntArray
    own: BoolArray
    new: int


def match_answers(*, study: Study, arm: Arm, file: AnswerFile, origin: Question.Origin) -> MatchedPairs:
    """Find or make the question of every (image, label) pair of the file.

    Raises Refused, naming the line, for an image or a class that is not in the study's dataset. With
    origin `golden` only golden questions are looked at, so that they never mix with the study's.
    """
    images = _image_ids(study, file)
    labels = _label_ids(study, file)
    span = int(labels.max(initial=0)) + 1
    keys, pair = np.unique(images[file.image.codes] * span + labels[file.label.codes], return_inverse=True)
    known = {image * span + label: (pk, own) for image, label, pk, own in _questions(study, arm, origin)}
    missing = [int(key) for key in keys if int(key) not in known]
    if missing:
        _write_questions(study, arm, origin, [divmod(key, span) for key in missing])
        known = {image * span + label: (pk, own) for image, label, pk, own in _questions(study, arm, origin)}
    found = [known[int(key)] for key in keys]
    return MatchedPairs(
        pair=pair,
        question=np.array([pk for pk, _ in found], dtype=np.int64),
        own=np.array([own for _, own in found], dtype=np.bool_),
        new=len(missing),
    )


def _questions(study: Study, arm: Arm, origin: Question.Origin) -> Iterator[tuple[int, int, int, bool]]:
    """Image, label, id and whether it is the study's own, of every question that answers may belong to.

    The study's own come last, so that they win over an imported question of the same pair.
    """
    rows: QuerySet[Question] = Question.objects.filter(study=study, arm=arm)
    for image, label, pk in (
        rows.filter(origin=origin).exclude(label=None).values_list("image", "label", "pk")
    ):
        assert label is not None
        yield image, label, pk, False
    if origin == Question.Origin.GOLDEN:
        return
    asked = rows.filter(origin=Question.Origin.STUDY)
    for image, label, labels, content, pk in asked.values_list("image", "label", "labels", "content", "pk"):
        if content.startswith("two:"):
            yield image, int(labels[0]), pk, True
        elif label is not None:
            yield image, label, pk, True


def _write_questions(study: Study, arm: Arm, origin: Question.Origin, pairs: list[tuple[int, int]]) -> None:
    """Questions that nobody will be asked: they only hold the answers given elsewhere."""
    stimuli = dict(
        Stimulus.objects.filter(study=study, kind=Stimulus.Kind.WHOLE, variant="").values_list("image", "pk")
    )
    without = sorted({image for image, _ in pairs} - stimuli.keys())
    Stimulus.objects.bulk_create(
        (
            Stimulus(
                study=study,
                image_id=image,
                review=Stimulus.Review.APPROVED,
                review_reason=NEVER_SHOWN,
            )
            for image in without
        ),
        batch_size=_ROWS_AT_ONCE,
    )
    stimuli = dict(
        Stimulus.objects.filter(study=study, kind=Stimulus.Kind.WHOLE, variant="").values_list("image", "pk")
    )
    fields = (
        *("study", "arm", "stimulus", "image", "label", "labels", "content", "key", "origin"),
        *("expected", "parameters"),
    )
    write_rows(
        Question,
        fields,
        (
            (
                *(study.pk, arm.pk, stimuli[image], image, label, "[]", f"label:{label}"),
                *(public_key(), origin.value, "", "{}"),
            )
            for image, label in pairs
        ),
    )
    refresh_statistics(Question)


def _image_ids(study: Study, file: AnswerFile) -> IntArray:
    """The image of each text in the file's column: by its name, or by the file name where that is unique."""
    names = dict(Image.objects.filter(dataset=study.dataset).values_list("name", "pk"))
    short: dict[str, int | None] = {}
    ids = []
    for text, line in zip(file.image.texts, file.image.first_lines, strict=True):
        found = names.get(text)
        if found is None:
            if not short:
                short = _by_last_part(names)
            found = short.get(PurePosixPath(text.split("?")[0]).name)
        if found is None:
            raise Refused(
                at_line(
                    file.path,
                    line,
                    f"image {text!r} is not in dataset {study.dataset.name} ({len(names):,} images); mend "
                    "the name, or import answers to a study of the right dataset.",
                )
            )
        ids.append(found)
    return np.array(ids, dtype=np.int64)


def _by_last_part(names: dict[str, int]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for name, pk in names.items():
        last = PurePosixPath(name).name
        found[last] = None if last in found else pk
    return found


def _label_ids(study: Study, file: AnswerFile) -> IntArray:
    """The category of each text in the file's label column."""
    class_list = study.dataset.class_list
    table = table_of(class_list)
    ids = dict(class_list.categories.values_list("index", "pk"))
    strangers = _own_categories(study)
    found = []
    for text, line in zip(file.label.texts, file.label.first_lines, strict=True):
        try:
            found.append(ids[table.find(_label(file, line, text)).index])
        except UnknownClassError as problem:
            if plain(text) not in strangers:
                raise Refused(
                    at_line(file.path, line, f"{problem}; mend the class ({file.labelled_by}).")
                ) from problem
            found.append(strangers[plain(text)])
    return np.array(found, dtype=np.int64)


def _own_categories(study: Study) -> dict[str, int]:
    """Classes that the study asks about and only a classifier knows, by wnid and by name."""
    asked = Question.objects.filter(study=study, origin=Question.Origin.STUDY).exclude(label=None)
    foreign = Category.objects.exclude(class_list=study.dataset.class_list).filter(
        pk__in=asked.values("label")
    )
    found: dict[str, int] = {}
    for category in foreign:
        for name in (category.wnid, category.name):
            if name:
                found[plain(name)] = category.pk
    return found


def _label(file: AnswerFile, line: int, text: str) -> Label:
    if file.labelled_by == "class_index":
        if not text.isdecimal():
            raise Refused(at_line(file.path, line, f"class_index {text!r} is no whole number from 0 on."))
        return Label(index=int(text))
    if file.labelled_by == "wnid":
        return Label(wnid=text)
    return Label(name=text) if file.labelled_by == "class_name" else Label(text=text)
