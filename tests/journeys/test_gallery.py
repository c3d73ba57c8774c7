"""A researcher reviews explanation images in a real browser, by keyboard, with axe on both views."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.test import Client
from playwright.sync_api import Page, expect, sync_playwright

from studyapp.models import AuditEntry, Classifier, Stimulus
from studyapp.services.gallery.opening import gallery
from studyapp.services.gallery.strips import start_strips
from studyapp.services.jobs import FOREGROUND, hand_over
from studyapp.tasks.chunks import work_here
from tests.studyapp_tests.gallery.rows import (
    Attacked,
    add_explanations,
    make_attack,
    make_gallery_study,
    vote,
)
from tests.studyapp_tests.participant.servers import Server, database_url, web_server

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with web_server(database=database_url()) as running:
        yield running


@pytest.fixture
def attacked() -> Attacked:
    made = make_attack(images=6, pictures=True)
    add_explanations(made.run, made.images, version="adversarial", method="gradcam", pictures=True)
    study = make_gallery_study(made, pictures=True)
    vote(study, "whole", made.images[4], 0)
    vote(study, "explanation", made.images[4], 5)
    work_here(
        hand_over(job=start_strips(scope=gallery("study", study.name)), queue=FOREGROUND), progress=False
    )
    return made


@pytest.fixture(params=["light", "dark"])
def page(
    request: pytest.FixtureRequest,
    chromium_path: str,
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
    attacked: Attacked,
) -> Iterator[Page]:
    """A researcher's window. Playwright's loop runs here, so Django must not mind it."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("alice"))
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": 1280, "height": 900}, color_scheme=request.param, base_url=server.url
        )
        context.add_cookies([{"name": "sessionid", "value": session, "url": server.url}])
        opened = context.new_page()
        opened.set_default_timeout(20_000)
        yield opened
        browser.close()


def watch(page: Page, server: Server) -> list[str]:
    """Whatever goes wrong in the page, and every request that leaves our server."""
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    ours = (server.url, "data:")
    page.on("request", lambda made: None if made.url.startswith(ours) else problems.append(made.url))
    page.on("response", lambda got: problems.append(got.url) if got.status >= 400 else None)
    return problems


def reviews(attacked: Attacked, number: int) -> set[tuple[str, str]]:
    rows = Stimulus.objects.filter(adversarial=attacked.images[number])
    return set(rows.values_list("review", "review_reason"))


def well_made(page: Page) -> None:
    """No accessibility violation in what is ours, and nothing wider than the window."""
    found = Axe().run(page, context="#gallery")
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def loaded(page: Page, selector: str) -> None:
    page.wait_for_function(
        "which => [...document.querySelectorAll(which)].every(each => each.complete && each.naturalWidth)",
        arg=selector,
    )


def test_a_review_by_keyboard_in_the_grid(page: Page, server: Server, attacked: Attacked) -> None:
    problems = watch(page, server)
    page.goto("/admin/gallery/study/turned/")
    expect(page.locator(".card")).to_have_count(6)
    loaded(page, ".strip img")
    expect(page.locator("#hints")).to_have_attribute("open", "")
    well_made(page)

    page.keyboard.press("j")
    page.keyboard.press("a")
    first = page.locator(f"#i-{attacked.images[0].key}")
    expect(first.locator(".state")).to_have_text("approved")
    expect(page.locator(f"#i-{attacked.images[1].key}")).to_be_focused()
    assert reviews(attacked, 0) == {("approved", "")}
    expect(page.locator("#counts")).to_contain_text("10")

    page.keyboard.press("h")
    page.keyboard.type("the bee is hidden")
    well_made(page)
    page.keyboard.press("Enter")
    second = page.locator(f"#i-{attacked.images[1].key}")
    expect(second.locator(".state")).to_have_text("held back")
    expect(page.locator(f"#i-{attacked.images[2].key}")).to_be_focused()
    assert reviews(attacked, 1) == {("held_back", "the bee is hidden")}

    page.keyboard.press("h")
    page.locator("#hold-back .reason", has_text="the bee is hidden").click()
    page.keyboard.press("Enter")
    third = page.locator(f"#i-{attacked.images[2].key}")
    expect(third.locator(".state")).to_have_text("held back")
    # The state is shown a moment before the dialog closes, and keys pressed into the dialog are the dialog's.
    expect(page.locator(f"#i-{attacked.images[3].key}")).to_be_focused()

    page.keyboard.press("k")
    expect(third).to_be_focused()
    page.keyboard.press("a")
    expect(third.locator(".state")).to_have_text("approved")
    assert [line.actor for line in AuditEntry.objects.filter(verb="review")] == ["alice"] * 8

    page.reload()
    expect(page.locator("#hints")).not_to_have_attribute("open", "")
    page.keyboard.press("?")
    expect(page.locator("#hints")).to_have_attribute("open", "")
    assert problems == []


def test_one_image_fits_a_phone_with_its_facts_under_both_columns(
    page: Page, server: Server, attacked: Attacked
) -> None:
    Classifier.objects.update(name="efficientnet-lite0-with-antialiasing")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/admin/gallery/study/turned/?one={attacked.images[0].key}")
    well_made(page)
    facts, panels = page.locator(".facts").bounding_box(), page.locator(".panels").bounding_box()
    assert facts is not None
    assert panels is not None
    assert facts["width"] == panels["width"]


