"""The viewer of shift maps in a real browser: pixels, values, keys, touch, no requests, and axe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image as Picture
from playwright.sync_api import Page, expect, sync_playwright

from studyapp.models import ShiftRun
from tests.studyapp_tests.pages.test_shift_pages import GROUND, PATCH, PROBABILITY, finished_run
from tests.studyapp_tests.participant.servers import Server, database_url, web_server

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PIXELS = """() => {
  const canvas = document.querySelector('.shift-picture canvas');
  return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
}"""


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with web_server(database=database_url()) as running:
        yield running


@pytest.fixture(params=[(1366, "light"), (360, "dark")], ids=["desk", "phone"])
def page(
    request: pytest.FixtureRequest, chromium_path: str, monkeypatch: pytest.MonkeyPatch, server: Server
) -> Iterator[Page]:
    width, scheme = request.param
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("alice"))
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": width, "height": 768},
            color_scheme=scheme,
            base_url=server.url,
            has_touch=True,
        )
        context.add_cookies([{"name": "sessionid", "value": session, "url": server.url}])
        opened = context.new_page()
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()


def pasted(row: int, column: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """What Pillow makes of that place."""
    picture, patch = Picture.fromarray(GROUND), Picture.fromarray(PATCH)
    picture.paste(patch, (column, row), patch)
    return np.asarray(picture)


def shown(page: Page) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.array(page.evaluate(PIXELS), dtype=np.uint8).reshape(4, 6, 4)[..., :3]


def at(page: Page, row: int, column: int) -> tuple[float, float]:
    """Where that place lies in the window, on the first map."""
    box = page.locator(".shift-map canvas").first.bounding_box()
    assert box is not None
    return box["x"] + (column + 0.5) / 5 * box["width"], box["y"] + (row + 0.5) / 4 * box["height"]


def test_the_picture_and_both_values_follow_pointer_keys_and_touch(page: Page) -> None:
    run = finished_run()
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"/probes/shift/{run.key}/")
    viewer = page.locator('#viewer[data-ready="yes"]')
    expect(viewer).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda made: asked.append(made.url))
    values = page.locator(".shift .value strong")

    page.mouse.move(*at(page, 1, 3))
    expect(page.locator('[data-part="where"]')).to_have_text("y 1, x 3")
    expect(values).to_have_text([f"{PROBABILITY[1, 3]:.4f}", "0.5000"])
    assert (shown(page) == pasted(1, 3)).all()

    page.locator(".shift-map").first.focus()
    for key in ("ArrowDown", "ArrowLeft", "ArrowLeft", "End", "ArrowRight"):
        page.keyboard.press(key)
    expect(viewer).to_have_attribute("data-place", "2,4")
    assert (shown(page) == pasted(2, 4)).all()
    page.keyboard.press("Shift+ArrowUp")
    expect(viewer).to_have_attribute("data-place", "0,4")
    expect(page.locator('[data-part="spoken"]')).to_contain_text("plain 0.2105 class 7")

    page.touchscreen.tap(*at(page, 3, 0))
    expect(viewer).to_have_attribute("data-place", "3,0")
    expect(page.locator(".shift .value").first).to_contain_text("top-1: class 3")

    page.select_option('[data-part="map"]', "centre")
    expect(page.locator(".shift-side").first.locator(".lacking")).to_contain_text(
        "plain has no map of this kind"
    )
    expect(values).to_have_text(["–", "1.0000"])
    expect(page.locator(".shift-side").last.locator(".anchor")).to_be_visible()
    assert asked == []
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page, context="#viewer")
    assert found.violations_count == 0, found.generate_report()


def test_every_part_of_the_navigation_is_in_view_and_says_which_is_open(page: Page) -> None:
    page.goto("/probes/")
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    assert len(links.all()) == 12
    for link in links.all():
        box = link.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.evaluate("document.documentElement.clientWidth")
    expect(page.locator('nav [aria-current="page"]')).to_have_text("Probes")
    expect(page.locator('nav [aria-current="page"]')).to_be_in_viewport(ratio=1)


def test_what_is_gone_is_said_and_tried_again(page: Page) -> None:
    run = finished_run()
    with default_storage.open(run.picture_file) as file:
        kept = file.read()
    default_storage.delete(run.picture_file)
    page.goto(f"/probes/shift/{run.key}/")
    state = page.locator(".shift-state")
    expect(state).to_contain_text("Could not be loaded: the pictures.")
    expect(page.locator(".shift .value strong").first).to_have_text(f"{PROBABILITY[2, 2]:.4f}")
    _put_back(run, kept)
    page.get_by_role("button", name="Try again").click()
    expect(state).to_have_text("")
    assert (shown(page) == pasted(2, 2)).all()


def _put_back(run: ShiftRun, content: bytes) -> None:
    with default_storage.open(run.picture_file, "wb") as file:
        file.write(content)
