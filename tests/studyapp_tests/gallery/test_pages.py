"""What the gallery's pages say, what they cost, and the files they lead to."""

from __future__ import annotations

import html
import io
import zipfile
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image as Picture

from studyapp.exports.gallery_boards import board_rows, board_words
from studyapp.models import (
    AdversarialImage,
    Explanation,
    Job,
    Mode,
    Participant,
    RecruitmentLink,
    Sitting,
    Stimulus,
)
from studyapp.services.gallery.filters import GalleryFilter
from studyapp.services.gallery.opening import gallery
from studyapp.services.gallery.strips import (
    GAP,
    SIDE,
    amplification,
    start_strips,
    start_strips_for_runs,
    start_strips_for_study,
    strip_width,
)
from studyapp.services.jobs import FOREGROUND, hand_over
from studyapp.tasks.chunks import work_here
from tests.studyapp_tests.factories import make_study
from tests.studyapp_tests.gallery.rows import (
    Attacked,
    add_explanations,
    make_attack,
    make_gallery_study,
    strips_in,
    vote,
)

pytestmark = pytest.mark.django_db
ROOT = "/admin/gallery/study/turned/"


def text_of(client: Client, address: str, **values: Any) -> str:
    response = client.get(address, values)
    assert response.status_code == 200, address
    return html.unescape(response.content.decode().replace("\u202f", " "))


def in_study(images: int = 4, **more: Any) -> Attacked:
    attacked = make_attack(images=images, **more)
    make_gallery_study(attacked, pictures=bool(more.get("pictures")))
    return attacked


def test_a_card_says_labels_steps_fit_and_votes(alice: Client) -> None:
    attacked = in_study()
    study = gallery("study", "turned").study
    assert study is not None
    assert 'class="votes"' not in text_of(alice, ROOT)
    vote(study, "whole", attacked.images[1], 2)
    page = text_of(alice, ROOT)
    card = page[page.index(f'id="i-{attacked.images[1].key}"') :]
    card = card[: card.index("</li>")]
    for words in ("bee → <b>cat</b> 0.750", "2 steps", "displayed 3", "diff × 37", "R² 0.25", "1 positive"):
        assert words in card
    assert "whole <b>2/5</b>" in card
    assert 'class="flag" title="Poor fit' in card


def test_the_threshold_of_a_poor_fit_is_a_parameter(alice: Client) -> None:
    in_study()
    assert text_of(alice, ROOT).count('class="flag"') == 2
    assert text_of(alice, ROOT, poor_fit="0.3").count('class="flag"') == 2
    assert text_of(alice, ROOT, poor_fit="0.2").count('class="flag"') == 1


def test_never_is_said_in_words(alice: Client) -> None:
    attacked = in_study(11)
    page = text_of(alice, ROOT, one=attacked.images[10].key)
    assert "never in 10; displayed never" in page


def test_one_image_shows_every_figure_method_and_stimulus(alice: Client) -> None:
    attacked = in_study(pictures=True)
    add_explanations(attacked.run, attacked.images, version="adversarial", method="gradcam")
    page = text_of(alice, ROOT, one=attacked.images[2].key)
    for words in (
        "3 of 4",
        'cat <span class="p">0.900',
        'dog <span class="p">0.500',
        "3 of 10; displayed 4",
        "3 grey levels of 255",
        "3 frames, area 0.430",
        "gradcam, adversarial",
        "lime, clean",
        "image with attention",
    ):
        assert words in page
    following = alice.get(
        ROOT, {"one": attacked.images[2].key}, headers={"HX-Request": "true"}
    ).content.decode()
    assert following.startswith("<article")
    assert f"one={attacked.images[3].key}" in following


def test_one_grey_level_is_one(alice: Client) -> None:
    attacked = in_study()
    AdversarialImage.objects.update(displayed_linf=1.0)
    page = text_of(alice, ROOT, one=attacked.images[2].key)
    assert "1 grey level of 255" in page