def test_one_image_at_a_time_with_overlay_zoom_and_the_next_one_ready(
    page: Page, server: Server, attacked: Attacked
) -> None:
    problems = watch(page, server)
    page.goto("/admin/gallery/study/turned/")
    page.keyboard.press("j")
    page.keyboard.press("g")
    expect(page.locator("article")).to_have_attribute("data-key", attacked.images[0].key)
    loaded(page, "#one .base:not(canvas)")
    well_made(page)

    heat = page.locator(".panels .heat").first
    assert heat.evaluate("image => getComputedStyle(image).opacity") == "0"
    page.keyboard.press("o")
    assert heat.evaluate("image => getComputedStyle(image).opacity") == "0.7"
    page.locator("#opacity").fill("30")
    assert heat.evaluate("image => getComputedStyle(image).opacity") == "0.3"
    page.locator("h2.name").click()

    page.keyboard.press("z")
    expect(page.locator("#zoom")).to_have_text("× 2")
    layers = page.locator(".panels .layer")
    sizes = layers.evaluate_all("all => all.map(layer => getComputedStyle(layer).transform)")
    assert len(sizes) == 5
    assert len(set(sizes)) == 1
    picture = page.locator("img.adversarial")
    assert picture.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    page.locator(".pane").first.hover()
    page.mouse.wheel(0, -100)
    expect(page.locator("#zoom")).to_have_text("× 2.5")

    canvas = page.locator("canvas.difference")
    expect(canvas).to_have_attribute("data-drawn", "37")
    middle = "canvas => canvas.getContext('2d').getImageData(0, 0, 8, 8).data.slice(0, 3).join()"
    amplified = canvas.evaluate(middle)
    page.locator("#factor").select_option("1")
    expect(canvas).to_have_attribute("data-drawn", "1")
    assert canvas.evaluate(middle) != amplified

    ahead = str(page.locator("article").get_attribute("data-ahead")).split()
    assert len(ahead) == 6
    page.wait_for_function(
        "wanted => wanted.every(one => performance.getEntries().some(each => each.name.endsWith(one)))",
        arg=ahead,
    )
    page.locator("h2.name").click()
    page.keyboard.press("j")
    expect(page.locator("article")).to_have_attribute("data-key", attacked.images[1].key)
    expect(page).to_have_url(re.compile(f"one={attacked.images[1].key}$"))
    expect(page.locator("#zoom")).to_have_text("× 2.5")
    expect(page.locator(".panels .heat").first).to_have_css("opacity", "0.3")

    page.keyboard.press("a")
    expect(page.locator("article")).to_have_attribute("data-key", attacked.images[2].key)
    assert reviews(attacked, 1) == {("approved", "")}
    page.keyboard.press("h")
    page.keyboard.type("too dark")
    page.keyboard.press("Enter")
    expect(page.locator("article")).to_have_attribute("data-key", attacked.images[3].key)
    assert reviews(attacked, 2) == {("held_back", "too dark")}
    page.keyboard.press("k")
    expect(page.locator("article .bar .state")).to_have_text("held back: too dark")

    page.locator(".stimuli button", has_text="Approve").first.click()
    expect(page.locator(".stimuli .state").first).to_have_text("approved")
    assert reviews(attacked, 2) == {("approved", ""), ("held_back", "too dark")}
    page.keyboard.press("g")
    expect(page.locator(f"#i-{attacked.images[2].key}")).to_be_focused()
    assert problems == []


def test_filters_stay_in_the_address_and_go_along_from_view_to_view(
    page: Page, server: Server, attacked: Attacked
) -> None:
    problems = watch(page, server)
    page.goto("/admin/gallery/study/turned/")
    page.get_by_label("Fewer positive superpixels than").fill("2")
    page.get_by_label("Order").select_option("-steps")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".card")).to_have_count(3)
    page.wait_for_load_state()
    assert re.search(r"positive_below=2.*sort=-steps", page.url)
    page.keyboard.press("j")
    page.keyboard.press("g")
    expect(page.locator("article")).to_have_attribute("data-key", attacked.images[5].key)
    page.wait_for_load_state()
    page.keyboard.press("j")
    expect(page.locator("article")).to_have_attribute("data-key", attacked.images[1].key)
    page.get_by_role("link", name="Grid").click()
    expect(page.locator(".card")).to_have_count(3)
    page.get_by_role("link", name="Show all").first.click()
    expect(page.locator(".card")).to_have_count(6)
    page.get_by_label("Verdicts differ between arms").check()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".votes")).to_have_text(re.compile(r"whole 0/5\s+explanation 5/5"))
    assert problems == []


def test_many_are_approved_after_a_number_was_shown_and_a_board_is_downloaded(
    page: Page, server: Server, attacked: Attacked
) -> None:
    problems = watch(page, server)
    page.goto("/admin/gallery/study/turned/?steps_from=3")
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    assert download.value.suggested_filename == "study-turned.png"
    page.locator(".card input[type=checkbox]").first.check()
    expect(page.locator("#ticked")).to_have_text("Board of 1:")
    page.get_by_role("button", name="Approve waiting…").click()
    expect(page.get_by_text("2 stimuli of 1 images wait")).to_be_visible()
    well_made(page)
    page.get_by_role("button", name="Approve 2 stimuli").click()
    expect(page.get_by_text("2 stimuli are approved.")).to_be_visible()
    assert reviews(attacked, 2) == {("approved", "")}
    assert reviews(attacked, 3) == {("pending", "")}
    assert problems == []


def test_missing_thumbnails_are_counted_and_asked_for(
    page: Page, server: Server, attacked: Attacked, settings: Any
) -> None:
    add_explanations(attacked.run, attacked.images, version="adversarial", method="occlusion")
    page.goto("/admin/gallery/study/turned/?method=occlusion-predicted")
    expect(page.locator("#missing")).to_contain_text("6 images have no thumbnail yet.")
    page.get_by_role("button", name="Make the missing thumbnails").click()
    expect(page.get_by_text("makes the thumbnails")).to_be_visible()
