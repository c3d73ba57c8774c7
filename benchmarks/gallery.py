"""The review gallery's page of 100 different images out of 10,000, in a browser, over real HTTP.

    python -m benchmarks.gallery [--images 10000] [--repeat 5]

Gunicorn with the product's own configuration on a fresh SQLite database: an attack on 10,000 images with
explanations of both versions, in a study of two arms with answers. Every strip of thumbnails that a measured
page shows is drawn by the product's own job from pictures of 224 x 224 pixels that all differ. Chromium opens
pages it has not seen, with the admin's own styles and fonts in its cache, as a researcher's has them; the
clock runs from the start of the navigation until the last thumbnail is decoded. Queries are counted on the
same pages in this process.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.claims import not_measured, report, value_at_most

ROOT = Path(__file__).resolve().parent.parent
SIDE, PAGE = 224, 100
TIME = "gallery page of 100 different images out of 10,000, until the last thumbnail is decoded, median s"
LAST = "gallery page 100 of 100, sorted by fit, the same, median s"
QUERIES = "queries of a gallery page of 100 images out of 10,000, at most"
_DECODED = """async () => {
  const images = [...document.querySelectorAll('.strip img')];
  await Promise.all(images.map((image) => image.decode()));
  return [performance.now(), images.length, new Set(images.map((image) => image.currentSrc)).size,
          images.filter((image) => image.naturalWidth > 0).length];
}"""


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--images", type=int, default=10_000)
    options.add_argument("--repeat", type=int, default=5)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SECOND_LOOK_VAR"] = folder
        os.environ["DATABASE_URL"] = ""
        session = _prepare(asked.images, asked.repeat)
        queries = max(_queries(address) for address in _addresses(asked.images, asked.repeat))
        port = _free_port()
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
        server = subprocess.Popen(command, cwd=ROOT, env=os.environ, stderr=subprocess.DEVNULL)
        try:
            first, last, complete = _measure(port, session, asked.images, asked.repeat)
        finally:
            server.terminate()
            server.wait()
    if not first:
        report([not_measured(TIME, target="<= 1.5 s"), not_measured(QUERIES, target="<= 15")])
    for name, seconds in (("early pages", first), ("last pages", last)):
        print(f"{name}: {', '.join(f'{each:.2f}' for each in seconds)} s", file=sys.stderr)
    report(
        [
            value_at_most(TIME, ours=statistics.median(first), target=1.5, unit="s", also=complete),
            value_at_most(LAST, ours=statistics.median(last), target=1.5, unit="s", also=complete),
            value_at_most(QUERIES, ours=queries, target=15, also=complete),
        ]
    )


def _addresses(images: int, repeat: int) -> list[str]:
    """Pages to measure: the first `repeat` in the order of the attack, and the last `repeat` by fit."""
    root = "/admin/gallery/study/many/"
    early = [f"{root}?at={1 + PAGE * number}" for number in range(repeat)]
    late = [f"{root}?sort=fit&at={images - PAGE * (number + 1) + 1}" for number in range(repeat)]
    return [*early, *late]


def _prepare(images: int, repeat: int) -> str:
    """A migrated database with the study, static files, strips; returns the session of a researcher."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyapp.settings")
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    from benchmarks.gallery_rows import build_gallery

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    began = time.perf_counter()
    build_gallery(images=images)
    print(f"{images:,} images written in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    began = time.perf_counter()
    made = _make_strips(images, repeat)
    print(f"{made:,} strips made in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("researcher"))
    return str(client.cookies["sessionid"].value)


def _make_strips(images: int, repeat: int) -> int:
    """Draw the strips of the measured pages by the job's own function, from stored pictures."""
    from django.http import QueryDict

    from benchmarks.gallery_rows import store_pictures
    from studyapp.models import Chunk
    from studyapp.services.gallery.filters import read_filter
    from studyapp.services.gallery.listing import window
    from studyapp.services.gallery.opening import gallery
    from studyapp.tasks.gallery_thumbnails import make_strips

    scope = gallery("study", "many")
    shown: dict[int, None] = {}
    for address in _addresses(images, repeat):
        values = QueryDict(address.partition("?")[2]).dict()
        page = window(scope, read_filter(values).wanted, at=int(values["at"]))
        shown |= dict.fromkeys(page.keys)
    store_pictures(list(shown), side=SIDE)
    make_strips(Chunk(payload={"gallery": scope.name, "method": "lime-predicted", "rows": list(shown)}))
    return len(shown)


def _queries(address: str) -> int:
    """Queries that a page costs, the session's and the user's among them."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    client.force_login(get_user_model().objects.get(username="researcher"))
    with CaptureQueriesContext(connection) as queries:
        page = client.get(address, headers={"host": "localhost"})
    if page.status_code != 200:
        raise RuntimeError(f"{address}: status {page.status_code}")
    return len(queries)


def _measure(port: int, session: str, images: int, repeat: int) -> tuple[list[float], list[float], bool]:
    """Seconds of the early and of the late pages, and whether each showed its 100 different images."""
    from playwright.sync_api import sync_playwright

    browser_path = os.environ.get("SECOND_LOOK_CHROMIUM", "/usr/bin/chromium")
    if not Path(browser_path).exists():
        print("There is no Chromium: set SECOND_LOOK_CHROMIUM.", file=sys.stderr)
        return [], [], False
    _wait(port)
    root = f"http://127.0.0.1:{port}"
    addresses = _addresses(images, repeat)
    seconds, complete = [], True
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": session, "url": root}])
        page = context.new_page()
        page.set_default_timeout(180_000)
        # Styles, fonts and scripts of the admin, and each server process's templates.
        for _ in range(8):
            page.goto(f"{root}/admin/gallery/study/many/?q=none", wait_until="load")
        for address in addresses:
            page.goto("about:blank")
            page.goto(root + address, wait_until="commit")
            page.wait_for_load_state("domcontentloaded")
            milliseconds, shown, different, decoded = page.evaluate(_DECODED)
            seconds.append(milliseconds / 1000)
            complete &= shown == different == decoded == min(PAGE, images)
        browser.close()
    return seconds[:repeat], seconds[repeat:], complete


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start within a minute")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