def test_an_image_of_another_gallery_is_not_found(alice: Client) -> None:
    in_study()
    other = make_attack("others", images=1, classifier="other")
    assert alice.get(ROOT, {"one": other.images[0].key}).status_code == 404
    assert alice.get(ROOT, {"one": "x"}).status_code == 404
    assert alice.get("/admin/gallery/study/none/").status_code == 404


def test_a_failed_explanation_and_one_that_is_missing_do_not_break_a_page(alice: Client) -> None:
    attacked = in_study()
    shown = Explanation.objects.filter(run=attacked.explained)
    shown.filter(adversarial=attacked.images[0]).update(outcome="failed", reason="one superpixel", fit=None)
    Stimulus.objects.update(explanation=None)
    shown.filter(adversarial=attacked.images[1]).delete()
    assert "explanation failed" in text_of(alice, ROOT)
    assert "failed: one superpixel" in text_of(alice, ROOT, one=attacked.images[0].key)
    assert "none stored" in text_of(alice, ROOT, one=attacked.images[1].key)


@pytest.mark.parametrize(
    "wanted", [{}, {"sort": "-votes", "review": "pending", "differ": "1", "fit_below": "2"}]
)
def test_a_page_costs_at_most_fifteen_queries_however_many_images_it_shows(
    alice: Client, wanted: dict[str, str]
) -> None:
    attacked = in_study(3)
    short = gallery("study", "turned").study
    assert short is not None
    for row in attacked.images:
        vote(short, "whole", row, 0)
        vote(short, "explanation", row, 5)
    alice.get(ROOT, wanted)
    with CaptureQueriesContext(connection) as few:
        alice.get(ROOT, wanted | {"after": attacked.images[0].key})
    more = make_attack("more", images=60, classifier="many")
    study = make_gallery_study(more, name="long")
    for row in more.images:
        vote(study, "whole", row, 0)
        vote(study, "explanation", row, 5)
    with CaptureQueriesContext(connection) as many:
        page = alice.get("/admin/gallery/study/long/", wanted | {"after": more.images[0].key})
    assert page.content.decode().count('class="card pending"') == 59
    assert len(many) == len(few)
    assert len(many) <= 15


def test_the_list_of_galleries_names_studies_and_what_is_in_none(alice: Client) -> None:
    attacked = in_study()
    lone = make_attack("lone", images=2, classifier="other")
    page = text_of(alice, "/admin/gallery/")
    assert 'href="/admin/gallery/study/turned/"' in page
    assert f'href="/admin/gallery/attack/{lone.run.pk}/"' in page
    assert f'href="/admin/gallery/attack/{attacked.run.pk}/"' not in page


def test_what_an_address_says_wrongly_is_said_on_the_page(alice: Client) -> None:
    in_study()
    assert "steps_from=many is not a whole number" in text_of(alice, ROOT, steps_from="many")
    assert "No image passes this filter" in text_of(alice, ROOT, q="nowhere")


def test_strips_are_made_once_for_every_image_and_come_with_the_page(alice: Client, own_media: Any) -> None:
    in_study(3, pictures=True)
    scope = gallery("study", "turned")
    for _ in range(2):
        work_here(hand_over(job=start_strips(scope=scope), queue=FOREGROUND), progress=False)
    strips = strips_in(alice.get(ROOT).content.decode())
    assert len(set(strips)) == 3
    assert len(list((own_media / "thumbs" / "strips").glob("*/*"))) == 3
    with Picture.open(io.BytesIO(strips[0])) as strip:
        assert strip.size == (strip_width(range(5)), SIDE)  # type: ignore[arg-type]
        pixels = np.asarray(strip.convert("RGB")).astype(int)
    panels = [pixels[:, at * (SIDE + GAP) : at * (SIDE + GAP) + SIDE] for at in range(5)]
    assert np.abs(panels[0] - panels[1]).max() <= 8  # 3 grey levels and what the enlarging adds
    assert np.ptp(panels[2]) > 100  # the difference is amplified
    assert panels[3][8:40, 8:40].max() == 0  # the hidden corner of the explanation


