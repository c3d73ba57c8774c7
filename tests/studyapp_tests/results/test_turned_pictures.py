"""The board of turned verdicts as PNG and PDF: the page's rows, from the page, by a job and in the bundle."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from numpy.typing import NDArray
from PIL import Image as Picture

from studyapp.exports import gallery_boards, turned_pictures
from studyapp.exports.bundle import export_bundle
from studyapp.exports.kept_report import answers_state
from studyapp.exports.turned_board import BoardChoice
from studyapp.exports.turned_pictures import turned_board
from studyapp.models import Explanation, ExplanationRun, Job, Mode, Participant
from studyapp.services.attacks.stored_pictures import clean_name
from studyapp.services.jobs import FOREGROUND, hand_over
from studyapp.tasks.chunks import work_here
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.pages.conftest import own_media
from tests.studyapp_tests.results.adversarial_study import TwoArms, two_arm_study
from tests.studyapp_tests.results.small_study import add_answer, small_study
from tests.studyapp_tests.results.test_turned import images, text_of

pytestmark = pytest.mark.django_db
__all__ = ["own_media"]

BOARD = "/studies/attacked/results/turned/"
POST = f"{BOARD}board/"
SIDE = 160  # 32 pixels, each five pixels wide


@pytest.fixture
def made() -> TwoArms:
    return two_arm_study(pictures=True)


@pytest.fixture
def alice() -> Client:
    """A researcher."""
    client = Client()
    client.force_login(make_researcher())
    return client


def drawn(content: bytes) -> NDArray[np.uint8]:
    with Picture.open(io.BytesIO(content)) as opened:
        return np.asarray(opened.convert("RGB"))


def panel(board: NDArray[np.uint8], row: int, place: int) -> NDArray[np.uint8]:
    """One picture of a board whose captions take two lines, at its own size."""
    top, left = 64 + row * (SIDE + 44), 24 + place * (SIDE + 8)
    return board[top : top + SIDE : 5, left : left + SIDE : 5]


def stored(name: str) -> NDArray[np.uint8]:
    with default_storage.open(name) as file, Picture.open(file) as opened:
        return np.asarray(opened.convert("RGB"))


def rehearsed(made: TwoArms) -> None:
    """Simulated people whose verdict on image 0 turns."""
    for number in range(5):
        simulated = Participant.objects.create(pseudonym=f"simulated-{number}")
        add_answer(made.questions["whole", 0], simulated, "no", number, mode=Mode.REHEARSAL)
        add_answer(made.questions["explained", 0], simulated, "yes", number, mode=Mode.REHEARSAL)


def test_the_picture_has_the_four_pictures_of_every_row_of_the_page_in_its_order(
    made: TwoArms, alice: Client
) -> None:
    asked = {"outcome": "turned", "order": "to_first", "mode": "real"}
    order = images(text_of(alice, f"{BOARD}?outcome=turned&order=to_first"))
    assert order == [1, 2, 4, 3]
    answer = alice.post(POST, asked | {"format": "png"})
    assert answer["Content-Type"] == "image/png"
    assert answer["Content-Disposition"] == 'attachment; filename="attacked-turned-verdicts.png"'
    board = drawn(answer.content)
    explanations = {each.key: each.picture_file for each in Explanation.objects.all()}
    for row, number in enumerate(order):
        names = (
            *(clean_name(f"attacked-a{number}"), made.attacked[number].file),
            *(explanations[f"attacked-ce{number}"], explanations[f"attacked-ae{number}"]),
        )
        for place, name in enumerate(names):
            assert np.array_equal(panel(board, row, place), stored(name)), (number, place)


def test_rows_say_what_the_page_says(made: TwoArms) -> None:
    choice = BoardChoice("whole", "explained", outcome="to_rejected")
    board = turned_board(made.study, Mode.REAL, choice)
    (row,) = board.pictures()
    assert row.first == "labelled bee · predicted cat 0.600 · flipped at step 3 · alpha"
    assert row.second == "whole 4/5 agreed · explained 1/5 rejected · 1.png"
    titles = ["clean", "adversarial", "explanation of clean", "explanation of adversarial"]
    assert [each.title for each in row.panels] == titles
    words = board.words()
    assert words.title == "Two arms (attacked)"
    assert words.source.startswith(
        "Agreed, then rejected, from whole to explained · largest difference first · 1 image · protocol"
    )


def test_what_is_not_explained_is_said(made: TwoArms) -> None:
    Explanation.objects.filter(run__version="clean").update(picture_file="")
    choice = BoardChoice("whole", "explained", outcome="to_rejected")
    (row,) = turned_board(made.study, Mode.REAL, choice).pictures()
    assert [(each.pixels is None, each.missing) for each in row.panels][2] == (True, "not explained")


def test_a_picture_that_went_bad_is_said_and_keeps_no_bundle_from_being_written(
    made: TwoArms, tmp_path: Path
) -> None:
    for name, content in ((made.attacked[1].file, b"no picture"), (clean_name("attacked-a1"), b"")):
        with default_storage.open(name, "wb") as file:
            file.write(content)
    choice = BoardChoice("whole", "explained", outcome="to_rejected")
    (row,) = turned_board(made.study, Mode.REAL, choice).pictures()
    assert [each.missing for each in row.panels][:2] == ["can not be read"] * 2
    export_bundle(study=made.study, mode=Mode.REAL, folder=tmp_path / "out")
    assert "figures/turned_verdicts.png" in read(tmp_path / "out")


def test_a_rehearsed_board_says_so_in_the_picture_and_holds_its_own_answers(
    made: TwoArms, alice: Client
) -> None:
    rehearsed(made)
    choice = BoardChoice("whole", "explained")
    board = turned_board(made.study, Mode.REHEARSAL, choice)
    assert board.words().title == "REHEARSAL ANSWERS · Two arms (attacked)"
    assert [row.second for row in board.pictures()] == ["whole 0/5 rejected · explained 5/5 agreed · 0.png"]
    asked = {"mode": "rehearsal", "format": "png"}
    answer = alice.post(POST, asked)
    assert 'filename="attacked-rehearsal-turned-verdicts.png"' in answer["Content-Disposition"]
    content = drawn(answer.content)
    assert np.array_equal(panel(content, 0, 1), stored(made.attacked[0].file))
    title = content[14:28]
    real = drawn(alice.post(POST, {"mode": "real", "outcome": "to_rejected"}).content)[14:28]
    assert not np.array_equal(title, real)


def test_a_pdf_embeds_the_pictures_without_loss(made: TwoArms, alice: Client) -> None:
    answer = alice.post(POST, {"mode": "real", "format": "pdf"})
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    assert b"/Subtype /Image" in answer.content
    assert b"DCTDecode" not in answer.content


def test_the_page_sends_what_it_shows(made: TwoArms, alice: Client) -> None:
    page = text_of(alice, f"{BOARD}?first=explained&second=whole&outcome=to_agreed&order=image")
    form = page[page.index(f'action="{POST}"') :]
    form = form[: form.index("</form>")]
    for name, value in (
        *(("first", "explained"), ("second", "whole"), ("outcome", "to_agreed"), ("order", "image")),
        *(("classifier", ""), ("mode", "real")),
    ):
        assert f'name="{name}" value="{value}"' in form
    assert "Board of this image:" in form


def test_a_board_of_nothing_and_of_no_mode_is_refused(made: TwoArms, alice: Client) -> None:
    answer = alice.post(POST, {"mode": "real", "first": "whole", "second": "whole"}, follow=True)
    assert "the board would be empty" in answer.content.decode()
    assert alice.post(POST, {"mode": "preview"}).status_code == 404
    assert alice.post(POST, {}).status_code == 404
    assert alice.get(POST).status_code == 405
    assert Client().post(POST, {"mode": "real"}).status_code == 302
    assert Job.objects.count() == 0


def test_a_long_board_is_drawn_by_a_job_and_downloaded(
    made: TwoArms, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studyapp.views.results_turned_board.AT_ONCE", 2)
    default_storage.delete(clean_name("attacked-a3"))
    monkeypatch.setattr("studyapp.tasks.turned_board.ensure_clean", _put_back)
    answer = alice.post(POST, {"mode": "real", "order": "to_first", "format": "png"})
    job = Job.objects.get(kind=turned_pictures.KIND)
    address = f"{BOARD}boards/{job.pk}/"
    assert answer["Location"] == address
    assert "waiting for a worker" in text_of(alice, address)
    assert alice.get(f"{address}file").status_code == 404
    for _ in range(2):
        work_here(hand_over(job=job, queue=FOREGROUND), progress=False)
    assert "Download the board" in text_of(alice, address)
    download: Any = alice.get(f"{address}file")
    assert 'filename="attacked-turned-verdicts.zip"' in download["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(b"".join(download.streaming_content))) as archive:
        (name,) = archive.namelist()
        board = drawn(archive.read(name))
    for row, number in enumerate((1, 2, 4, 3)):
        assert np.array_equal(panel(board, row, 0), stored(clean_name(f"attacked-a{number}")))
    small_study()
    assert alice.get(f"/studies/small/results/turned/boards/{job.pk}/").status_code == 404


def _put_back(row: Any) -> None:
    """A clean picture in the place of one that is gone."""
    name = clean_name(row.key)
    if not default_storage.exists(name):
        with default_storage.open(clean_name("attacked-a2")) as file:
            default_storage.save(name, file)


def test_more_images_than_a_board_holds_are_refused(
    made: TwoArms, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studyapp.views.results_turned_board.AT_ONCE", 2)
    monkeypatch.setattr(turned_pictures, "MOST", 3)
    answer = alice.post(POST, {"mode": "real"}, follow=True)
    assert "4 images came out this way and a board holds at most 3" in answer.content.decode()
    assert Job.objects.count() == 0


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_bundle_holds_the_board_in_the_same_bytes_twice(made: TwoArms, tmp_path: Path) -> None:
    for name in "ab":
        export_bundle(study=made.study, mode=Mode.REAL, folder=tmp_path / name)
    first, second = read(tmp_path / "a"), read(tmp_path / "b")
    assert first == second
    assert "figures/turned_verdicts.pdf" in first
    board = drawn(first["figures/turned_verdicts.png"])
    for row, number in enumerate((3, 1, 4, 2)):
        assert np.array_equal(panel(board, row, 1), stored(made.attacked[number].file))


def test_a_bundles_board_has_at_most_so_many_images_and_none_without_turned_verdicts(
    made: TwoArms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_bundle(study=made.study, mode=Mode.REHEARSAL, folder=tmp_path / "none")
    assert not any("turned_verdicts.p" in path for path in read(tmp_path / "none"))
    monkeypatch.setattr(turned_pictures, "IN_BUNDLE", 3)
    report = turned_pictures.study_report(study=made.study, mode=Mode.REAL)
    board = turned_pictures.board_of_bundle(made.study, Mode.REAL, report.questions)
    assert board is not None
    assert len(board.rows) == 3
    assert " · 3 of 4 images · " in board.words().source


def test_a_new_explanation_makes_a_stored_bundle_an_old_one(made: TwoArms) -> None:
    before = answers_state(made.study, Mode.REAL)
    run = ExplanationRun.objects.get(version="clean")
    run.pk, run.digest = None, "another"
    run.save()
    assert answers_state(made.study, Mode.REAL) != before


def test_captions_are_broken_between_their_parts_and_none_is_lost() -> None:
    from studyapp.exports.gallery_drawing import _wrapped, board_file

    parts = [f"arm-{number} 4/5 agreed" for number in range(12)]
    lines = _wrapped(" · ".join(parts), 640)
    assert len(lines) > 1
    assert [part for line in lines for part in line.split(" · ")] == parts
    row = gallery_boards.BoardRow((), "labelled bee", " · ".join(parts))
    words = gallery_boards.BoardWords("Title", "source")
    one = drawn(board_file([gallery_boards.BoardRow((), "a", "b")], words, "png"))
    assert len(drawn(board_file([row], words, "png"))) == len(one) + 15 * (len(lines) - 1)
