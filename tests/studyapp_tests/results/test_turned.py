"""The board of turned verdicts, and the pages of a study of attacked images."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from studyapp.exports.turned_board import BoardChoice
from studyapp.exports.turned_pictures import turned_board
from studyapp.models import Explanation, Mode, Participant, Stimulus
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.results.adversarial_study import TwoArms, two_arm_study
from tests.studyapp_tests.results.small_study import add_answer, small_study

pytestmark = pytest.mark.django_db

BOARD = "/studies/attacked/results/turned/"


@pytest.fixture
def made() -> TwoArms:
    return two_arm_study(pictures=True)


@pytest.fixture
def alice() -> Client:
    """A researcher."""
    client = Client()
    client.force_login(make_researcher())
    return client


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def images(page: str) -> list[int]:
    """The images of the board's rows, in their order."""
    return [int(key) for key in re.findall(r"/pictures/clean/attacked-a(\d)\.png\"><img", page)]


def test_a_row_has_four_pictures_two_labels_and_the_votes_of_every_arm(made: TwoArms, alice: Client) -> None:
    page = text_of(alice, f"{BOARD}?outcome=to_rejected")
    assert images(page) == [1]
    sources = re.findall(r'<img src="(/(?:pictures|stimulus)/[^"]+)"', page)
    stimulus = made.questions["explained", 1].stimulus.key
    assert sources == [
        "/pictures/clean/attacked-a1.png",
        "/pictures/adversarial/attacked-a1.png",
        "/pictures/explanation/attacked-ce1.png",
        # What people saw is shown itself.
        f"/stimulus/{stimulus}.png",
    ]
    assert all(alice.get(source).status_code == 200 for source in sources)
    assert re.search(r"labelled</span> bee</h2>", page)
    assert re.search(r"predicted</span> cat", page)
    votes = re.findall(r'<td class="num">(\d)<span class="quiet">/(\d)</span></td><td>(\w+)</td>', page)
    assert votes == [("4", "5", "agreed"), ("1", "5", "rejected")]
    assert "/studies/attacked/questions/attacked-explained-q1/" in page


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        # Differences of the shares: +1 (image 3), +0.6 (4), -0.6 (1), +0.2 (2).
        ("", [3, 1, 4, 2]),
        ("order=to_second", [3, 4, 2, 1]),
        ("order=to_first", [1, 2, 4, 3]),
        ("order=image", [1, 2, 3, 4]),
        ("outcome=to_agreed&order=image", [2, 3, 4]),
        ("outcome=same", [0]),
        ("outcome=open", [5]),
        ("outcome=all&order=image", [0, 1, 2, 3, 4, 5]),
        ("first=explained&second=whole&outcome=to_agreed", [1]),
        ("first=nobody&outcome=x&order=x&page=99&classifier=y", [3, 1, 4, 2]),
        ("first=whole&second=whole", []),
    ],
)
def test_the_board_filters_by_outcome_and_sorts(
    made: TwoArms, alice: Client, filters: str, expected: list[int]
) -> None:
    assert images(text_of(alice, f"{BOARD}?{filters}")) == expected


def test_the_board_comes_in_pages(made: TwoArms, alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studyapp.views.results_turned.ON_A_PAGE", 2)
    first = text_of(alice, f"{BOARD}?order=image")
    assert images(first) == [1, 2]
    assert "1–2 of 4" in first
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first)
    assert images(text_of(alice, BOARD + following.replace("&amp;", "&"))) == [3, 4]


def test_an_explanation_that_is_not_there_is_said(made: TwoArms, alice: Client) -> None:
    Explanation.objects.filter(run__version="clean").update(picture_file="")
    page = text_of(alice, f"{BOARD}?outcome=to_rejected")
    assert page.count("not explained") == 1


def test_random_superpixels_never_stand_for_an_explanation(made: TwoArms, alice: Client) -> None:
    Stimulus.objects.exclude(explanation=None).update(parameters={"shows": "random_superpixels"})
    page = text_of(alice, f"{BOARD}?outcome=to_rejected")
    assert "/pictures/explanation/attacked-ae1.png" in page


def test_strangers_see_no_board(made: TwoArms) -> None:
    assert Client().get(BOARD).status_code == 302


def test_rehearsal_answers_have_a_board_of_their_own(made: TwoArms, alice: Client) -> None:
    assert images(text_of(alice, f"{BOARD}?mode=rehearsal")) == []
    for number in range(5):
        simulated = Participant.objects.create(pseudonym=f"simulated-{number}")
        add_answer(made.questions["whole", 0], simulated, "no", number, mode=Mode.REHEARSAL)
        add_answer(made.questions["explained", 0], simulated, "yes", number, mode=Mode.REHEARSAL)
    page = text_of(alice, f"{BOARD}?mode=rehearsal")
    assert images(page) == [0]
    assert "Rehearsal answers" in page
    assert "/questions/attacked-whole-q0/?mode=rehearsal" in page


def test_page_button_and_board_speak_of_verdicts_that_turned_and_of_no_changed_minds(
    made: TwoArms, alice: Client
) -> None:
    page = text_of(alice, BOARD)
    assert "<h1>Verdicts that turned</h1>" in page
    assert "changed their minds" not in page
    assert ">Verdicts that turned</a>" in text_of(alice, "/studies/attacked/results/")
    choice = BoardChoice(first="whole", second="explained")
    words = turned_board(made.study, Mode.REAL, choice).words()
    assert words.source.startswith("Verdicts that turned, from whole to explained")


def test_a_study_without_attacks_has_nothing_to_show(alice: Client) -> None:
    small_study()
    assert "shows no attacked images" in text_of(alice, "/studies/small/results/turned/")
    assert "Verdicts that turned" not in text_of(alice, "/studies/small/results/")


def test_the_results_page_leads_to_the_board_and_its_numbers_to_questions(
    made: TwoArms, alice: Client
) -> None:
    page = text_of(alice, "/studies/attacked/results/")
    assert page.index("<figure") < page.index("<table")
    for name in ("positive_answers", "agreement_by_arm", "accuracy_by_arm", "arm_differences"):
        assert f'id="figure-{name}"' in page
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/studies/attacked/[^"]*)"', page)}
    assert f"{BOARD}?first=whole&second=explained&outcome=to_agreed" in links
    bar = "/studies/attacked/questions/?classifier=alpha&role=adversarial&positive=0&complete=1&arm=whole"
    assert bar in links
    behind = text_of(alice, bar)
    assert set(re.findall(r"questions/(attacked-[a-z]+-q\d)/", behind)) == {
        "attacked-whole-q3",
        "attacked-whole-q5",
    }
    for link in sorted(links):
        assert alice.get(link).status_code in (200, 404 if "bundle" in link else 200), link


def test_a_question_tells_the_attack_and_the_explanation(made: TwoArms, alice: Client) -> None:
    page = text_of(alice, "/studies/attacked/questions/attacked-explained-q2/")
    assert "The attack" in page
    assert "The explanation shown" in page
    assert "5 of 9 speak for it" in page
    assert "The explanation shown" not in text_of(alice, "/studies/attacked/questions/attacked-whole-q2/")
