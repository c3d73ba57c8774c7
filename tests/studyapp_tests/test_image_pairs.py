"""Pairs of pictures: imported whole or not at all, and both predictions of a classifier side by side."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from studyapp.models import Category, Classifier, ClassList, Dataset, ImagePair, Prediction, PredictionRun
from studyapp.services.catalogue.pair_boards import PairBoard, pair_board, runs_for
from tests.studyapp_tests.factories import make_dataset, make_researcher
from tests.studyapp_tests.studies.small import make_classifier

pytestmark = pytest.mark.django_db

GOOD = "first,second,note\nballs/0.png,balls/3.png,another shirt\nballs/1.png,balls/4.png,\n"


@pytest.fixture
def dataset() -> Dataset:
    """Nine names of three classes; images 0, 3 and 6 are of one class, and so on."""
    return make_dataset("balls", images=9, classes=("ball", "net", "shoe"))


def import_csv(folder: Path, text: str, name: str = "shirts", dataset: str = "balls") -> dict[str, Any]:
    """The command on a CSV of this text."""
    (folder / "pairs.csv").write_text(text)
    out = io.StringIO()
    call_command("import_pairs", name, dataset, str(folder / "pairs.csv"), "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def predict(dataset: Dataset, sides: dict[int, tuple[int, list[float]]], *, name: str = "net") -> Classifier:
    """A classifier that ranks image number i from class c on, with these probabilities of the first ones."""
    classifier = make_classifier(name, dataset, {})
    run = PredictionRun.objects.get(classifier=classifier)
    classes = list(classifier.class_list.categories.order_by("index"))
    images = list(dataset.images.select_related("category").order_by("pk"))
    for number, (said, probabilities) in sides.items():
        ranking = [said, *(each.index for each in classes if each.index != said)][: len(probabilities)]
        Prediction.objects.filter(run=run, image=images[number]).update(
            predicted=classes[said],
            probability=probabilities[0],
            ranking=ranking,
            probabilities=probabilities,
            top1_correct=said == images[number].category.index,
        )
    return classifier


def board_of(name: str) -> PairBoard:
    """The board of a set by the one classifier there is."""
    pairs = list(
        ImagePair.objects.filter(name=name)
        .select_related("dataset", "first__category", "second__category")
        .order_by("position")
    )
    return pair_board(pairs=pairs, dataset=pairs[0].dataset, run=runs_for(pairs[0].dataset).first())


def page(address: str) -> Any:
    client = Client()
    client.force_login(make_researcher())
    return client.get(address)


def test_pairs_keep_the_order_and_the_notes_of_the_file_and_repeat_safely(
    dataset: Dataset, tmp_path: Path
) -> None:
    assert import_csv(tmp_path, GOOD) == {"name": "shirts", "pairs": 2, "written": 2}
    rows = ImagePair.objects.values_list("position", "first__name", "second__name", "note")
    assert list(rows) == [
        (1, "balls/0.png", "balls/3.png", "another shirt"),
        (2, "balls/1.png", "balls/4.png", ""),
    ]
    assert import_csv(tmp_path, GOOD)["written"] == 0
    assert ImagePair.objects.count() == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("first,second\nballs/0.png,balls/9.png\n", r"line 2: second = 'balls/9\.png' is no image"),
        ("first,second\nballs/0.png,3.png\n", r"is balls/3\.png meant\?"),
        ("first,second\nballs/0.png,\n", "line 2: second is empty"),
        ("first,second\nballs/0.png,balls/0.png\n", r"line 2: first and second are both balls/0\.png"),
        (GOOD + "balls/3.png,balls/0.png,\n", "line 4: these two images are line 2, too"),
        ("first,note\nballs/0.png,x\n", "no column second"),
        ("first,second\n", "has no pairs"),
        ("first,second,note\nballs/0.png,balls/3.png," + 301 * "x" + "\n", "the note has 301 characters"),
    ],
)
def test_a_file_with_a_mistake_names_it_and_imports_nothing(
    dataset: Dataset, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        import_csv(tmp_path, text)
    assert not ImagePair.objects.exists()


def test_a_set_is_never_changed_under_its_name(dataset: Dataset, tmp_path: Path) -> None:
    import_csv(tmp_path, GOOD)
    with pytest.raises(CommandError, match="other ones"):
        import_csv(tmp_path, GOOD + "balls/2.png,balls/5.png,\n")
    make_dataset("others", images=3, classes=("ball", "net", "shoe"))
    with pytest.raises(CommandError, match="is of dataset balls"):
        import_csv(tmp_path, "first,second\nothers/0.png,others/1.png\n", dataset="others")
    with pytest.raises(CommandError, match="no name for a set"):
        import_csv(tmp_path, GOOD, name="my pairs")
    assert ImagePair.objects.count() == 2


def test_both_predictions_stand_with_the_probability_of_the_target(dataset: Dataset, tmp_path: Path) -> None:
    import_csv(tmp_path, GOOD)
    predict(dataset, {0: (0, [0.9, 0.06, 0.04]), 3: (1, [0.5, 0.3, 0.2]), 1: (1, [0.7]), 4: (2, [0.6])})
    first, second = board_of("shirts").pairs
    assert (first.first.predicted, first.first.probability, first.first.target.value) == ("ball", 0.9, 0.9)
    assert (first.second.predicted, first.second.target.value) == ("net", 0.3)
    assert first.compared is not None
    assert first.compared.difference == pytest.approx(0.6)
    # Of image 4 one class alone is stored, with 0.6, and its target is another: the rest is left for it.
    assert (second.second.listed, second.second.target.value) == (False, None)
    assert second.second.target.at_most == pytest.approx(0.4, abs=1e-5)
    assert second.compared is not None
    assert (second.compared.difference, second.compared.sign) == (None, 1)
    summary = board_of("shirts").summary
    assert (summary.first_only, summary.second_only, summary.mcnemar_p) == (2, 0, 0.5)
    assert (summary.first_higher, summary.sign_p) == (2, 0.5)
    assert summary.mean_difference == pytest.approx(0.6)


def test_the_target_is_found_in_another_class_list_by_name(dataset: Dataset, tmp_path: Path) -> None:
    import_csv(tmp_path, GOOD)
    theirs = ClassList.objects.create(digest="theirs", name="theirs")
    Category.objects.bulk_create(
        Category(class_list=theirs, index=index, name=name) for index, name in enumerate(("shoe", "ball"))
    )
    classifier = Classifier.objects.create(
        name="theirs", source=Classifier.Source.ELSEWHERE, class_list=theirs
    )
    run = PredictionRun.objects.create(dataset=dataset, classifier=classifier)
    PredictionRun.objects.update(finished_at=run.created_at)
    shoe = theirs.categories.get(name="shoe")
    for image in dataset.images.all():
        Prediction.objects.create(
            run=run,
            image=image,
            predicted=shoe,
            probability=0.8,
            ranking=[0, 1],
            probabilities=[0.8, 0.2],
            top1_correct=False,
        )
    ball, net = board_of("shirts").pairs
    assert (ball.first.known, ball.first.target.value) == (True, 0.2)
    assert (net.first.known, net.first.target.value) == (False, None)
    assert net.compared is not None
    assert net.compared.sign is None


def test_the_board_shows_the_set_and_is_a_csv_too(dataset: Dataset, tmp_path: Path) -> None:
    import_csv(tmp_path, GOOD)
    predict(dataset, {0: (0, [0.9, 0.06, 0.04]), 3: (1, [0.5, 0.3, 0.2]), 1: (1, [0.7]), 4: (2, [0.6])})
    found = page("/pairs/shirts/?classifier=net").content.decode()
    assert "another shirt" in found
    assert "not among the 1 stored, at most" in found
    assert "McNemar" in found
    answer = page_csv("/pairs/shirts/?classifier=net&format=csv")
    assert [row["pair"] for row in answer] == ["1", "2"]
    assert float(answer[0]["difference"]) == pytest.approx(0.6)
    assert (answer[0]["first_right"], answer[0]["second_right"]) == ("1", "0")
    assert answer[1]["second_target_probability"] == ""
    assert float(answer[1]["second_target_at_most"]) == pytest.approx(0.4, abs=1e-5)
    assert (answer[1]["difference"], answer[1]["classifier"]) == ("", "net")


def page_csv(address: str) -> list[dict[str, str]]:
    client = Client()
    client.force_login(make_researcher("bob"))
    text = b"".join(client.get(address).streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def test_without_predictions_the_board_says_how_to_make_them(dataset: Dataset, tmp_path: Path) -> None:
    import_csv(tmp_path, GOOD)
    found = page("/pairs/shirts/").content.decode()
    assert "python manage.py predict balls CLASSIFIER" in found
    assert [row["difference"] for row in page_csv("/pairs/shirts/?format=csv")] == ["", ""]


def test_a_classifier_that_has_not_predicted_is_said_and_another_shown(
    dataset: Dataset, tmp_path: Path
) -> None:
    import_csv(tmp_path, GOOD)
    make_classifier("net", dataset, {})
    found = page("/pairs/shirts/?classifier=nobody").content.decode()
    assert "nobody has not predicted balls; this is net" in found


def test_the_list_names_every_set_and_an_unknown_one_is_not_found(dataset: Dataset, tmp_path: Path) -> None:
    client = Client()
    assert client.get("/pairs/").status_code == 302
    client.force_login(make_researcher())
    assert "import_pairs NAME DATASET" in client.get("/pairs/").content.decode()
    import_csv(tmp_path, GOOD)
    assert 'href="/pairs/shirts/"' in client.get("/pairs/").content.decode()
    assert "No set matches" in client.get("/pairs/?q=hats").content.decode()
    assert client.get("/pairs/hats/").status_code == 404
