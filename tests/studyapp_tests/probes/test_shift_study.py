"""From a shift run to people and back: flips, drawn pictures, the study, its tables; and what is refused."""

from __future__ import annotations

import io
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image as Picture

from studyapp.exports.shift_stability import shift_stability_table
from studyapp.models import (
    Answer,
    Classifier,
    Dataset,
    Image,
    Job,
    Participant,
    Prediction,
    PredictionRun,
    Question,
    ShiftRun,
    Study,
)
from studyapp.protocol.reading import read_protocol_text
from studyapp.services.catalogue.image_files import read_image_file
from studyapp.services.jobs import JobFailure
from studyapp.services.probes.shift_drawing import flip_draw, start_drawing
from studyapp.services.probes.shift_flips import shift_flips
from studyapp.services.probes.shift_maps import MapSet
from studyapp.services.probes.shift_runs import (
    AskedClassifier,
    ShiftFacts,
    finish_run,
    import_shift_run,
    open_shift_run,
    write_part,
)
from studyapp.services.refusals import Refused
from studyapp.services.stored_files import read_file
from studyapp.services.studies.creation import create_study
from studyapp.tasks.chunks import work_here
from studyapp.tasks.shift_drawing import write_drawn_flips
from studyapp.views.ready_protocols import ready_text, targeted, with_whole_pictures
from tests.studyapp_tests.factories import make_dataset
from tests.studyapp_tests.pages.conftest import alice, bob, own_media
from tests.studyapp_tests.pages.rows import text_of
from tests.studyapp_tests.results.small_study import add_answer

__all__ = ["alice", "bob", "own_media"]
# Jobs are worked at in the test's own process.
pytestmark = pytest.mark.django_db(transaction=True)

SIDE, ROWS, COLUMNS, TARGET = 8, 3, 5, 3
#: Windows of 8 over 12 x 10 pixels, no two of them alike.
WIDE = np.random.default_rng(5).integers(0, 256, (ROWS + SIDE - 1, COLUMNS + SIDE - 1, 3), dtype=np.uint8)
#: Every window is alike the one two columns on.
STRIPES = np.tile(WIDE[:, :2], (1, 6, 1))
#: Right at the centre; flips to 7 four times and to 9 once.
PLAIN = np.array([[7, 7, 3, 3, 3], [3, 3, 3, 3, 3], [9, 3, 3, 7, 7]])
#: Wrong at the centre (5); flips to the class asked about twice and to 7 once.
BLURRED = np.array([[7, 5, 3, 5, 5], [5, 5, 5, 5, 5], [5, 3, 5, 5, 5]])
NEVER = np.full((ROWS, COLUMNS), 3)


def png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def facts(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = WIDE, image: str = "wide") -> ShiftFacts:
    return ShiftFacts(
        way=ShiftRun.Way.CROP,
        title="Windows of wide.png",
        picture=png(pixels),
        patch=b"",
        rows=ROWS,
        columns=COLUMNS,
        stride=1,
        width=SIDE,
        height=SIDE,
        parameters={"image": image, "size": [12, 10]},
    )


def open_run(names: tuple[str, ...] = ("plain",), made: ShiftFacts | None = None) -> ShiftRun:
    existing = Dataset.objects.filter(name="pictures").first()
    dataset = existing or make_dataset(
        "pictures", images=1, classes=tuple(f"class {index}" for index in range(10))
    )
    asked = [
        AskedClassifier(
            Classifier.objects.create(name=name, source="elsewhere", class_list=dataset.class_list)
        )
        for name in names
    ]
    return open_shift_run(facts=made or facts(), target=TARGET, target_name="class 3", asked=asked)


def finished(
    top1: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]], made: ShiftFacts | None = None
) -> ShiftRun:
    """A finished run of classifiers whose top-1 is written in."""
    run = open_run(tuple(top1), made)
    flat = np.full(ROWS * COLUMNS, 0.5, dtype=np.float32)
    for number, said in enumerate(top1.values()):
        write_part(run=run, number=number, part=MapSet({"probability": flat}, said.reshape(-1)))
    finish_run(run=run, parts={number: [number] for number in range(len(top1))})
    run.refresh_from_db()
    return run


def drawn(run: ShiftRun, *classifiers: str, sample: int = 40, seed: int = 0) -> Dataset:
    draw = flip_draw(run=run, classifiers=classifiers, sample=sample, seed=seed)
    job = start_drawing(draw=draw)
    assert job is not None
    work_here(job, progress=False)
    return Dataset.objects.get(name=draw.dataset)


def study_of(dataset: Dataset, *classifiers: str) -> Study:
    text = targeted(
        with_whole_pictures(ready_text("misclassification.toml"), 224),
        dataset=dataset.name,
        classifiers=classifiers,
        name="flips",
    )
    return create_study(protocol=read_protocol_text(text), text=text, owner=None)


