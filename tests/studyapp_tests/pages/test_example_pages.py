"""Boards of examples: what they show of each picture, compared methods, a thousand categories, personas."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from studyapp.models import (
    AdversarialImage,
    AttackRun,
    Classifier,
    Dataset,
    ExampleSelection,
    PredictionRun,
    SelectedExample,
)
from tests.studyapp_tests.factories import make_dataset
from tests.studyapp_tests.pages.rows import add_run, text_of

pytestmark = pytest.mark.django_db

BOARD = ("example-board", ["eight", "toy"])


def add_selection(
    dataset: Dataset,
    run: PredictionRun,
    method: str,
    *,
    each: int = 2,
    finished: bool = True,
    attack: AttackRun | None = None,
    notes: dict[int, str] | None = None,
) -> ExampleSelection:
    """`each` prototypes and one criticism of every category, in the order of the images."""
    selection = ExampleSelection.objects.create(
        dataset=dataset,
        classifier=run.classifier,
        method=method,
        prototypes=each,
        criticisms=1,
        parameters={},
        digest=f"{method}-{each}-{ExampleSelection.objects.count()}",
        prediction_run=run,
        attack_run=attack,
        notes=[[category, sentence] for category, sentence in (notes or {}).items()],
        seed=7,
        finished_at=timezone.now() if finished else None,
    )
    rows = []
    for category in dataset.class_list.categories.all():
        images = list(dataset.images.filter(category=category).order_by("pk"))
        for place, image in enumerate(images[: each + 1]):
            prototype = place < each
            rows.append(
                SelectedExample(
                    selection=selection,
                    category=category,
                    image=image,
                    role="prototype" if prototype else "criticism",
                    rank=place + 1 if prototype else 1,
                    witness=0.125 if method == "mmd_critic" else None,
                    flag="surviving 9 steps" if notes and category.pk in notes and place == 1 else "",
                    steps_to_flip=11 - place if attack else None,
                    probability=0.25 if method == "probability" else None,
                )
            )
    SelectedExample.objects.bulk_create(rows)
    return selection


def attack_on(run: PredictionRun) -> AttackRun:
    return AttackRun.objects.create(
        dataset=run.dataset,
        classifier=run.classifier,
        prediction_run=run,
        parameters={"steps": 10},
        digest="attack",
        finished_at=timezone.now(),
    )


@pytest.fixture
def run() -> PredictionRun:
    """Ten categories of three images each, and their predictions."""
    return add_run(make_dataset(images=30))


def test_a_board_has_a_row_for_every_method_with_what_is_known(alice: Client, run: PredictionRun) -> None:
    first = run.dataset.class_list.categories.order_by("index")[0]
    add_selection(run.dataset, run, "mmd_critic")
    add_selection(
        run.dataset,
        run,
        "adversarial",
        attack=attack_on(run),
        notes={first.pk: "only 1 images of 'ant' survive 10 steps; one surviving 9 steps added"},
    )
    page = text_of(alice, reverse(BOARD[0], args=BOARD[1]) + "?q=ant")
    assert page.index("<h3>MMD-critic, 2 + 1") < page.index("<h3>Adversarial steps, 2 + 1")
    assert "Witness 0.1250" in page
    assert "Survives all 10 steps" in page
    assert "Flips at step 10" in page
    assert "Probability" in page
    assert "Only 1 images of &#x27;ant&#x27; survive 10 steps; one surviving 9 steps added." in page
    assert "Surviving 9 steps" in page
    image = run.dataset.images.filter(category=first).order_by("pk")[0]
    assert page.count(f'href="{reverse("image", args=[image.key])}"') == 2


def test_every_picture_tells_its_facts_to_those_who_can_not_point(alice: Client, run: PredictionRun) -> None:
    add_selection(run.dataset, run, "random")
    page = text_of(alice, reverse(BOARD[0], args=BOARD[1]))
    described = page.count('aria-describedby="told-')
    assert described == page.count('role="tooltip"') > 0


def test_steps_of_a_later_attack_are_shown_beside_earlier_examples(alice: Client, run: PredictionRun) -> None:
    add_selection(run.dataset, run, "random", each=1)
    image = run.dataset.images.filter(category__name="ant").order_by("pk")[0]
    AdversarialImage.objects.create(
        run=attack_on(run), image=image, outcome="attacked", steps_to_flip=4, file="x.png"
    )
    assert "Flips at step 4" in text_of(alice, reverse(BOARD[0], args=BOARD[1]) + "?q=ant")


def test_only_the_selections_asked_for_are_compared(alice: Client, run: PredictionRun) -> None:
    wanted = add_selection(run.dataset, run, "random")
    add_selection(run.dataset, run, "probability")
    address = reverse(BOARD[0], args=BOARD[1])
    assert text_of(alice, address).count("<h3>Probability, 2 + 1") == 8
    narrowed = text_of(alice, f"{address}?of={wanted.pk}")
    assert "<h3>Probability" not in narrowed
    assert narrowed.count("<h3>Random, 2 + 1") == 8


def test_of_two_alike_the_newest_is_shown_until_the_other_is_asked_for(
    alice: Client, run: PredictionRun
) -> None:
    older = add_selection(run.dataset, run, "random")
    newer = add_selection(run.dataset, run, "random")
    page = text_of(alice, reverse(BOARD[0], args=BOARD[1]))
    assert f"told-{newer.pk}-" in page
    assert f"told-{older.pk}-" not in page
    both = text_of(alice, reverse(BOARD[0], args=BOARD[1]) + f"?of={older.pk}&of={newer.pk}")
    assert f"told-{older.pk}-" in both


def test_categories_with_shortages_can_be_shown_alone(alice: Client, run: PredictionRun) -> None:
    bee = run.dataset.class_list.categories.get(name="bee")
    add_selection(run.dataset, run, "random", notes={bee.pk: "only 1 images of 'bee' are there"})
    page = text_of(alice, reverse(BOARD[0], args=BOARD[1]) + "?short=1")
    assert page.count('class="example-board"') == 1
    assert 'id="c-1"' in page


def test_a_selection_under_way_is_named_and_not_compared(alice: Client, run: PredictionRun) -> None:
    add_selection(run.dataset, run, "random", finished=False)
    page = text_of(alice, reverse(BOARD[0], args=BOARD[1]))
    assert "is under way" in page
    assert 'class="example-board"' not in page


def test_the_csv_holds_every_example_of_what_is_compared(alice: Client, run: PredictionRun) -> None:
    selection = add_selection(run.dataset, run, "mmd_critic")
    response = alice.get(reverse(BOARD[0], args=BOARD[1]) + "?format=csv")
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    assert len(rows) == selection.examples.count() == 30
    assert {row["method"] for row in rows} == {"mmd_critic"}
    assert rows[0]["class_name"] == "ant"
    assert [row["role"] for row in rows[:3]] == ["prototype", "prototype", "criticism"]
    assert rows[0]["witness"] == "0.125"


def test_a_thousand_categories_are_paged_searched_and_cost_no_query_each(alice: Client) -> None:
    names = tuple(f"class {number:04}" for number in range(1000))
    run = add_run(make_dataset(images=2000, classes=names))
    for method in ("random", "mmd_critic"):
        add_selection(run.dataset, run, method, each=1)
    address = reverse(BOARD[0], args=BOARD[1])
    alice.get(address)
    with CaptureQueriesContext(connection) as queries:
        page = text_of(alice, f"{address}?page=7")
    assert "49–56 of 1 000" in page
    assert page.count('class="example-board"') == 8
    assert len(queries) <= 24, [query["sql"][:120] for query in queries]
    for query in ("0999", "999"):
        assert text_of(alice, f"{address}?q={query}").count('class="example-board"') == 1


def test_the_list_names_datasets_classifiers_and_methods(alice: Client, run: PredictionRun) -> None:
    add_selection(run.dataset, run, "mmd_critic")
    add_selection(run.dataset, run, "random", finished=False)
    page = text_of(alice, reverse("examples"))
    assert reverse(BOARD[0], args=BOARD[1]) in page
    assert "MMD-critic, 2 + 1 · Random, 2 + 1" in page
    assert "eight, toy" in text_of(alice, reverse("examples") + "?q=eig")
    assert "No dataset or classifier matches" in text_of(alice, reverse("examples") + "?q=nothing")


def test_empty_pages_say_what_to_do(alice: Client, run: PredictionRun) -> None:
    assert "manage.py select_examples DATASET" in text_of(alice, reverse("examples"))
    assert "manage.py select_examples eight toy" in text_of(alice, reverse(BOARD[0], args=BOARD[1]))


def test_nobody_but_researchers_sees_a_board(
    alice: Client, bob: Client, client: Client, run: PredictionRun
) -> None:
    add_selection(run.dataset, run, "random")
    for address in (reverse("examples"), reverse(BOARD[0], args=BOARD[1])):
        assert bob.get(address).status_code == 404
        assert Client().get(address).status_code == 302
        page = alice.get(address)
        assert page.status_code == 200
        assert " style=" not in page.content.decode()
        assert "unsafe" not in page["Content-Security-Policy"]
    assert alice.get(reverse(BOARD[0], args=["eight", "nobody"])).status_code == 404
    assert alice.get(reverse(BOARD[0], args=["nothing", "toy"])).status_code == 404


def test_names_from_files_are_text(alice: Client, run: PredictionRun) -> None:
    image = run.dataset.images.filter(category__name="bee").first()
    assert image is not None
    image.name = "<script>alert(1)</script>"
    image.save()
    Classifier.objects.filter(pk=run.classifier_id).update(architecture="<script>alert(2)</script>")
    add_selection(run.dataset, run, "random")
    assert "<script>alert" not in text_of(alice, reverse(BOARD[0], args=BOARD[1]))
