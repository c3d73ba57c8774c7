"""A participant's visit in a real browser, on a phone-sized window, with axe on every page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from studyapp.models import Answer, Mode, Sitting, Study
from studyapp.protocol.schema import RecruitmentPlan, Top5Questions
from studyapp.recruitment.link import create_link
from tests.studyapp_tests.factories import make_protocol, make_study, with_participants
from tests.studyapp_tests.participant.servers import Server, database_url, web_server

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 360, "height": 640}


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with web_server(database=database_url()) as running:
        yield running


@pytest.fixture
def phone(chromium_path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[BrowserContext]:
    """A browser window of a small phone. Playwright's loop runs here, so Django must not mind it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        context = browser.new_context(viewport=PHONE, device_scale_factor=3, has_touch=True)
        yield context
        browser.close()


def _study(questions: int = 4, **more: object) -> Study:
    plan = RecruitmentPlan(contact="study@example.org", completion_url="https://panel.example/?cc={code}")
    protocol = with_participants(
        make_protocol(recruitment=plan), questions_per_sitting=3, practice_questions=1, **more
    )
    return make_study(questions=questions, practice=1, protocol=protocol, pictures=True)


def _join(page: Page, server: Server, study: Study, mode: str = Mode.REAL) -> None:
    page.goto(f"{server.url}/join/{create_link(study=study, mode=mode).token}/")


def _start(page: Page) -> None:
    page.get_by_role("button", name="I agree and take part").click()
    page.get_by_role("button", name="Start").click()


def _ready(page: Page) -> None:
    page.wait_for_selector("main[data-ready]")