def said(run: PredictionRun) -> dict[str, int]:
    rows = Prediction.objects.filter(run=run).order_by("image__name")
    return dict(rows.values_list("image__name", "predicted__index"))


def test_flips_are_the_places_that_differ_from_the_centre() -> None:
    plain, blurred, never = shift_flips(finished({"plain": PLAIN, "blurred": BLURRED, "never": NEVER}))
    assert (plain.centre_name, plain.places, plain.flips, plain.right) == ("class 3", 15, 5, 0)
    assert plain.stability == pytest.approx(10 / 15)
    assert [(each.name, each.places) for each in plain.labels] == [("class 7", 4), ("class 9", 1)]
    assert plain.in_question.tolist() == [0, 1, 10, 13, 14]
    assert (blurred.centre_name, blurred.flips, blurred.right) == ("class 5", 3, 2)
    assert blurred.in_question.tolist() == [0]
    assert (never.flips, never.labels) == (0, ())


def test_drawn_flips_are_a_dataset_of_the_pixels_and_answers_of_the_run() -> None:
    run = finished({"plain": PLAIN, "blurred": BLURRED})
    dataset = drawn(run, "plain", "blurred")
    images = list(dataset.images.order_by("name"))
    assert [image.name for image in images] == [
        *("y000-x000.png", "y000-x001.png", "y002-x000.png", "y002-x003.png", "y002-x004.png")
    ]
    for image in images:
        top, left = int(image.name[1:4]), int(image.name[6:9])
        with Picture.open(io.BytesIO(read_image_file(image=image))) as picture:
            assert (np.asarray(picture) == WIDE[top : top + SIDE, left : left + SIDE]).all()
        assert (image.category.index, image.width, image.source) == (TARGET, SIDE, None)
    plain, blurred = PredictionRun.objects.filter(dataset=dataset).order_by("pk")
    assert list(said(plain).values()) == [7, 7, 9, 7, 7]
    assert list(said(blurred).values()) == [7, 5, 5, 5, 5]
    assert not Prediction.objects.filter(top1_correct=True).exists()
    assert plain.finished_at is not None
    first = images[0].pk
    assert blurred.parameters == {
        "shift": run.key,
        "seed": 0,
        "sample": 40,
        "places": 15,
        "flips": 3,
        "flips_to_class": 2,
        "drawn": [[first, 1]],
    }


def test_a_draw_is_the_same_again_and_does_not_depend_on_who_else_is_chosen() -> None:
    run = finished({"plain": PLAIN, "blurred": BLURRED})
    alone, both = drawn(run, "plain", sample=2, seed=7), drawn(run, "blurred", "plain", sample=2, seed=7)
    assert alone.images.count() == 2
    ours, theirs = (
        {
            Image.objects.get(pk=pk).name
            for pk, _ in PredictionRun.objects.get(dataset=each, classifier__name="plain").parameters["drawn"]
        }
        for each in (alone, both)
    )
    assert ours == theirs == set(alone.images.values_list("name", flat=True))
    other = flip_draw(run=run, classifiers=["plain"], sample=2, seed=8)
    assert other.dataset not in (alone.name, both.name)
    assert start_drawing(draw=flip_draw(run=run, classifiers=["plain"], sample=2, seed=7)) is None


def test_a_job_that_runs_twice_writes_once() -> None:
    dataset = drawn(finished({"plain": PLAIN}), "plain")
    write_drawn_flips(Job.objects.get().chunks.get())
    assert Dataset.objects.filter(name__startswith="shift-flips").get() == dataset
    assert (dataset.images.count(), Prediction.objects.count()) == (5, 5)


def test_a_failed_writing_leaves_no_rows_and_is_taken_up_again() -> None:
    run = finished({"plain": PLAIN})
    picture = read_file(run.picture_file)
    assert picture is not None
    default_storage.delete(run.picture_file)
    with pytest.raises(JobFailure, match="is gone from storage"):
        drawn(run, "plain")
    assert not Dataset.objects.filter(name__startswith="shift-flips").exists()
    assert not PredictionRun.objects.exists()
    default_storage.save(run.picture_file, io.BytesIO(picture))  # type: ignore[arg-type]
    assert drawn(run, "plain").images.count() == 5
    assert Job.objects.count() == 1


def test_places_alike_in_every_pixel_are_one_picture_that_counts_as_often_as_drawn() -> None:
    # Columns 0, 2 and 4 are alike, and so are 1 and 3. In row 0 column 4 falls to the other side of a tie.
    top1 = np.array([[7, 3, 7, 3, 9], [3, 3, 3, 3, 3], [3, 3, 3, 3, 3]])
    dataset = drawn(finished({"plain": top1}, facts(STRIPES)), "plain")
    image = dataset.images.get()
    assert image.name == "y000-x000.png"
    run = PredictionRun.objects.get(dataset=dataset)
    assert said(run) == {"y000-x000.png": 7}
    assert run.parameters["drawn"] == [[image.pk, 2]]


