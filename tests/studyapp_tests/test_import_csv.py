"""import_dataset from CSVs: labels by any name of a class, malformed files refused whole, names alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError

from studyapp.models import ClassList, Dataset, Image
from tests.studyapp_tests.pictures import write_picture
from tests.studyapp_tests.test_import_folders import reasons, run_import

pytestmark = pytest.mark.django_db

CLASSES = "class_index,wnid,class_name\n0,n00000001,crane bird\n1,n00000002,crane machine\n2,,kite\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(4):
        write_picture(tmp_path / f"p{number}.png", number)
    (tmp_path / "classes.csv").write_text(CLASSES)
    return tmp_path


def import_csv(folder: Path, text: str, *more: str) -> dict[str, object]:
    (folder / "labels.csv").write_text(text)
    return run_import("set", str(folder), "--labels", str(folder / "labels.csv"), *more)


def labels() -> dict[str, str]:
    return dict(Image.objects.values_list("name", "category__name"))


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("path,wnid", ["n00000002", "n00000001"]),
        ("path,class_index", ["1", "0"]),
        ("path,class_name", ["Crane_Machine", "crane bird"]),
        ("image,label", ["n00000002", "0"]),
        ("path,wnid,class_index,class_name", ["n00000002,1,crane machine", "n00000001,0,crane bird"]),
    ],
)
def test_a_class_may_be_given_by_any_of_its_names(folder: Path, header: str, rows: list[str]) -> None:
    text = f"{header}\np0.png,{rows[0]}\np1.png,{rows[1]}\n"
    result = import_csv(folder, text, "--classes", str(folder / "classes.csv"))
    assert labels() == {"p0.png": "crane machine", "p1.png": "crane bird"}
    assert result["classes"] == 3
    assert Dataset.objects.get().layout == Dataset.Layout.CSV


def test_without_a_class_list_the_csv_makes_its_own(folder: Path) -> None:
    import_csv(folder, "path,class_index,class_name\np0.png,7,kite\np1.png,3,swan\n")
    categories = ClassList.objects.get().categories.values_list("index", "name")
    assert list(categories) == [(3, "swan"), (7, "kite")]


def test_two_imports_of_one_class_list_share_it(folder: Path) -> None:
    import_csv(folder, "path,wnid\np0.png,n00000001\n", "--classes", str(folder / "classes.csv"))
    (folder / "other.csv").write_text("path,wnid\np1.png,n00000002\n")
    run_import(
        "other", str(folder), "--labels", str(folder / "other.csv"), "--classes", str(folder / "classes.csv")
    )
    assert ClassList.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("path,wnid\np0.png,n00000001\np1.png\n", r"labels\.csv, line 3: 1 fields where the header has 2"),
        ("path,class_index\np0.png,one\n", r"labels\.csv, line 2: class_index 'one' is no whole number"),
        ("path,class_index\np0.png,-1\n", r"labels\.csv, line 2: class_index '-1'"),
        ("path,wnid\n,n00000001\n", r"labels\.csv, line 2: no path"),
        ("path,wnid\np0.png,\n", r"labels\.csv, line 2: no class is given"),
        ("path,wnid\n../p0.png,n00000001\n", r"labels\.csv, line 2: \.\./p0\.png leads out of the folder"),
        ("path,wnid\n/p0.png,n00000001\n", r"labels\.csv, line 2: .*leads out of the folder"),
        (
            "path,wnid\np0.png,n00000001\np0.png,n00000002\n",
            r"labels\.csv, line 3: p0\.png is in line 2 already",
        ),
        ("wnid\nn00000001\n", r"labels\.csv, line 1: there is no column path"),
        ("path,size\np0.png,3\n", r"labels\.csv, line 1: no column says the class"),
        ("path,path,wnid\na,b,c\n", r"labels\.csv, line 1: the column 'path' is there twice"),
        ('path,wnid\np0.png,"n0000\n', r"labels\.csv, line 2: "),
        ("", r"labels\.csv is empty"),
        ("path,wnid\n", r"labels\.csv lists no image"),
        (
            "path,wnid,class_index\np0.png,n00000001,0\np1.png,n00000001,1\n",
            r"labels\.csv, line 3: n00000001 is class 0 \(crane bird\) and not class 1",
        ),
    ],
)
def test_a_malformed_csv_imports_nothing_and_names_the_line(folder: Path, text: str, complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        import_csv(folder, text, "--classes", str(folder / "classes.csv"))
    assert not Image.objects.exists()
    assert not Dataset.objects.exists()


def test_a_csv_that_is_no_utf8_names_the_line(folder: Path) -> None:
    (folder / "labels.csv").write_bytes(b"path,wnid\np0.png,n00000001\n\xff\xfe,n00000001\n")
    with pytest.raises(CommandError, match=r"labels\.csv, line \d+: is not UTF-8"):
        run_import("set", str(folder), "--labels", str(folder / "labels.csv"))


def test_an_unknown_class_and_a_missing_file_are_skipped_and_the_rest_comes_in(folder: Path) -> None:
    text = "path,class_index\np0.png,0\np1.png,1003\ngone.png,1\n"
    result = import_csv(folder, text, "--classes", str(folder / "classes.csv"))
    assert labels() == {"p0.png": "crane bird"}
    assert "labels.csv, line 3: class 1003 is not among the 3 classes (0-2)" in reasons(result)["p1.png"]
    assert "cannot be read" in reasons(result)["gone.png"]


def test_a_class_index_alone_is_refused_without_a_class_list(folder: Path) -> None:
    with pytest.raises(CommandError, match=r"line 2: a class_index without a class_name"):
        import_csv(folder, "path,class_index\np0.png,0\n")


@pytest.mark.parametrize(
    ("classes", "complaint"),
    [
        ("class_index,class_name\n0,a\n0,b\n", r"classes\.csv, line 3: class_index 0 is in line 2 already"),
        (
            "class_index,class_name,wnid\n0,a,n1\n1,b,n1\n",
            r"classes\.csv, line 3: wnid n1 is in line 2 already",
        ),
        ("class_index,class_name\nx,a\n", r"classes\.csv, line 2: class_index 'x'"),
        ("class_index,class_name\n0,\n", r"classes\.csv, line 2: class 0 has no class_name"),
        ("class_index,class_name\n", r"classes\.csv lists no class"),
    ],
)
def test_a_malformed_class_list_names_the_line(folder: Path, classes: str, complaint: str) -> None:
    (folder / "classes.csv").write_text(classes)
    with pytest.raises(CommandError, match=complaint):
        import_csv(folder, "path,class_index\np0.png,0\n", "--classes", str(folder / "classes.csv"))


def test_splits_come_from_the_column_the_path_or_the_option(folder: Path) -> None:
    for seed, name in enumerate(("train/a.png", "b.png", "c.png"), start=10):
        write_picture(folder / name, seed)
    text = "path,class_name,split\ntrain/a.png,swan,\nb.png,swan,val\nc.png,swan,\n"
    import_csv(folder, text, "--split", "test")
    assert dict(Image.objects.values_list("name", "split")) == {
        "train/a.png": "train",
        "b.png": "validation",
        "c.png": "test",
    }


def test_names_without_files_need_no_folder(tmp_path: Path) -> None:
    (tmp_path / "published.csv").write_text("image,true_class\na/x.jpg,swan\na/y.jpg,kite\n")
    arguments = ("names", "-", "--no-files", "--labels", str(tmp_path / "published.csv"))
    assert run_import(*arguments)["images"] == 2
    assert run_import(*arguments)["imported"] == 0
    dataset = Dataset.objects.get()
    assert (dataset.layout, dataset.root) == (Dataset.Layout.NAMES, "")
    assert labels() == {"a/x.jpg": "swan", "a/y.jpg": "kite"}
    with pytest.raises(CommandError, match="--labels"):
        run_import("others", "-", "--no-files")


def test_the_published_imagenet_predictions_make_a_catalogue_of_50000_names(shared_data: Path) -> None:
    path = shared_data / "reassessed-imagenet" / "resnet50_predictions.csv"
    result = run_import("imagenet-val", "-", "--no-files", "--labels", str(path))
    assert (result["images"], result["skipped"]) == (50_000, [])
    first = Image.objects.get(name="ILSVRC2012_val_00000001.JPEG")
    assert (first.category.index, first.category.wnid) == (65, "n01751748")
    assert "sorted wnids counted from 0" in str(result["note"])
