"""import_predictions: predictions made elsewhere, all of a file or nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError

from studyapp.models import Prediction, PredictionRun
from tests.studyapp_tests.networks import write_classes
from tests.studyapp_tests.test_predict import command

pytestmark = pytest.mark.django_db

NAMES = "image,class\nval/a.jpg,dark\nval/b.jpg,middle\nval/c.jpg,bright\n"
CLASSES = "class_index,class_name,wnid\n0,dark,n00000001\n1,middle,n00000002\n2,bright,n00000003\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "names.csv").write_text(NAMES)
    classes = str(write_classes(tmp_path / "classes.csv", CLASSES))
    command(
        *("import_dataset", "names", "-", "--no-files", "--labels", str(tmp_path / "names.csv")),
        *("--classes", classes),
    )
    command("add_classifier", "theirs", "--classes", classes)
    return tmp_path


def import_csv(folder: Path, text: str) -> dict[str, object]:
    (folder / "theirs.csv").write_text(text)
    return command("import_predictions", "names", "theirs", str(folder / "theirs.csv"))


def test_a_class_may_be_given_by_index_wnid_or_name(folder: Path) -> None:
    result = import_csv(
        folder,
        "image,predicted_class,probability\nval/a.jpg,0,0.9\nval/b.jpg,n00000003,\nval/c.jpg,Bright,1\n",
    )
    assert (result["imported"], result["top1_errors"], result["standard_top1_error"]) == (3, 1, 1 / 3)
    rows = Prediction.objects.order_by("image__name").values_list(
        "predicted__name", "probability", "ranking", "top1_correct", "top5_correct"
    )
    assert list(rows) == [
        ("dark", 0.9, [0], True, None),
        ("bright", None, [2], False, None),
        ("bright", 1.0, [2], True, None),
    ]
    assert result["standard_top5_error"] is None


def test_a_file_name_is_enough_and_other_columns_are_ignored(folder: Path) -> None:
    result = import_csv(folder, "image,true_class,predicted_class\na.jpg,9,0\nb.jpg,9,1\n")
    assert (result["imported"], result["images"], result["without_prediction"]) == (2, 2, 1)
    assert result["top1_errors"] == 0


def test_the_same_file_again_changes_nothing_and_another_one_is_refused(folder: Path) -> None:
    text = "image,predicted_class\nval/a.jpg,1\n"
    import_csv(folder, text)
    assert import_csv(folder, text)["imported"] == 0
    with pytest.raises(CommandError, match=r"from theirs\.csv already; register another classifier"):
        import_csv(folder, text + "val/b.jpg,1\n")
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("val/z.jpg,0,0.5", "'val/z.jpg' is not the name of one image of names"),
        ("val/b.jpg,3,0.5", r"class '3' is not among the 3 classes \(0-2\)"),
        ("val/b.jpg,violet,0.5", "class 'violet' is not among"),
        ("val/b.jpg,,0.5", "no class is given"),
        ("val/a.jpg,0,0.5", r"val/a\.jpg is in line 2 already"),
        ("val/b.jpg,0,1.5", "probability '1.5' is no number from 0 to 1"),
        ("val/b.jpg,0,much", "probability 'much'"),
        ("val/b.jpg,0,nan", "probability 'nan'"),
        ("val/b.jpg,0", "2 fields where the header has 3"),
    ],
)
def test_a_malformed_file_imports_nothing_and_names_the_line(folder: Path, line: str, complaint: str) -> None:
    with pytest.raises(CommandError, match=rf"theirs\.csv, line 3: .*{complaint}"):
        import_csv(folder, f"image,predicted_class,probability\nval/a.jpg,0,0.5\n{line}\n")
    assert not Prediction.objects.exists()
    assert not PredictionRun.objects.exists()


def test_a_file_without_its_columns_is_refused(folder: Path) -> None:
    with pytest.raises(CommandError, match="line 1: there is no column predicted_class"):
        import_csv(folder, "image,true_class\nval/a.jpg,0\n")
    with pytest.raises(CommandError, match="lists no prediction"):
        import_csv(folder, "image,predicted_class\n")


def test_the_published_resnet50_predictions_give_the_published_error(shared_data: Path) -> None:
    published = str(shared_data / "reassessed-imagenet" / "resnet50_predictions.csv")
    classes = str(shared_data / "imagenet-sample" / "classes.csv")
    command("import_dataset", "imagenet-val", "-", "--no-files", "--labels", published)
    command("add_classifier", "resnet50", "--classes", classes)
    result = command("import_predictions", "imagenet-val", "resnet50", published)
    assert (result["imported"], result["top1_errors"]) == (50_000, 13_634)
    assert result["standard_top1_error"] == 0.27268