def test_a_new_explanation_gets_a_new_strip(alice: Client) -> None:
    attacked = in_study(2, pictures=True)
    scope = gallery("study", "turned")
    work_here(hand_over(job=start_strips(scope=scope), queue=FOREGROUND), progress=False)
    assert len(strips_in(alice.get(ROOT).content.decode())) == 2
    Stimulus.objects.update(explanation=None)
    attacked.explained.explanations.all().delete()
    page = alice.get(ROOT).content.decode()
    assert strips_in(page) == []
    assert "2 images have no thumbnail yet" in page


def test_thumbnails_are_asked_for_by_post_and_once(alice: Client) -> None:
    in_study(2, pictures=True)
    for _ in range(2):
        alice.post(f"{ROOT}thumbnails/", {"filter": "method=lime-predicted"})
    job = Job.objects.get(kind="gallery_thumbnails")
    assert (job.total, job.created_by and job.created_by.username) == (2, "alice")


@pytest.mark.parametrize(
    ("linf", "factor"), [(None, 64), (0.0, 64), (1.0, 64), (3.0, 37), (112.0, 1), (255.0, 1)]
)
def test_the_difference_is_amplified_as_far_as_it_can_be_seen(linf: float | None, factor: int) -> None:
    assert amplification(linf) == factor


def test_a_board_holds_the_very_pixels_and_where_they_come_from(alice: Client) -> None:
    attacked = in_study(3, pictures=True, side=160)
    keys = [attacked.images[number].key for number in (2, 0)]
    answer = alice.post(f"{ROOT}board/", {"images": keys, "format": "png"})
    assert answer["Content-Type"] == "image/png"
    assert 'filename="study-turned.png"' in answer["Content-Disposition"]
    with Picture.open(io.BytesIO(answer.content)) as drawn:
        board = np.asarray(drawn.convert("RGB"))
    for row, number in enumerate((0, 2)):
        stored = Picture.open(_file(attacked.images[number].file)).convert("RGB")
        top, left = 64 + row * (160 + 44), 24 + 168
        assert np.array_equal(board[top : top + 160, left : left + 160], np.asarray(stored))


def test_a_rehearsed_study_has_cards_and_boards_of_its_own_votes_that_say_so(alice: Client) -> None:
    attacked = in_study(2, pictures=True, side=160)
    study = gallery("study", "turned").study
    assert study is not None
    assert 'name="mode"' not in text_of(alice, ROOT)
    vote(study, "whole", attacked.images[0], 2, mode=Mode.REHEARSAL)
    someone = Participant.objects.create(pseudonym="simulated")
    link = RecruitmentLink.objects.create(study=study, mode=Mode.REHEARSAL)
    Sitting.objects.create(
        study=study,
        participant=someone,
        link=link,
        mode=Mode.REHEARSAL,
        positive_first=True,
        questions_planned=2,
    )
    real, rehearsal = text_of(alice, ROOT), text_of(alice, ROOT, mode="rehearsal")
    assert "whole <b>2/5</b>" in rehearsal
    assert "Rehearsal answers" in rehearsal
    assert '<option value="rehearsal" selected>' in rehearsal
    assert "Rehearsal answers" in text_of(alice, ROOT, mode="rehearsal", one=attacked.images[0].key)
    assert "2/5" not in real
    assert "Rehearsal answers" not in real
    answer = alice.post(f"{ROOT}board/", {"filter": "mode=rehearsal", "format": "png"})
    assert 'filename="study-turned-rehearsal.png"' in answer["Content-Disposition"]
    scope, keys = gallery("study", "turned"), [row.pk for row in attacked.images]
    for mode, title, votes in (
        ("real", "Study turned (turned)", ""),
        ("rehearsal", "REHEARSAL ANSWERS · Study turned (turned)", "whole 2/5 · "),
    ):
        wanted = GalleryFilter(mode=mode)
        assert board_words(scope, wanted, 2).title == title
        (first, _) = board_rows(scope, wanted, keys)
        assert f"positive · {votes}{attacked.images[0].image.name}" in first.second


