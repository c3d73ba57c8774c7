"""A shift run's flips: which they are, which are drawn, what is written, what people's answers come to."""

from __future__ import annotations

import io

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image as Picture

from studyapp.exports.shift_stability import shift_stability_table
from studyapp.models import (
    Answer,
    Dataset,
    Image,
    Job,
    Participant,
    Prediction,
    PredictionRun,
    Question,
    Study,
)
from studyapp.protocol.reading import read_protocol_text
from studyapp.services.catalogue.image_files import read_image_file
from studyapp.services.jobs import JobFailure
from studyapp.services.probes.shift_drawing import flip_draw, start_drawing
from studyapp.services.probes.shift_flips import shift_flips
from studyapp.services.refusals import Refused
from studyapp.services.stored_files import read_file
from studyapp.services.studies.creation import create_study
from studyapp.tasks.shift_drawing import write_drawn_flips
from studyapp.views.ready_protocols import ready_text, targeted, with_whole_pictures
from tests.studyapp_tests.factories import make_dataset
from tests.studyapp_tests.pages.conftest import own_media
from tests.studyapp_tests.probes.flipping import (
    BLURRED,
    NEVER,
    PLAIN,
    SIDE,
    STRIPES,
    TARGET,
    WIDE,
    drawn,
    facts,
    finished,
    said,
    study_of,
)
from tests.studyapp_tests.results.small_study import add_answer

__all__ = ["own_media"]
# Jobs are worked at in the test's own process.
pytestmark = pytest.mark.django_db(transaction=True)


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
    default_storage.save(run.picture_file, ContentFile(picture))
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
