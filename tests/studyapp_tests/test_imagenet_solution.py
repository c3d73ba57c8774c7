"""ImageNet's flat validation folder: three numberings of the same classes, told apart or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError
from scipy.io import savemat

from studyapp.models import Dataset, Image
from studyapp.tasks.class_tables import imagenet_table
from tests.studyapp_tests.pictures import write_picture
from tests.studyapp_tests.test_import_folders import reasons, run_import

pytestmark = pytest.mark.django_db

# The first five labels: sea snake, alp, Shetland sheepdog, soup bowl, cradle.
SORTED = [65, 970, 230, 809, 516]
ILSVRC = [490, 361, 171, 822, 297]
WNIDS = [imagenet_table().entries[index].wnid for index in SORTED]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "val"
    for number in range(1, 6):
        write_picture(root / f"ILSVRC2012_val_{number:08d}.JPEG", number, size=(40, 40))
    return root


def found_wnids() -> list[str]:
    return list(Image.objects.order_by("name").values_list("category__wnid", flat=True))


def ilsvrc_ids() -> dict[int, str]:
    """A numbering in which the five images' ids mean their wnids; the others follow in any order."""
    fixed = dict(zip(ILSVRC, WNIDS, strict=True))
    others = iter(entry.wnid for entry in imagenet_table().entries if entry.wnid not in WNIDS)
    return {number: fixed.get(number) or next(others) for number in range(1, 1001)}


def write_synsets(path: Path) -> Path:
    path.write_text(
        "ilsvrc_id,wnid\n" + "".join(f"{number},{wnid}\n" for number, wnid in ilsvrc_ids().items())
    )
    return path


def test_kaggles_solution_names_wnids(folder: Path) -> None:
    lines = [
        f"ILSVRC2012_val_{number:08d},{wnid} 85 1 499 272 \n" for number, wnid in enumerate(WNIDS, start=1)
    ]
    (folder / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + "".join(reversed(lines)))
    run_import("val", str(folder))
    assert found_wnids() == WNIDS
    dataset = Dataset.objects.get()
    assert dataset.layout == Dataset.Layout.IMAGENET
    assert set(dataset.images.values_list("split", flat=True)) == {"validation"}


def test_a_wnid_per_line_follows_the_order_of_the_images(folder: Path) -> None:
    (folder.parent / "imagenet_2012_validation_synset_labels.txt").write_text("\n".join(WNIDS))
    run_import("val", str(folder))
    assert found_wnids() == WNIDS


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (SORTED, "sorted wnids counted from 0"),
        ([number + 1 for number in SORTED], "sorted wnids counted from 1"),
    ],
)
def test_the_sorted_order_is_known_by_its_first_labels(folder: Path, numbers: list[int], said: str) -> None:
    lines = [f"ILSVRC2012_val_{at:08d}.JPEG {number}" for at, number in enumerate(numbers, start=1)]
    (folder / "val.txt").write_text("\n".join(lines))
    result = run_import("val", str(folder))
    assert found_wnids() == WNIDS
    assert said in result["note"]


def test_ilsvrc_ids_are_known_by_their_first_labels_and_read_through_their_table(folder: Path) -> None:
    truth = folder.parent / "ILSVRC2012_validation_ground_truth.txt"
    truth.write_text("\n".join(map(str, ILSVRC)))
    with pytest.raises(CommandError, match=r"ILSVRC ids.*--synsets"):
        run_import("val", str(folder))
    result = run_import("val", str(folder), "--synsets", str(write_synsets(folder.parent / "synsets.csv")))
    assert found_wnids() == WNIDS
    assert "ILSVRC ids" in result["note"]


def test_the_development_kits_own_table_is_read(folder: Path) -> None:
    truth = folder.parent / "ILSVRC2012_validation_ground_truth.txt"
    truth.write_text("\n".join(map(str, ILSVRC)))
    ids = {**ilsvrc_ids(), 1001: "n00001740"}
    synsets = np.zeros((len(ids), 1), dtype=[("ILSVRC2012_ID", object), ("WNID", object), ("words", object)])
    for position, (number, wnid) in enumerate(ids.items()):
        synsets[position, 0] = (np.array([[number]]), wnid, "words")
    savemat(folder.parent / "meta.mat", {"synsets": synsets})
    run_import("val", str(folder))
    assert found_wnids() == WNIDS