def test_a_picture_of_a_dataset_stays_the_source() -> None:
    whole = make_dataset("pictures", images=1, classes=tuple(f"class {index}" for index in range(10)))
    source = whole.images.get()
    run = finished({"plain": PLAIN}, facts(image=f"pictures:{source.name}"))
    assert set(drawn(run, "plain").images.values_list("source", flat=True)) == {source.pk}


def test_accepted_flips_and_flips_to_the_class_count_as_stable() -> None:
    run = finished({"plain": PLAIN, "blurred": BLURRED})
    study = study_of(drawn(run, "plain", "blurred"), "plain", "blurred")
    # Five questions of plain's flips, one of them blurred's as well, and four where blurred says 5.
    assert Question.objects.filter(study=study).count() == 9
    assert shift_stability_table(run).rows == ()
    people = [Participant.objects.create(pseudonym=f"{number:064}") for number in range(5)]
    votes = {"y000-x000": 5, "y000-x001": 4, "y002-x000": 3, "y002-x003": 0}
    for place, positive in votes.items():
        question = Question.objects.filter(image__name=f"{place}.png").exclude(label__index=5).get()
        for order, person in enumerate(people):
            add_answer(question, person, "yes" if order < positive else "no", order)
    table = shift_stability_table(run)
    names = [column.name for column in table.columns]
    plain, blurred = (dict(zip(names, row, strict=True)) for row in table.rows)
    # P = 15, F = 5, T = 0; five asked, four decided, two of them accepted.
    assert (plain["places"], plain["flips"], plain["flips_to_class"]) == (15, 5, 0)
    assert (plain["asked"], plain["decided"], plain["accepted"]) == (5, 4, 2)
    assert plain["stability"] == pytest.approx(10 / 15)
    assert plain["rectified_stability"] == pytest.approx(1 - 5 * (1 - 2 / 4) / 15)
    assert plain["rectified_stability_bounds"] == pytest.approx((1 - 3 / 15, 1 - 2 / 15))
    # P = 15, F = 3, T = 2; the one flip in question is accepted.
    assert (blurred["asked"], blurred["decided"], blurred["accepted"]) == (1, 1, 1)
    assert (blurred["stability"], blurred["rectified_stability"]) == (pytest.approx(12 / 15), 1.0)


def test_answers_of_rehearsals_and_other_predictions_are_not_shown() -> None:
    run = finished({"plain": PLAIN})
    dataset = drawn(run, "plain")
    study = study_of(dataset, "plain")
    question = Question.objects.filter(study=study).order_by("pk")[0]
    person = Participant.objects.create(pseudonym="0" * 64)
    add_answer(question, person, "yes", 0, mode="rehearsal")
    assert shift_stability_table(run).rows == ()
    Answer.objects.update(mode="real")
    assert len(shift_stability_table(run).rows) == 1
    own = PredictionRun.objects.get(dataset=dataset)
    PredictionRun.objects.filter(pk=own.pk).update(parameters={})
    assert shift_stability_table(run).rows == ()


