"""Jobs are named by what they are of, in the researcher's words, and by no internal name."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from studyapp.exports.gallery_boards import BoardRequest, start_board
from studyapp.exports.turned_board import BoardChoice
from studyapp.exports.turned_pictures import start_turned_board, turned_board
from studyapp.models import Job, Mode, Study
from studyapp.services.gallery.filters import GalleryFilter
from studyapp.services.gallery.opening import gallery
from studyapp.services.gallery.strips import start_strips, start_strips_for_study
from studyapp.services.studies.creation import start_build
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.gallery.rows import make_attack, make_gallery_study
from tests.studyapp_tests.results.adversarial_study import two_arm_study

pytestmark = pytest.mark.django_db
TITLE = "Do people see what fools a network?"


@pytest.fixture
def study() -> Study:
    made = make_gallery_study(make_attack(images=2))
    Study.objects.update(title=TITLE)
    made.refresh_from_db()
    return made


def test_thumbnails_are_of_the_study_of_the_attack_or_of_the_explanations(study: Study) -> None:
    [job] = start_strips_for_study(study)
    assert job.title == f"Thumbnails of {TITLE}"
    attacked = make_attack("lone", images=1, classifier="other")
    of_attack = start_strips(scope=gallery("attack", str(attacked.run.pk)))
    assert of_attack.title == "Thumbnails of attack on other with lone"
    of_clean = start_strips(scope=gallery("explanations", str(attacked.clean.pk)))
    assert of_clean.title == "Thumbnails of lime of other on lone, clean"


def test_boards_exports_and_builds_are_of_the_study_by_its_title(study: Study) -> None:
    alice = make_researcher()
    request = BoardRequest(gallery("study", study.name), GalleryFilter(), (), "pdf")
    assert start_board(request, keys=request.keys(), created_by=alice).title == f"Board of {TITLE}, 2 images"
    assert start_build(study=study).title == f"Build study {TITLE}"
    client = Client()
    client.force_login(alice)
    client.post(f"/studies/{study.name}/export/start/", {"mode": "real"})
    assert Job.objects.latest("pk").title == f"Export of {TITLE} (real answers)"


def test_a_board_of_verdicts_that_turned_is_of_its_study_by_its_title() -> None:
    made = two_arm_study()
    board = turned_board(made.study, Mode.REAL, BoardChoice("whole", "explained"))
    job = start_turned_board(board, file_format="pdf", created_by=make_researcher())
    assert job.title.startswith("Verdicts that turned in Two arms: board of ")


def test_the_longest_title_of_a_study_makes_no_job_title_too_long(study: Study) -> None:
    Study.objects.update(title="x" * 200)
    study.refresh_from_db()
    request = BoardRequest(gallery("study", study.name), GalleryFilter(), (), "pdf")
    alice = get_user_model().objects.create_user("alice", is_staff=True)
    titles = [
        start_board(request, keys=request.keys(), created_by=alice).title,
        start_strips_for_study(study)[0].title,
        start_build(study=study).title,
    ]
    assert max(map(len, titles)) <= 200
    assert titles[0].endswith(", 2 images")
