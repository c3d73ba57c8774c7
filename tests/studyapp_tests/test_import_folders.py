"""import_dataset on class folders: what comes in, what is skipped with which reason, and repeats."""

from __future__ import annotations

import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from PIL import Image as Picture

from studyapp.management.research_command import SOME_SKIPPED
from studyapp.models import Dataset, Image, SkippedFile
from studyapp.services.catalogue.image_files import image_source, read_image_file
from tests.studyapp_tests.pictures import class_folders, decompression_bomb, noise, write_picture

pytestmark = pytest.mark.django_db


def run_import(*arguments: str) -> dict[str, Any]:
    """The command's JSON; where files were skipped, its exit status is checked on the way."""
    out = StringIO()
    try:
        call_command("import_dataset", *arguments, "--json", stdout=out)
        code = 0
    except CommandError as problem:
        code = problem.returncode
        if code != SOME_SKIPPED:
            raise
    result: dict[str, Any] = json.loads(out.getvalue())
    assert (code == SOME_SKIPPED) == bool(result["skipped"])
    return result


def reasons(result: dict[str, Any]) -> dict[str, str]:
    return {file["name"]: file["reason"] for file in result["skipped"]}


def test_class_folders_become_categories_in_their_order(tmp_path: Path) -> None:
    result = run_import("pets", str(class_folders(tmp_path, {"dog": 2, "cat": 3})))
    assert (result["images"], result["imported"], result["classes"]) == (5, 5, 2)
    dataset = Dataset.objects.get(name="pets")
    assert list(dataset.class_list.categories.values_list("index", "name")) == [(0, "cat"), (1, "dog")]
    image = dataset.images.get(name="dog/01.png")
    assert (image.category.name, image.width, image.height, image.split) == ("dog", 12, 10, "")
    assert read_image_file(image=image) == (tmp_path / "dog/01.png").read_bytes()
    assert len(image.key) >= 20
    assert dataset.layout == Dataset.Layout.FOLDERS


def test_folders_that_are_numbers_are_ordered_by_value(tmp_path: Path) -> None:
    run_import("numbers", str(class_folders(tmp_path, {"10": 1, "9": 1, "2": 1})))
    names = Dataset.objects.get().class_list.categories.values_list("name", flat=True)
    assert list(names) == ["2", "9", "10"]


def test_folders_named_by_wnid_or_imagenet_name_take_imagenets_list(tmp_path: Path) -> None:
    by_wnid = class_folders(tmp_path / "a", {"n01440764": 1, "n07753592": 1})
    by_name = class_folders(tmp_path / "b", {"goldfish": 1, "Banana": 1}, first_seed=9)
    assert run_import("by-wnid", str(by_wnid))["classes"] == 1000
    assert run_import("by-name", str(by_name))["class_list"] == "ImageNet-1k"
    assert Image.objects.get(name="n07753592/00.png").category.index == 954
    assert Image.objects.get(name="Banana/00.png").category.wnid == "n07753592"


def test_a_wnid_that_is_not_imagenets_leaves_out_its_images_alone(tmp_path: Path) -> None:
    root = class_folders(tmp_path, {"n01440764": 1, "n07753592": 1, "n99999999": 1})
    result = run_import("some", str(root))
    assert result["images"] == 2
    assert "not among the 1,000 classes (0-999)" in reasons(result)["n99999999/00.png"]