def _well_made(page: Page) -> None:
    """No accessibility violation, and nothing wider than the window."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_whole_visit_by_keys_on_a_phone_sized_window(phone: BrowserContext, server: Server) -> None:
    study = _study()
    page = phone.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    foreign: list[str] = []
    page.on("request", lambda request: None if server.url in request.url else foreign.append(request.url))

    _join(page, server, study)
    _well_made(page)
    page.get_by_role("button", name="I agree and take part").click()
    expect(page.get_by_role("heading", name="What you will do")).to_be_visible()
    _well_made(page)
    page.keyboard.press("Enter")  # the start button has the focus

    expect(page.get_by_text("Practice 1 of 1")).to_be_visible()
    _ready(page)
    _well_made(page)
    page.keyboard.press("y")
    expect(page.get_by_text("as we expected")).to_be_visible()
    _well_made(page)
    page.get_by_role("button", name="Go on").click()

    expect(page.get_by_text("1 of 3")).to_be_visible()
    _ready(page)
    _well_made(page)
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Instructions")).to_be_visible()
    _well_made(page)
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    expect(page.get_by_text("2 of 3")).to_be_visible()
    _ready(page)
    page.keyboard.press("n")
    expect(page.get_by_text("3 of 3")).to_be_visible()
    page.get_by_role("button", name="Undo last answer").click()
    expect(page.get_by_text("2 of 3")).to_be_visible()
    page.reload()
    expect(page.get_by_text("2 of 3")).to_be_visible()
    _ready(page)
    page.keyboard.press("y")
    expect(page.get_by_text("3 of 3")).to_be_visible()
    _ready(page)
    page.get_by_role("button", name="Yes").click()
    page.get_by_label("Was anything unclear").fill("All clear.")
    _well_made(page)
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_text("Your completion code")).to_be_visible()
    _well_made(page)

    sitting = Sitting.objects.get()
    assert page.locator("#code").inner_text() == sitting.completion_code
    assert page.get_by_role("link", name="Return to the panel").get_attribute("href") == (
        f"https://panel.example/?cc={sitting.completion_code}"
    )
    assert (sitting.screen_width, sitting.pixel_ratio, sitting.comment) == (360, 3.0, "All clear.")
    counted = Answer.objects.filter(status=Answer.Status.COUNTED)
    assert sorted(counted.values_list("value", flat=True)) == ["yes", "yes", "yes"]
    assert Answer.objects.filter(status=Answer.Status.SUPERSEDED).get().value == "no"
    for answer in counted:
        assert answer.active_seconds is not None
        assert answer.server_seconds is not None
    assert phone.cookies() == []
    assert problems == []
    assert foreign == []


def test_a_picture_covers_whole_device_pixels_and_digits_stay_sharp(
    phone: BrowserContext, server: Server
) -> None:
    study = _study()
    study.dataset.enlarge = "nearest"
    study.dataset.save()
    page = phone.new_page()
    _join(page, server, study)
    _start(page)
    _ready(page)
    picture = page.locator("#picture")
    box = picture.bounding_box()
    assert box is not None
    device_pixels_each = box["width"] * 3 / 224
    assert device_pixels_each == pytest.approx(round(device_pixels_each), abs=0.001)
    assert picture.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    assert picture.get_attribute("alt") == "Picture to judge"


def test_a_double_click_answers_one_question(phone: BrowserContext, server: Server) -> None:
    page = phone.new_page()
    _join(page, server, _study(questions=8))
    _start(page)
    _ready(page)
    page.keyboard.press("y")
    page.get_by_role("button", name="Go on").click()
    _ready(page)
    page.get_by_role("button", name="Yes").dblclick()
    expect(page.get_by_text("2 of 3")).to_be_visible()
    assert Answer.objects.filter(status=Answer.Status.COUNTED).count() == 1


def test_two_tabs_show_the_same_question_and_count_one_answer(phone: BrowserContext, server: Server) -> None:
    page = phone.new_page()
    _join(page, server, _study(questions=8))
    _start(page)
    _ready(page)
    page.keyboard.press("y")
    page.get_by_role("button", name="Go on").click()
    _ready(page)
    other = phone.new_page()
    other.goto(page.url)
    _ready(other)
    assert other.locator("#picture").get_attribute("src") == page.locator("#picture").get_attribute("src")
    page.keyboard.press("y")
    expect(page.get_by_text("2 of 3")).to_be_visible()
    other.keyboard.press("n")
    expect(other.get_by_text("2 of 3")).to_be_visible()
    assert Answer.objects.filter(status=Answer.Status.COUNTED).get().value == "yes"


def test_everything_works_without_javascript(
    chromium_path: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        page = browser.new_context(viewport=PHONE, java_script_enabled=False).new_page()
        _join(page, server, _study())
        _start(page)
        page.get_by_role("button", name="No").click()
        page.get_by_role("button", name="Go on").click()
        for _ in range(3):
            page.get_by_role("button", name="Yes").click()
        page.get_by_role("button", name="Finish").click()
        expect(page.get_by_text("Your completion code")).to_be_visible()
        browser.close()
    assert Answer.objects.filter(status=Answer.Status.COUNTED).count() == 3


def test_the_page_holds_at_twice_the_zoom(phone: BrowserContext, server: Server) -> None:
    """At 200 % zoom a window of 640 pixels is 320 CSS pixels wide."""
    page = phone.new_page()
    page.set_viewport_size({"width": 320, "height": 512})
    protocol = make_protocol(questions=Top5Questions())
    _join(page, server, make_study(questions=8, protocol=protocol, pictures=True))
    _well_made(page)
    _start(page)
    _ready(page)
    _well_made(page)


def test_a_preview_shows_the_first_question_and_submits_nothing(
    phone: BrowserContext, server: Server
) -> None:
    page = phone.new_page()
    study = _study()
    _join(page, server, study, Mode.PREVIEW)
    page.get_by_role("link", name="Show the first question").click()
    _ready(page)
    _well_made(page)
    page.keyboard.press("y")
    expect(page.get_by_role("button", name="Yes")).to_be_disabled()
    assert not Sitting.objects.exists()
    assert not Answer.objects.exists()


def test_the_next_picture_is_there_before_it_is_asked_for(phone: BrowserContext, server: Server) -> None:
    page = phone.new_page()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(Path(request.url).name))
    _join(page, server, _study(questions=8))
    _start(page)
    _ready(page)
    page.keyboard.press("y")
    page.get_by_role("button", name="Go on").click()
    _ready(page)
    ahead = page.locator("main").get_attribute("data-ahead")
    assert ahead is not None
    page.wait_for_function("performance.getEntriesByType('resource').some(e => e.name.includes('stimulus'))")
    page.keyboard.press("y")
    expect(page.get_by_text("2 of 3")).to_be_visible()
    assert page.locator("#picture").get_attribute("src") == ahead
    assert Path(ahead).name in fetched
