"""Forced choice in a real browser (times by frames, keys, phone and laptop, axe) and rehearsed over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from studyapp.analysis.sixteen import SIXTEEN
from studyapp.management.rehearsal.choice_truth import ChoiceTruth
from studyapp.management.rehearsal.performance import perform
from studyapp.management.rehearsal.run import judge
from studyapp.management.rehearsal.truths import ensure_truth
from studyapp.models import Answer, Exposure, Mode, Study
from studyapp.recruitment.link import create_link
from studyapp.services.participation.slots import ensure_slots
from tests.studyapp_tests.participant.servers import Server, database_url, web_server
from tests.studyapp_tests.texture.small import choice_study

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database]

#: Long enough in milliseconds for a busy machine to see the picture while it is there.
PRESENTED = 2000
SIZES = ((1366, 768), (1280, 620), (360, 640))


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


def _begin(page: Page, server: Server, study: Study) -> None:
    page.goto(f"{server.url}/join/{create_link(study=study, mode=Mode.REAL).token}/")
    page.get_by_role("button", name="I agree and take part").click()
    page.get_by_role("button", name="Start").click()


def _state(page: Page, state: str) -> None:
    page.wait_for_selector(f"main[data-state={state}]")


def _well_made(page: Page) -> None:
    """No accessibility violation, nothing to scroll at any size, and every button in sight."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(
            """() => [...document.querySelectorAll("main button, canvas, img")].every((each) => {
                 const box = each.getBoundingClientRect();
                 return box.left >= 0 && box.right <= innerWidth + 1 && box.bottom <= innerHeight + 1;
               }) && document.documentElement.scrollHeight <= innerHeight
                 && document.documentElement.scrollWidth <= innerWidth"""
        )
    page.get_by_label("Instructions").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")


def _is_blank(page: Page) -> bool:
    """Whether the stage shows nothing."""
    return bool(
        page.evaluate(
            """() => { const stage = document.querySelector("#stage");
                 const all = stage.getContext("2d").getImageData(0, 0, stage.width, stage.height).data;
                 return all.every((value) => value === 0); }"""
        )
    )


@pytest.mark.browser
def test_pictures_are_timed_by_frames_masked_and_answered_by_keys(browser: Browser, server: Server) -> None:
    study = choice_study(pictures=True, categories=SIXTEEN, presentation_ms=PRESENTED, mask_ms=100)
    page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    _begin(page, server, study)
    _state(page, "ready")
    assert _is_blank(page)
    page.keyboard.press("Q")
    expect(page.get_by_text("1 of 4")).to_be_visible()
    page.keyboard.press("Space")
    _state(page, "answer")
    assert _is_blank(page)
    _well_made(page)
    page.keyboard.press("Q")
    # The next one comes by itself; out of sight, it is over at once and says so.
    _state(page, "picture")
    page.evaluate(
        """() => { Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
             document.dispatchEvent(new Event("visibilitychange")); delete document.hidden; }"""
    )
    _state(page, "answer")
    expect(page.get_by_text("2 of 4")).to_be_visible()
    page.keyboard.press("v")
    expect(page.get_by_text("3 of 4")).to_be_visible()
    _state(page, "answer")
    page.reload()
    _state(page, "answer")
    page.get_by_role("button", name="airplane").click()
    expect(page.get_by_text("4 of 4")).to_be_visible()
    _state(page, "answer")
    page.get_by_role("button", name="truck").click()
    expect(page.get_by_role("button", name="Finish")).to_be_visible()
    values = list(Answer.objects.order_by("pk").values_list("value", flat=True))
    assert values == ["boat", "truck", "airplane", "truck"]
    first, second, third, fourth = Exposure.objects.order_by("pk")
    for each in (first, third, fourth):
        assert each.refresh_ms is not None
        assert each.shown_ms is not None
        assert each.frames is not None
        # What a busy machine really showed is what it says: whole frames, and never less than was asked.
        assert each.shown_ms > PRESENTED - each.refresh_ms
        assert each.frames >= 1
        assert not each.hidden
    assert second.hidden
    assert [each.again for each in (first, second, third, fourth)] == [False, False, True, False]
    assert problems == []


@pytest.mark.browser
def test_people_who_want_reduced_motion_begin_every_picture_themselves(
    browser: Browser, server: Server
) -> None:
    study = choice_study(pictures=True)
    page = browser.new_context(reduced_motion="reduce", viewport={"width": 360, "height": 640}).new_page()
    _begin(page, server, study)
    for number in (1, 2):
        expect(page.get_by_text(f"{number} of 4")).to_be_visible()
        page.get_by_role("button", name="Show the picture").click()
        _state(page, "answer")
        page.get_by_role("button", name="cat").click()
    expect(page.get_by_text("3 of 4")).to_be_visible()
    _state(page, "ready")


@pytest.mark.browser
def test_without_a_limit_the_picture_stays_beside_the_words(browser: Browser, server: Server) -> None:
    study = choice_study(pictures=True, categories=SIXTEEN, presentation_ms=0)
    page = browser.new_context(viewport={"width": 360, "height": 640}).new_page()
    _begin(page, server, study)
    page.wait_for_selector("main[data-ready]")
    expect(page.get_by_alt_text("Picture to judge")).to_be_visible()
    _well_made(page)
    page.keyboard.press("f")
    expect(page.get_by_text("2 of 4")).to_be_visible()
    assert list(Answer.objects.values_list("value", flat=True)) == ["elephant"]


def test_a_rehearsal_recovers_the_planted_share_of_shapes(server: Server) -> None:
    study = choice_study(pictures=True, each=2, required=4, practice_questions=1, questions_per_sitting=12)
    rng = np.random.default_rng(4)
    ensure_slots(study=study, mode=Mode.REHEARSAL)
    plan = ensure_truth(study=study, planted={"shape": 0.25}, error_rate=0.05, rng=rng)
    done = perform(study=study, plan=plan, server=server.url, participants=None, rng=rng, progress=False)
    report = judge(study=study, performance=done)
    assert report.passed, str(report)
    rows = {row.quantity: row for row in report.recovered}
    assert rows["shape fraction"].planted == pytest.approx(0.25)
    assert rows["shape fraction"].estimate < 0.45
    truth = done.plan
    assert isinstance(truth, ChoiceTruth)
    shapes = dict(study.questions.values_list("stimulus__key", "parameters__shape"))
    swapped = replace(
        truth, seen={sight: shapes[sight.picture.split("/")[-1].removesuffix(".png")] for sight in truth.seen}
    )
    other = judge(study=study, performance=replace(done, plan=swapped))
    assert not other.passed