def test_from_the_page_to_the_new_study_and_back(alice: Client) -> None:
    run = finished({"plain": PLAIN, "blurred": BLURRED, "never": NEVER})
    page = f"/probes/shift/{run.key}/people/"
    assert page in text_of(alice, f"/probes/shift/{run.key}/")
    text = text_of(alice, page)
    assert "class 7" in text
    assert "nothing to ask" in text
    assert "plain,15,class 3,class 7,7,4" in alice.get(f"{page}?format=csv").getvalue().decode()
    form = {"classifier": ["plain", "blurred"], "sample": "3", "seed": "1"}
    first = alice.post(page, form)
    waiting = first.headers["Location"]
    assert "0 of " in text_of(alice, waiting)
    work_here(Job.objects.get(), progress=False)
    assert "To the new study" in alice.get(waiting, headers={"HX-Request": "true"}).content.decode()
    assert alice.post(page, form).headers["Location"] == waiting
    assert Job.objects.count() == 1
    new = alice.get(waiting).headers["Location"]
    asked = parse_qs(urlsplit(new).query)
    assert asked["protocol"] == ["misclassification.toml"]
    assert asked["classifier"] == ["plain", "blurred"]
    filled = text_of(alice, new)
    for line in (
        "display_resize = 224",
        "display_crop = 224",
        f"dataset = &quot;{asked['dataset'][0]}&quot;",
        "classifiers = [&quot;plain&quot;, &quot;blurred&quot;]",
        f"name = &quot;misclassification-{asked['dataset'][0]}&quot;",
    ):
        assert line in filled
    study = study_of(Dataset.objects.get(name=asked["dataset"][0]), "plain", "blurred")
    question = Question.objects.filter(study=study, label__index=7).order_by("pk")[0]
    for order in range(4):
        add_answer(question, Participant.objects.create(pseudonym=f"{order:064}"), "yes", order)
    text = text_of(alice, f"/probes/shift/{run.key}/")
    assert "Flips that people judged" in text
    assert "/studies/flips/results/" in text
    file = alice.get(f"/probes/shift/{run.key}/people.csv").content.decode().splitlines()
    assert file[0].startswith("study,arm,classifier,places,flips,flips_to_class,asked")
    assert len(file) == 3
    assert alice.get(f"/probes/shift/{run.key}/people.pdf").status_code == 404


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"classifier": ["nobody"]}, "has no classifier &#x27;nobody&#x27;; it has plain, blurred, never"),
        ({"classifier": []}, "No classifier is chosen"),
        ({"classifier": ["never"]}, "never flips to no class but class 3: leave it out"),
        ({"sample": "many"}, "&#x27;many&#x27; is no number of flips of each classifier"),
        ({"sample": "0"}, "0 flips of each classifier are out of range: give 1 to 1,000"),
        ({"sample": "1001"}, "1,001 flips of each classifier are out of range"),
        ({"seed": "-1"}, "&#x27;-1&#x27; is no number of seed"),
        ({"seed": "2147483648"}, "The seed 2147483648 is out of range"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_nothing_is_written(
    alice: Client, form: dict[str, object], message: str
) -> None:
    run = finished({"plain": PLAIN, "blurred": BLURRED, "never": NEVER})
    answer = alice.post(
        f"/probes/shift/{run.key}/people/", {"classifier": ["plain"], "sample": "4", "seed": "0"} | form
    )
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert not Job.objects.exists()


def test_runs_without_flips_are_refused_in_words(alice: Client) -> None:
    unfinished = open_run()
    imported, _ = import_shift_run(
        facts=facts(),
        target=TARGET,
        target_name="class 3",
        maps={Classifier.objects.get(name="plain"): MapSet({"probability": np.full((ROWS, COLUMNS), 0.5)})},
    )
    never = finished({"never": NEVER})
    only_right = finished({"mended": np.where(PLAIN == 3, 5, 3)})
    for run, asked, message in (
        (unfinished, "plain", "is not finished: its flips are known at its end"),
        (imported, "plain", "were made elsewhere and do not say which class is the top-1"),
        (never, "never", "Nothing flips: every classifier says the same"),
        (only_right, "mended", "Every flip is to class 3, the picture&#x27;s own label"),
    ):
        page = f"/probes/shift/{run.key}/people/"
        form = {"classifier": [asked], "sample": "4", "seed": "0"}
        answer = alice.post(page, form)
        assert (answer.status_code, message in answer.content.decode()) == (422, True)
        assert '<button class="first"' not in text_of(alice, page)
    assert not Job.objects.exists()
    default_storage.delete(never.maps.get().file)
    with pytest.raises(Refused, match="are gone from storage; make them again"):
        shift_flips(never)


def test_protocols_that_need_rankings_or_right_predictions_are_refused_in_words() -> None:
    dataset = drawn(finished({"plain": PLAIN}), "plain")
    foils = ready_text("misclassification.toml").replace("controls = 0.0", "controls = 0.4")
    for text, message in (
        (foils, "the predictions hold too few classes per image"),
        (ready_text("misclassification-calibrated.toml"), "0 images are left for practice"),
    ):
        whole = with_whole_pictures(text, 224)
        asked = targeted(whole, dataset=dataset.name, classifiers=["plain"], name="more")
        protocol = read_protocol_text(asked)
        assert protocol.about_mistakes is not None
        assert protocol.about_mistakes.display_resize == protocol.about_mistakes.display_crop == 224
        with pytest.raises(Refused, match=message):
            create_study(protocol=protocol, text=asked, owner=None)
    assert not Study.objects.exists()
    assert with_whole_pictures(ready_text("stability.toml"), 224) == ready_text("stability.toml")


def test_strangers_see_nothing(bob: Client) -> None:
    run = finished({"plain": PLAIN})
    dataset = drawn(run, "plain")
    for end in ("people/", f"people/{dataset.name}/", "people.csv"):
        assert bob.get(f"/probes/shift/{run.key}/{end}").status_code == 404
        assert Client().get(f"/probes/shift/{run.key}/{end}").status_code == 302
    assert bob.post(f"/probes/shift/{run.key}/people/", {}).status_code == 404
    assert Image.objects.filter(dataset=dataset).count() == 5