def test_split_folders_give_the_split(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", {"cat": 2, "dog": 1})
    class_folders(tmp_path / "val", {"cat": 1, "dog": 1}, first_seed=50)
    run_import("pets", str(tmp_path))
    splits = Image.objects.order_by("name").values_list("name", "split", "category__name")
    assert list(splits) == [
        ("train/cat/00.png", "train", "cat"),
        ("train/cat/01.png", "train", "cat"),
        ("train/dog/00.png", "train", "dog"),
        ("val/cat/00.png", "validation", "cat"),
        ("val/dog/00.png", "validation", "dog"),
    ]


def test_every_kind_of_bad_file_is_listed_with_its_reason_and_the_rest_is_imported(tmp_path: Path) -> None:
    root = class_folders(tmp_path, {"cat": 2, "dog": 1})
    whole = BytesIO()
    noise(70, size=(200, 200)).save(whole, "JPEG")
    (root / "cat/cut.jpg").write_bytes(whole.getvalue()[:2000])
    (root / "cat/notes.txt").write_text("no picture")
    (root / "cat/empty.png").write_bytes(b"")
    (root / "cat/bomb.png").write_bytes(decompression_bomb())
    (root / "dog/again.png").write_bytes((root / "cat/00.png").read_bytes())
    (root / "cat/.hidden").write_text("passed over")
    write_picture(root / "stray.png", 99)
    result = run_import("pets", str(root))
    found = reasons(result)
    assert result["images"] == 3
    assert set(found) == {
        "cat/cut.jpg", "cat/notes.txt", "cat/empty.png", "cat/bomb.png", "dog/again.png", "stray.png",
    }  # fmt: skip
    assert "damaged or incomplete" in found["cat/cut.jpg"]
    assert "no picture" in found["cat/notes.txt"]
    assert "empty" in found["cat/empty.png"]
    assert "pixels" in found["cat/bomb.png"]
    assert found["dog/again.png"] == ("has the same content as cat/00.png, which is labelled cat and not dog")
    assert "no class folder" in found["stray.png"]
    assert SkippedFile.objects.count() == 6
    assert not any(str(root) in reason for reason in found.values())


def test_unusual_files_come_in_with_a_remark(tmp_path: Path) -> None:
    folder = class_folders(tmp_path, {"cat": 1}) / "cat"
    noise(1).convert("CMYK").save(folder / "cmyk.jpg")
    deep = np.arange(120, dtype=np.uint16).reshape(10, 12) * 500
    Picture.fromarray(deep).save(folder / "deep.png")
    noise(2).save(folder / "moving.gif", save_all=True, append_images=[noise(3), noise(4)])
    exif = Picture.Exif()
    exif[274] = 6
    noise(5, size=(30, 20)).save(folder / "turned.jpg", exif=exif)
    run_import("odd", str(tmp_path))
    remarks = dict(Image.objects.values_list("name", "remark"))
    assert remarks == {
        "cat/00.png": "",
        "cat/cmyk.jpg": "CMYK converted to RGB",
        "cat/deep.png": "16 bits reduced to 8",
        "cat/moving.gif": "first of 3 frames",
        "cat/turned.jpg": "turned upright (EXIF 6)",
    }
    turned = Image.objects.get(name="cat/turned.jpg")
    assert (turned.width, turned.height) == (20, 30)


def test_repeating_an_import_changes_nothing_and_takes_what_is_new(tmp_path: Path) -> None:
    root = class_folders(tmp_path, {"cat": 2})
    run_import("pets", str(root))
    keys = dict(Image.objects.values_list("name", "key"))
    again = run_import("pets", str(root))
    assert (again["imported"], again["images"]) == (0, 2)
    write_picture(root / "cat/new.png", 40)
    assert run_import("pets", str(root))["imported"] == 1
    assert {name: key for name, key in Image.objects.values_list("name", "key") if name in keys} == keys


def test_a_file_that_was_mended_comes_in_on_the_next_run(tmp_path: Path) -> None:
    root = class_folders(tmp_path, {"cat": 1})
    (root / "cat/late.png").write_bytes(b"not yet")
    assert len(run_import("pets", str(root))["skipped"]) == 1
    write_picture(root / "cat/late.png", 41)
    assert run_import("pets", str(root))["skipped"] == []
    assert not SkippedFile.objects.exists()


def test_a_name_that_is_taken_by_another_folder_is_refused(tmp_path: Path) -> None:
    run_import("pets", str(class_folders(tmp_path / "a", {"cat": 1})))
    with pytest.raises(CommandError, match="choose another name"):
        run_import("pets", str(class_folders(tmp_path / "b", {"cat": 1}, first_seed=5)))
    with pytest.raises(CommandError, match="without --copy"):
        run_import("pets", str(tmp_path / "a"), "--copy")


def test_a_folder_without_class_folders_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_picture(tmp_path / "loose.png", 1)
    with pytest.raises(CommandError, match="--labels CSV"):
        run_import("pets", str(tmp_path))
    with pytest.raises(CommandError, match="is no folder"):
        run_import("pets", str(tmp_path / "nowhere"))
    assert not Dataset.objects.exists()


def test_copied_files_are_read_from_storage_when_the_folder_is_gone(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "from", {"cat": 2})
    content = (root / "cat/01.png").read_bytes()
    storage = {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        }
    }
    with override_settings(STORAGES=storage):
        run_import("pets", str(root), "--copy")
        run_import("pets", str(root), "--copy")
        (root / "cat/01.png").unlink()
        image = Image.objects.get(name="cat/01.png")
        assert read_image_file(image=image) == content
        assert callable(image_source(image))
    stored = [path for path in (tmp_path / "media").rglob("*") if path.is_file()]
    assert len(stored) == 2
    assert not any("cat" in path.name for path in stored)


def test_the_command_says_how_many_were_skipped_and_why(tmp_path: Path) -> None:
    root = class_folders(tmp_path, {"cat": 1})
    (root / "cat/notes.txt").write_text("no picture")
    out = StringIO()
    with pytest.raises(CommandError, match="1 of the files were skipped") as problem:
        call_command("import_dataset", "pets", str(root), stdout=out)
    assert problem.value.returncode == SOME_SKIPPED
    assert "1 imported, 1 in all, 1 skipped" in out.getvalue()
    assert "cat/notes.txt" in out.getvalue()


def test_the_enlargement_of_small_pictures_is_kept_with_the_dataset(tmp_path: Path) -> None:
    run_import("tiny", str(class_folders(tmp_path, {"1": 1})), "--enlarge", "nearest", "--licence", "CC0")
    dataset = Dataset.objects.get()
    assert (dataset.enlarge, dataset.licence) == (Dataset.Enlarge.NEAREST, "CC0")
