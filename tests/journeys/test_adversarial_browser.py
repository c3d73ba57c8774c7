"""The explanation arm on a phone: sharp pixels, no scrolling, nothing given away, in by the door and out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.files.storage import default_storage
from PIL import Image as Picture
from playwright.sync_api import Page, sync_playwright

from studyapp.models import Answer, Mode, Presentation, Sitting, Stimulus
from studyapp.recruitment.link import create_link
from tests.studyapp_tests.adversarial.attacked import attacked_halves, built, protocol_of_halves
from tests.studyapp_tests.participant.servers import Server, database_url, web_server

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTH, HEIGHT = 360, 640
EXPLAINED = """
[[arm]]
name = "explained"
shows = "explanation"

[[arm]]
name = "unshown"
wording = "Can you see the class {label}?"

[participants]
arm_order = "in_order"
washout_days = 3
one_look = false
questions_per_sitting = 8
"""


@pytest.fixture
def server(settings: Any, tmp_path: Path) -> Iterator[Server]:
    """A server on files of its own."""
    settings.VAR = tmp_path
    settings.STATIC_ROOT = str(tmp_path / "static")
    kept = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path / "media")},
    }
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    with web_server(database=database_url()) as running:
        yield running


@pytest.fixture
def phone(chromium_path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """Playwright's loop runs here, so Django must not mind it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        context = running.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, has_touch=True, is_mobile=True
        )
        yield context.new_page()
        running.close()


def test_a_person_on_a_phone_judges_explanations_and_is_asked_back_after_the_washout(
    server: Server, phone: Page, tmp_path: Path
) -> None:
    attacked_halves(tmp_path)
    study = built(protocol_of_halves(arms=EXPLAINED))
    study.state = "open"
    study.save()
    link = create_link(study=study, mode=Mode.REAL)
    door = f"{server.url}/join/{link.token}/?participant=p"
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(request.url))
    phone.goto(door)
    phone.get_by_role("button", name="I agree and take part").click()
    phone.get_by_role("button", name="Start").click()
    for number in range(8):
        phone.wait_for_selector("main[data-ready]")
        picture = phone.locator("#picture")
        if number == 0:
            assert Axe().run(phone).violations_count == 0
            for word in ("explained", "adversarial", "compare", "attack", "lime", ".png?"):
                assert word not in phone.content()
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for button in phone.locator("form[action$='/answer/'] button").all():
            box = button.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= HEIGHT, "answered without scrolling"
        shown = Presentation.objects.select_related("question__stimulus").get(position=number + 1)
        assert shown.question.stimulus.key in (picture.get_attribute("src") or "")
        if number == 0:
            _is_drawn_sharply(phone, shown.question.stimulus)
        picture.evaluate("image => image.decode()")
        phone.locator("form[action$='/answer/'] button").nth(number % 2).tap()
        phone.wait_for_function(
            "key => document.querySelector('main').dataset.presentation !== key", arg=shown.key
        )
    phone.locator("form[action$='/finish/'] button").tap()
    phone.wait_for_selector("#code")
    assert Answer.objects.filter(status=Answer.Status.COUNTED).count() == 8
    assert {row.question.arm.name for row in Presentation.objects.all()} == {"explained"}
    assert Sitting.objects.get().state == Sitting.State.FINISHED
    assert {url.split("/")[2] for url in asked} == {server.url.split("/")[2]}, "no third party"
    phone.goto(door)
    assert "Please come back later" in phone.inner_text("main")
    assert "You are welcome from" in phone.inner_text("main")
    assert Axe().run(phone).violations_count == 0


def _is_drawn_sharply(phone: Page, stimulus: Stimulus) -> None:
    """What the screen shows has no colour that the file does not have: nothing is smoothed."""
    box = phone.locator("#picture").bounding_box()
    assert box is not None
    x, y, width, height = (round(box[side]) for side in ("x", "y", "width", "height"))
    seen = Picture.open(io.BytesIO(phone.screenshot(scale="css"))).convert("RGB")
    screen = np.array(seen.crop((x + 2, y + 2, x + width - 2, y + height - 2)))
    with default_storage.open(stimulus.file) as file:
        stored = np.array(Picture.open(file).convert("RGB"))
    colours = {tuple(colour) for colour in stored.reshape(-1, 3).tolist()}
    drawn = {tuple(colour) for colour in screen.reshape(-1, 3).tolist()}
    assert drawn <= colours
