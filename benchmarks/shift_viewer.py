"""The viewer of shift maps: from a move of the pointer to the new picture and both values, and its requests.

Gunicorn with the product's own configuration on a fresh SQLite database: 125 x 125 places of a 100 x 100
patch before a background of 224 x 224, six maps each of two classifiers, written without a network. Chromium
moves the pointer to places all over the maps; the clock runs from the move's event until the frame after the
one that drew the new picture and values. Both are checked at every move, the picture in every pixel against
Pillow's. Requests are counted from the moment the viewer is ready.

    python -m benchmarks.shift_viewer [--moves 100]
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.claims import not_measured, report, value_at_most
from benchmarks.gallery import _free_port, _wait

ROOT = Path(__file__).resolve().parent.parent
PLACES, SIDE, PATCH = 125, 224, 100

TIME = "shift viewer, from a move of the pointer to the new picture and both values, slowest of {moves}"
REQUESTS = "shift viewer, requests while the pointer moves"
_MOVE = """([x, y, place]) => new Promise((done) => {
  const pad = document.querySelector('.shift-map');
  const began = performance.now();
  pad.dispatchEvent(new PointerEvent('pointermove', {clientX: x, clientY: y, bubbles: true}));
  const look = () => requestAnimationFrame(() => {
    if (document.getElementById('viewer').dataset.place === place) requestAnimationFrame(read);
    else look();
  });
  const read = () => {
    const took = performance.now() - began;
    const values = [...document.querySelectorAll('.shift .value strong')].map((each) => each.textContent);
    const canvas = document.querySelector('.shift-picture canvas');
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let at = 0; at < data.length; at += 1) sum = (sum * 31 + data[at]) % 1000003;
    done([took, values, sum]);
  };
  look();
})"""


def main() -> None:
    """Build the run, serve it, move, and print the claims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--moves", type=int, default=100)
    moves = parser.parse_args().moves
    browser_path = os.environ.get("SECOND_LOOK_CHROMIUM", "/usr/bin/chromium")
    name = TIME.format(moves=moves)
    if not Path(browser_path).exists():
        print("There is no Chromium: set SECOND_LOOK_CHROMIUM.", file=sys.stderr)
        report([not_measured(name, target="<= 100 ms"), not_measured(REQUESTS, target="<= 0")])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SECOND_LOOK_VAR"] = folder
        os.environ["DATABASE_URL"] = ""
        session, key, maps, ground, patch = _prepare()
        port = _free_port()
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
        server = subprocess.Popen(command, cwd=ROOT, env=os.environ, stderr=subprocess.DEVNULL)
        try:
            _wait(port)
            seconds, requests, right = _measure(
                browser_path, f"http://127.0.0.1:{port}", session, key, moves, maps, ground, patch
            )
        finally:
            server.terminate()
            server.wait()
    print(f"median {np.median(seconds):.1f} ms, slowest {max(seconds):.1f} ms", file=sys.stderr)
    report(
        [
            value_at_most(name, ours=max(seconds), target=100, unit="ms", also=right),
            value_at_most(REQUESTS, ours=requests, target=0, also=right),
        ]
    )


def _prepare() -> tuple[str, str, list[np.ndarray], Image.Image, Image.Image]:
    """A migrated database with one run; the researcher's session, the run's key, and what the run is of."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyapp.settings")
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    from studyapp.models import Category, Classifier, ClassList, ShiftRun
    from studyapp.services.probes.shift_maps import MAPS, MapSet
    from studyapp.services.probes.shift_runs import ShiftFacts, import_shift_run

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    rng = np.random.default_rng(1)
    ground = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
    patch = Image.fromarray(rng.integers(0, 256, (PATCH, PATCH, 4), dtype=np.uint8))
    class_list = ClassList.objects.create(name="two", digest="two")
    Category.objects.bulk_create(Category(class_list=class_list, index=at, name=f"c{at}") for at in range(2))
    sets = {}
    for name in ("plain", "blurred"):
        classifier = Classifier.objects.create(name=name, source="elsewhere", class_list=class_list)
        maps = {each: rng.random((PLACES, PLACES)) for each in MAPS}
        sets[classifier] = MapSet(maps, rng.integers(0, 2, (PLACES, PLACES)))
    run, _ = import_shift_run(
        facts=ShiftFacts(
            way=ShiftRun.Way.PATCH,
            title="a patch",
            picture=_png(ground),
            patch=_png(patch),
            rows=PLACES,
            columns=PLACES,
            stride=1,
            width=SIDE,
            height=SIDE,
            parameters={"patch": "patch", "background": "ground", "patch_size": [PATCH, PATCH]},
        ),
        target=1,
        target_name="c1",
        maps=sets,
    )
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("researcher"))
    probabilities = [found.maps["probability"] for found in sets.values()]
    return str(client.cookies["sessionid"].value), run.key, probabilities, ground, patch


def _measure(
    browser_path: str,
    root: str,
    session: str,
    key: str,
    moves: int,
    maps: list[np.ndarray],
    ground: Image.Image,
    patch: Image.Image,
) -> tuple[list[float], int, bool]:
    """Milliseconds of every move, requests while moving, and whether picture and values were always right."""
    from playwright.sync_api import sync_playwright

    rng = np.random.default_rng(2)
    taken: list[float] = []
    requests: list[str] = []
    right = True
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1366, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": session, "url": root}])
        page = context.new_page()
        page.set_default_timeout(180_000)
        page.goto(f"{root}/probes/shift/{key}/")
        page.wait_for_selector('#viewer[data-ready="yes"]')
        page.on("request", lambda made: requests.append(made.url))
        box = page.locator(".shift-map canvas").first.bounding_box()
        assert box is not None
        for row, column in rng.integers(0, PLACES, (moves, 2)).tolist():
            x = box["x"] + (column + 0.5) / PLACES * box["width"]
            y = box["y"] + (row + 0.5) / PLACES * box["height"]
            took, values, checksum = page.evaluate(_MOVE, [x, y, f"{row},{column}"])
            taken.append(took)
            right &= values == [f"{np.float32(each[row, column]):.4f}" for each in maps]
            right &= checksum == _checksum(ground, patch, row, column)
        browser.close()
    return taken, len(requests), right


def _checksum(ground: Image.Image, patch: Image.Image, row: int, column: int) -> int:
    """The page's sum over the picture that Pillow makes."""
    picture = ground.copy()
    picture.paste(patch, (column, row), patch)
    found = 0
    for value in picture.convert("RGBA").tobytes():
        found = (found * 31 + value) % 1_000_003
    return found


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