def test_numbers_that_fit_two_orders_are_refused_until_told(folder: Path) -> None:
    (folder / "val.txt").write_text("66\n971\n231\n810\n1000\n")
    with pytest.raises(CommandError, match="--index-order"):
        run_import("val", str(folder))
    assert not Dataset.objects.exists()
    run_import("val", str(folder), "--index-order", "sorted-from-1")
    assert found_wnids()[:4] == WNIDS[:4]
    assert Image.objects.order_by("name").last().category.index == 999  # type: ignore[union-attr]


def test_a_zero_means_the_sorted_order(folder: Path) -> None:
    (folder / "val.txt").write_text("0\n1\n2\n3\n4\n")
    run_import("val", str(folder))
    assert list(Image.objects.order_by("name").values_list("category__index", flat=True)) == [0, 1, 2, 3, 4]


def test_an_order_that_the_numbers_contradict_is_refused(folder: Path) -> None:
    (folder / "val.txt").write_text("0\n1\n2\n3\n4\n")
    with pytest.raises(CommandError, match=r"numbers 0 to 4.*--index-order ilsvrc"):
        run_import("val", str(folder), "--index-order", "ilsvrc")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("65\nsnake\n", r"val\.txt, line 2: 'snake' is neither a wnid nor a class number"),
        ("65\na b c\n", r"val\.txt, line 2: "),
        ("65\nn01440764\n", r"val\.txt mixes wnids and numbers"),
        ("", r"val\.txt is empty"),
    ],
)
def test_a_malformed_solution_names_the_line(folder: Path, text: str, complaint: str) -> None:
    (folder / "val.txt").write_text(text)
    with pytest.raises(CommandError, match=complaint):
        run_import("val", str(folder))
    assert not Dataset.objects.exists()


def test_a_synset_table_that_lacks_an_id_is_refused(folder: Path) -> None:
    (folder / "val.txt").write_text("\n".join(map(str, ILSVRC)))
    path = write_synsets(folder.parent / "synsets.csv")
    path.write_text(path.read_text().rsplit("\n", 2)[0])
    with pytest.raises(CommandError, match="999 of the ILSVRC ids"):
        run_import("val", str(folder), "--synsets", str(path))


def test_a_validation_image_without_a_label_is_listed(folder: Path) -> None:
    (folder / "val.txt").write_text("\n".join(f"ILSVRC2012_val_{at:08d}.JPEG 0" for at in range(1, 5)))
    result = run_import("val", str(folder))
    assert result["images"] == 4
    assert reasons(result) == {"ILSVRC2012_val_00000005.JPEG": "has no label in val.txt"}


def test_without_a_solution_file_the_folder_is_refused(folder: Path) -> None:
    with pytest.raises(CommandError, match="no solution file"):
        run_import("val", str(folder))


def test_a_csv_of_ilsvrc_ids_on_validation_names_is_not_taken_for_the_sorted_order(tmp_path: Path) -> None:
    lines = [f"ILSVRC2012_val_{at:08d}.JPEG,{number}\n" for at, number in enumerate(ILSVRC, start=1)]
    path = tmp_path / "labels.csv"
    path.write_text("image,label\n" + "".join(lines))
    with pytest.raises(CommandError, match="ILSVRC ids"):
        run_import("names", "-", "--no-files", "--labels", str(path))
    synsets = write_synsets(tmp_path / "synsets.csv")
    run_import("names", "-", "--no-files", "--labels", str(path), "--synsets", str(synsets))
    assert found_wnids() == WNIDS


def test_the_first_labels_agree_with_the_published_ones(shared_data: Path) -> None:
    path = shared_data / "reassessed-imagenet" / "resnet50_predictions.csv"
    lines = path.read_text().splitlines()[1:6]
    assert [int(line.split(",")[1]) for line in lines] == SORTED
    assert json.dumps(WNIDS).count("n0") == 5
