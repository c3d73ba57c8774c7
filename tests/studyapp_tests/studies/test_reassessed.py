"""The public ratings of ImageNet's validation labels, through the same commands as anybody's answers.

Science.md, section 1, "public data to check against". The ratings of the study's own questions are
imported here; the full 924,810 are timed by benchmarks/import_answers.py.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.models import Count

from benchmarks.reassessed_imagenet import ReassessedImagenet, convert
from studyapp.models import Question, QuestionSlots, Study

pytestmark = [pytest.mark.django_db, pytest.mark.shared_data]

CLASSES = Path(__file__).resolve().parents[3] / "inference" / "imagenet_classes.csv"
MISCLASSIFICATION = "protocols/misclassification.toml"
# Pairs that are no question of the study, kept in the part that this test imports.
OUTSIDE = 1_000


@pytest.fixture
def files(shared_data: Path, tmp_path: Path) -> ReassessedImagenet:
    return convert(source=shared_data / "reassessed-imagenet", target=tmp_path)


def part_of_the_ratings(files: ReassessedImagenet, target: Path) -> Path:
    """Every rating of ResNet-50's mistakes, and those of the first 1,000 pairs beside them."""
    with files.predictions.open(newline="") as table, files.catalogue.open(newline="") as catalogue:
        said = {row["image"]: row["predicted_class"] for row in csv.DictReader(table)}
        true = {row["path"]: row["class_index"] for row in csv.DictReader(catalogue)}
    outside: set[tuple[str, str]] = set()
    with files.ratings.open(newline="") as table, target.open("w", newline="") as part:
        rows = csv.reader(table)
        writer = csv.writer(part)
        writer.writerow(next(rows))
        for row in rows:
            image, label = row[0], row[1]
            if said[image] == label and true[image] != label:
                writer.writerow(row)
            elif (image, label) in outside or len(outside) < OUTSIDE:
                outside.add((image, label))
                writer.writerow(row)
    return target


def test_the_published_ratings_give_the_known_histogram_and_rectified_error(
    files: ReassessedImagenet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command(
        "import_dataset",
        "val",
        "-",
        "--no-files",
        "--labels",
        str(files.catalogue),
        "--classes",
        str(CLASSES),
    )
    call_command("add_classifier", "resnet50", "--classes", str(CLASSES))
    call_command("import_predictions", "val", "resnet50", str(files.predictions))
    call_command("create_study", MISCLASSIFICATION, "--dataset", "val", "--classifier", "resnet50", "--json")
    study = Study.objects.get(name="misclassification")
    assert study.questions.count() == 13_634
    ratings = part_of_the_ratings(files, tmp_path / "part.csv")
    capsys.readouterr()
    call_command("import_answers", study.name, str(ratings), "--json")
    summary = json.loads(capsys.readouterr().out)
    assert (summary["questions"], summary["pairs_outside"]) == (8_802, OUTSIDE)
    assert summary["surplus"] == 0
    slots = QuestionSlots.objects.filter(study=study, counted=5)
    histogram = dict(slots.values_list("positive").annotate(number=Count("pk")).order_by())
    assert histogram == {0: 4959, 1: 1342, 2: 810, 3: 605, 4: 536, 5: 550}
    assert Question.objects.filter(study=study, origin=Question.Origin.IMPORTED).count() == OUTSIDE
    # 13,634 mistakes less those accepted by at least four of five, over 50,000 images.
    assert (13_634 - slots.filter(positive__gte=4).count()) / 50_000 == 0.25096
    call_command("results", study.name, "--json")
    row = json.loads(capsys.readouterr().out)["tables"]["rectified_error"][0]
    assert (row["standard_top1_error"], row["rectified_top1_error"]) == (0.27268, 0.25096)
    assert row["positive_answers"] == [4959, 1342, 810, 605, 536, 550]
