"""Assignment and audit pages in a real browser: laptops without scrolling, a phone, keys, axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from studyapp.models import Answer, Mode, Study
from studyapp.protocol.schema import AnswersRule
from studyapp.recruitment.link import create_link
from tests.studyapp_tests.criticism.small import assignment_study, attribute_study
from tests.studyapp_tests.participant.servers import Server, database_url, web_server

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LAPTOPS = ((1366, 768), (1280, 720), (1366, 620))
PHONE = (360, 640)


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with web_server(database=database_url()) as running:
        yield running


@pytest.fixture
def browser(chromium_path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """Playwright's loop runs here, so Django must not mind it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield running
        running.close()


def _page(browser: Browser, size: tuple[int, int], *, touch: bool = False) -> Page:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=touch, is_mobile=touch
    )
    return context.new_page()


def _begin(page: Page, server: Server, study: Study) -> None:
    page.goto(f"{server.url}/join/{create_link(study=study, mode=Mode.REAL).token}/")
    page.get_by_role("button", name="I agree and take part").click()


def _ready(page: Page) -> None:
    page.wait_for_selector("main[data-ready]")


def _well_made(page: Page) -> None:
    """No accessibility violation, and nothing wider than the window."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def _fits(page: Page) -> None:
    """On every laptop nothing has to be scrolled, and every button and picture is inside the window."""
    for width, height in LAPTOPS:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(
            """([width, height]) => {
              const root = document.documentElement;
              const inside = [...document.querySelectorAll("main button, main img")].every((each) => {
                const box = each.getBoundingClientRect();
                const right = box.right <= innerWidth + 1, bottom = box.bottom <= innerHeight + 1;
                return box.left >= 0 && box.top >= 0 && right && bottom;
              });
              const fits = root.scrollHeight <= innerHeight && root.scrollWidth <= innerWidth;
              return innerWidth === width && innerHeight === height && inside && fits;
            }""",
            arg=[width, height],
        )


def _places(page: Page) -> list[list[float]]:
    """Where the groups' buttons and the board are: what must not move."""
    found: list[list[float]] = page.evaluate(
        "[...document.querySelectorAll('.choose, .board, .pictures')].map((each) => {"
        "const box = each.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; })"
    )
    return found


def test_six_groups_of_six_fit_a_laptop_and_are_chosen_by_keys(browser: Browser, server: Server) -> None:
    study = assignment_study(practice_questions=1, pictures=True)
    page = _page(browser, LAPTOPS[0])
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    foreign: list[str] = []
    page.on("request", lambda request: None if server.url in request.url else foreign.append(request.url))
    _begin(page, server, study)
    _well_made(page)
    page.get_by_role("button", name="Start the practice").click()
    _ready(page)
    _well_made(page)
    page.keyboard.press("4")
    expect(page.get_by_text("You chose")).to_be_visible()
    _well_made(page)
    _fits(page)
    page.get_by_role("button", name="Go on").click()
    for number in (1, 2, 3, 4):
        expect(page.get_by_text(f"{number} of 4")).to_be_visible()
        _ready(page)
        _well_made(page)
        _fits(page)
        page.keyboard.press(str(number + 1))
    page.get_by_role("button", name="Finish").click()
    counted = Answer.objects.filter(status=Answer.Status.COUNTED).order_by("pk")
    assert list(counted.values_list("value", flat=True)) == ["2", "3", "4", "5"]
    for answer in counted:
        assert answer.active_seconds is not None
    assert problems == []
    assert foreign == []
    assert page.context.cookies() == []


def test_a_picture_is_enlarged_by_pointing_focus_and_arrows_and_nothing_moves(
    browser: Browser, server: Server
) -> None:
    page = _page(browser, LAPTOPS[1])
    _begin(page, server, assignment_study(pictures=True))
    page.get_by_role("button", name="Start").click()
    _ready(page)
    before = _places(page)
    looks = page.locator(".board .look")
    assert looks.count() == 36

    def width(place: int) -> float:
        box = looks.nth(place).locator("img").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= LAPTOPS[1][0] + 1
        return box["width"]

    small = width(0)
    assert small < 120
    for place in (0, 2, 3, 5, 13, 17, 18, 33, 35):
        looks.nth(place).hover()
        page.wait_for_function(
            "at => document.querySelectorAll('.board .look img')[at].getBoundingClientRect().width === 224",
            arg=place,
        )
        assert width(place) == 224
        assert _places(page) == before
    page.mouse.move(2, 500)
    page.locator("button.choose").first.focus()
    page.keyboard.press("Tab")
    assert width(0) == 224
    page.keyboard.press("ArrowRight")
    assert (width(0), width(1)) == (small, 224)
    page.keyboard.press("ArrowDown")
    assert width(4) == 224
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.querySelector('img').alt") == "Group 4, picture 2"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()").startswith("Group 5")
    assert _places(page) == before
    page.locator(".board .look").nth(7).focus()
    page.keyboard.press("Escape")
    assert width(7) == small
    assert not Answer.objects.exists()


