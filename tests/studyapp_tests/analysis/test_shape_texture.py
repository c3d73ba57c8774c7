"""Shape fractions by hand, by law, and from the published responses to four digits."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyapp.analysis.shape_texture import (
    NO_RESPONSE,
    Choices,
    check_groups,
    cue_of,
    grouped,
    shape_bias,
)

ANIMALS = ("bear", "cat", "dog")
PUBLISHED = {
    "pretrained/alexnet": 0.4294,
    "pretrained/googlenet": 0.3119,
    "pretrained/vgg": 0.1722,
    "stylized/resnet50": 0.2207,
    "stylized/resnet50_train_60_epochs": 0.8061,
    "pretrained/people": 0.9587,
}


def choices(shape: list[int], texture: list[int], response: list[int]) -> Choices:
    return Choices("toy", ANIMALS, np.array(shape), np.array(texture), np.array(response))


def test_fractions_count_decisions_for_shape_and_texture_only() -> None:
    found = shape_bias(choices([0, 0, 1, 1, 2], [1, 1, 0, 2, 2], [0, 2, 0, 1, 2]))
    assert (found.pooled.shape, found.pooled.texture, found.pooled.other) == (2, 1, 1)
    assert found.pooled.shape_fraction.share == pytest.approx(2 / 3)
    assert found.pooled.accuracy.share == pytest.approx(3 / 4)
    # The dog with the dog's texture has no conflict.
    assert found.left_out == 1
    assert [(row.category, row.shape, row.texture) for row in found.by_category] == [
        ("bear", 1, 0),
        ("cat", 1, 1),
        ("dog", 0, 0),
    ]
    assert found.by_category[2].shape_fraction.share is None


def test_no_response_is_for_neither() -> None:
    found = shape_bias(choices([0], [1], [NO_RESPONSE]))
    assert (found.pooled.other, found.pooled.shape_fraction.share) == (1, None)


@pytest.mark.parametrize(
    ("name", "cue"),
    [
        ("cat7-elephant1.png", ("cat", "elephant")),
        ("0001_s5n_dnn_0_airplane_00_airplane1-bicycle2.png", ("airplane", "bicycle")),
        ("cat/cat7-elephant1.JPEG", ("cat", "elephant")),
    ],
)
def test_the_cue_is_in_the_name(name: str, cue: tuple[str, str]) -> None:
    assert cue_of(name) == cue


@pytest.mark.parametrize("name", ["cat.png", "cat7-elephant.png", "cat-elephant1.png", "cat7-elephant1"])
def test_a_name_without_both_cues_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="shape first"):
        cue_of(name)


def test_aggregations_differ_where_categories_have_several_classes() -> None:
    probabilities = np.array([[0.30, 0.02, 0.02, 0.20, 0.46]])
    groups = [[0, 1, 2], [3]]
    assert grouped(probabilities, groups, "mean").tolist() == [1]
    assert grouped(probabilities, groups, "sum").tolist() == [0]
    assert grouped(probabilities, groups, "max").tolist() == [0]


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-1, 2)), min_size=1, max_size=30
    )
)
def test_categories_add_up_to_the_pooled_row(rows: list[tuple[int, int, int]]) -> None:
    found = shape_bias(choices(*(list(column) for column in zip(*rows, strict=True))))
    assert sum(row.shape for row in found.by_category) == found.pooled.shape
    assert sum(row.texture for row in found.by_category) == found.pooled.texture
    pictures = found.pooled.shape + found.pooled.texture + found.pooled.other
    assert pictures + found.left_out == len(rows)


def test_groups_that_overlap_or_point_outside_are_refused() -> None:
    with pytest.raises(ValueError, match="Class 1 is in cat and in dog"):
        check_groups({"cat": [0, 1], "dog": [1]}, 3)
    with pytest.raises(ValueError, match="class 3 is not among the 3 classes"):
        check_groups({"cat": [3]}, 3)
    with pytest.raises(ValueError, match="cat has no class"):
        check_groups({"cat": []}, 3)


@pytest.mark.shared_data
def test_the_published_responses_give_the_published_fractions(shared_data: Path) -> None:
    folder = shared_data / "cue-conflict" / "responses"
    rows: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for path in sorted(folder.glob("*/*.csv")):
        who = path.stem.split("experiment_")[1].split("_session")[0]
        observer = f"{path.parent.name}/{'people' if who.startswith('subject') else who}"
        if observer not in PUBLISHED:
            continue
        with path.open(newline="") as file:
            rows[observer] += [
                (*cue_of(row["imagename"]), row["object_response"]) for row in csv.DictReader(file)
            ]
    names = tuple(sorted({shape for cues in rows.values() for shape, _, _ in cues}))
    assert len(names) == 16
    index = {name: place for place, name in enumerate(names)}
    for observer, expected in PUBLISHED.items():
        shape, texture, response = (
            np.array([index.get(row[part], NO_RESPONSE) for row in rows[observer]]) for part in range(3)
        )
        found = shape_bias(Choices(observer, names, shape, texture, response)).pooled.shape_fraction
        assert found.share is not None
        assert round(found.share, 4) == expected