def test_a_long_board_of_a_rehearsal_keeps_its_mode(alice: Client) -> None:
    attacked = in_study(51, pictures=True, side=8)
    study = gallery("study", "turned").study
    assert study is not None
    vote(study, "whole", attacked.images[0], 2, mode=Mode.REHEARSAL)
    alice.post(f"{ROOT}board/", {"filter": "mode=rehearsal", "format": "pdf"})
    job = Job.objects.get(kind="gallery_board")
    work_here(hand_over(job=job, queue=FOREGROUND), progress=False)
    download = alice.get(f"/admin/gallery/boards/{job.pk}/file")
    assert 'filename="study-turned-rehearsal-board.pdf"' in download["Content-Disposition"]
    content = b"".join(download.streaming_content)  # type: ignore[attr-defined]
    assert "REHEARSAL ANSWERS".encode("utf-16-be") in content


def test_a_board_of_small_pictures_enlarges_whole_pixels(alice: Client) -> None:
    attacked = in_study(1, pictures=True, side=8)
    content = alice.post(f"{ROOT}board/", {"format": "png"}).content
    board = np.asarray(Picture.open(io.BytesIO(content)).convert("RGB"))
    stored = np.asarray(Picture.open(_file(attacked.images[0].file)).convert("RGB"))
    enlarged = np.kron(stored, np.ones((20, 20, 1), dtype=np.uint8))
    assert np.array_equal(board[64:224, 192:352], enlarged)


def test_a_board_as_pdf_embeds_pictures_without_loss(alice: Client) -> None:
    in_study(2, pictures=True)
    content = alice.post(f"{ROOT}board/", {"format": "pdf"}).content
    assert content.startswith(b"%PDF")
    assert b"/Subtype /Image" in content
    assert b"DCTDecode" not in content


def test_a_board_of_nothing_is_refused(alice: Client) -> None:
    in_study(2)
    answer = alice.post(f"{ROOT}board/", {"filter": "q=nowhere", "format": "png"}, follow=True)
    assert "the board would be empty" in html.unescape(answer.content.decode())


def test_a_long_board_is_drawn_by_a_job_and_downloaded(alice: Client) -> None:
    in_study(53, pictures=True, side=8)
    answer = alice.post(f"{ROOT}board/", {"format": "png", "filter": "sort=-steps"})
    job = Job.objects.get(kind="gallery_board")
    assert answer["Location"] == f"/admin/gallery/boards/{job.pk}/"
    assert "It is being drawn" in text_of(alice, answer["Location"])
    assert alice.get(f"/admin/gallery/boards/{job.pk}/file").status_code == 404
    work_here(hand_over(job=job, queue=FOREGROUND), progress=False)
    assert "Download the board" in text_of(alice, answer["Location"])
    download = alice.get(f"/admin/gallery/boards/{job.pk}/file")
    content = b"".join(download.streaming_content)  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["board-001.png", "board-002.png"]


def test_a_clean_runs_gallery_shows_picture_explanation_and_weights(alice: Client) -> None:
    attacked = make_attack(images=2, pictures=True)
    address = f"/admin/gallery/explanations/{attacked.clean.pk}/"
    scope = gallery("explanations", str(attacked.clean.pk))
    work_here(hand_over(job=start_strips(scope=scope), queue=FOREGROUND), progress=False)
    page = text_of(alice, address)
    assert "clean · explanation · weights" in page
    assert len(strips_in(page)) == 2
    explanation = attacked.clean.explanations.order_by("pk")[0]
    one = text_of(alice, address, one=explanation.key)
    assert f"/admin/gallery/pixels/{explanation.key}.png" in one
    assert alice.get(f"/admin/gallery/pixels/{explanation.key}.png").status_code == 200


def _file(name: str) -> Any:
    from django.core.files.storage import default_storage

    return default_storage.open(name)


def test_thumbnails_follow_explanations_and_studies_without_being_asked_for() -> None:
    attacked = make_attack(images=3)
    [job] = start_strips_for_runs([attacked.explained, attacked.clean])
    assert (job.parameters["gallery"], job.total) == (f"attack/{attacked.run.pk}", 3)
    assert start_strips_for_runs([attacked.explained]) == [job]
    study = make_gallery_study(attacked)
    [job] = start_strips_for_study(study)
    assert job.parameters["gallery"] == "study/turned"
    assert start_strips_for_study(make_study(questions=1)) == []