def test_a_phone_scrolls_the_groups_under_the_target_and_a_touch_enlarges(
    browser: Browser, server: Server
) -> None:
    page = _page(browser, PHONE, touch=True)
    _begin(page, server, assignment_study(pictures=True))
    _well_made(page)
    page.get_by_role("button", name="Start").tap()
    _ready(page)
    _well_made(page)
    page.get_by_role("button", name="Group 5", exact=True).scroll_into_view_if_needed()
    target = page.locator("#picture").bounding_box()
    assert target is not None
    assert target["y"] >= 0, "the target stays in sight"
    look = page.locator(".group").nth(4).locator(".look").nth(1)
    look.tap()
    box = look.locator("img").bounding_box()
    assert box is not None
    assert box["width"] == 224
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE[0]
    look.tap()
    small = look.locator("img").bounding_box()
    assert small is not None
    assert small["width"] < 120
    assert not Answer.objects.exists(), "looking closer is no answer"
    page.get_by_role("button", name="Group 5", exact=True).tap()
    expect(page.get_by_text("2 of 4")).to_be_visible()
    assert Answer.objects.get().value == "5"


def test_the_page_is_light_and_the_next_pictures_are_there_before_they_are_asked_for(
    browser: Browser, server: Server
) -> None:
    page = _page(browser, LAPTOPS[0])
    bodies: dict[str, int] = {}
    page.on("response", lambda response: bodies.update({response.url: len(response.body())}))
    study = assignment_study(answers=AnswersRule(required=1, agreement=1), pictures=True)
    _begin(page, server, study)
    page.get_by_role("button", name="Start").click()
    _ready(page)
    ahead = (page.locator("main").get_attribute("data-ahead") or "").split()
    assert len(ahead) == 37
    page.wait_for_load_state("networkidle")
    own = {url: size for url, size in bodies.items() if "/stimulus/" not in url and "/join/" not in url}
    assert sum(own.values()) < 50_000, own
    fetched = {Path(url).name for url in bodies}
    assert {Path(url).name for url in ahead} <= fetched
    page.keyboard.press("1")
    expect(page.get_by_text("2 of 4")).to_be_visible()
    shown = page.evaluate(
        "[...document.querySelectorAll('main img')].map((each) => each.getAttribute('src'))"
    )
    assert shown == ahead


def test_attributes_are_chosen_by_keys_and_exclude_none_and_cannot_tell(
    browser: Browser, server: Server
) -> None:
    page = _page(browser, LAPTOPS[0])
    _begin(page, server, attribute_study(pictures=True))
    _well_made(page)
    page.get_by_role("button", name="Start").click()
    _ready(page)
    _well_made(page)

    def chosen() -> list[str]:
        found: list[str] = page.evaluate(
            "[...document.querySelectorAll('input[type=checkbox]:checked')].map((each) => each.value)"
        )
        return found

    page.keyboard.press("Enter")
    expect(page.get_by_text("Choose at least one line")).to_be_visible()
    _well_made(page)
    page.keyboard.press("1")
    page.keyboard.press("3")
    assert chosen() == ["a person", "grass"]
    page.keyboard.press("n")
    assert chosen() == ["none"]
    page.keyboard.press("c")
    assert chosen() == ["cannot_tell"]
    page.keyboard.press("2")
    assert chosen() == ["an animal_outside"]
    page.get_by_label("Grass").click()
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 of 5")).to_be_visible()
    assert Answer.objects.get().value == "an animal_outside,grass"
    _ready(page)
    page.get_by_label("None of these").click()
    page.get_by_role("button", name="Go on").dblclick()
    expect(page.get_by_text("3 of 5")).to_be_visible()
    assert list(Answer.objects.order_by("pk").values_list("value", flat=True)) == [
        "an animal_outside,grass",
        "none",
    ]
    box = page.locator("#picture").bounding_box()
    assert box is not None
    assert box["width"] == pytest.approx(box["height"]), "the picture keeps its shape"


def test_attributes_on_a_phone(browser: Browser, server: Server) -> None:
    page = _page(browser, PHONE, touch=True)
    _begin(page, server, attribute_study(pictures=True))
    page.get_by_role("button", name="Start").tap()
    _ready(page)
    _well_made(page)
    page.get_by_label("Grass").tap()
    page.get_by_role("button", name="Go on").tap()
    expect(page.get_by_text("2 of 5")).to_be_visible()
    assert Answer.objects.get().value == "grass"


def test_both_kinds_work_without_javascript(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 640}, java_script_enabled=False)
    page = context.new_page()
    _begin(page, server, assignment_study(pictures=True))
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Group 3", exact=True).click()
    expect(page.get_by_text("2 of 4")).to_be_visible()
    study = Study.objects.get()
    assert Answer.objects.get(question__study=study).value == "3"


def test_a_preview_shows_the_groups_and_submits_nothing(browser: Browser, server: Server) -> None:
    page = _page(browser, LAPTOPS[0])
    study = assignment_study(pictures=True)
    page.goto(f"{server.url}/join/{create_link(study=study, mode=Mode.PREVIEW).token}/")
    page.get_by_role("link", name="Show the first question").click()
    _ready(page)
    _well_made(page)
    _fits(page)
    page.keyboard.press("2")
    expect(page.get_by_role("button", name="Group 2", exact=True)).to_be_disabled()
    assert not Answer.objects.exists()
