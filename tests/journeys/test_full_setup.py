"""The commands of docker-compose.yml, run by hand against PostgreSQL and Redis: from a folder to an export.

Twenty tiny pictures, a network whose only answer is "0", a live worker on Redis, simulated participants.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import psycopg
import pytest
from PIL import Image as Picture
from playwright.sync_api import expect, sync_playwright

from tests.conftest import ROOT

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.browser]

PATIENCE = 120.0

PROTOCOL = """
name = "full"
title = "The full set-up"
kind = "relevance"
dataset = "tiny"
classifiers = ["always-zero"]
[questions]
display_resize = 224
display_resampling = "nearest"
controls = 0.0
[answers]
required = 2
agreement = 2
[participants]
questions_per_sitting = 20
[review]
required = true
[rehearsal]
required = true
"""


def compose_command(service: str) -> list[str]:
    """What docker-compose.yml runs for `service`, with this Python's own programs."""
    text = (ROOT / "docker-compose.yml").read_text()
    block = re.search(rf"^  {service}:\n(.*?)(?=^  \S|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert block is not None
    command = re.search(r"^    command: (.+)$", block.group(1), flags=re.MULTILINE)
    assert command is not None
    return shlex.split(command.group(1))


class Installation:
    """The product's processes on one PostgreSQL database, one Redis database and one var folder."""

    def __init__(self, folder: Path, postgres: str, redis: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.bind = f"127.0.0.1:{port}"
        self.folder = folder
        self.postgres = postgres
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DATABASE_URL": postgres,
            "CELERY_BROKER_URL": redis,
            "SECOND_LOOK_VAR": str(folder / "var"),
            "SECOND_LOOK_BASE_URL": self.url,
            "DJANGO_SUPERUSER_PASSWORD": "tiny-and-only-here",
        }

    def run(self, *command: str) -> str:
        """Run a command to its end and return what it printed; fails with that where it fails."""
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def manage(self, *arguments: str) -> str:
        return self.run(sys.executable, "manage.py", *arguments)

    @contextmanager
    def running(self, *command: str) -> Iterator[None]:
        """A process in a group of its own, ended as a container is."""
        log = (
            self.folder / f"{command[-1].strip('-').lower()}-{len(list(self.folder.glob('*.log')))}.log"
        ).open("w")
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield
            assert process.poll() is None, f"{command} ended by itself: {Path(log.name).read_text()}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)
            log.close()

    def wait_for_jobs(self) -> None:
        """Until the workers have done every job."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with psycopg.connect(self.postgres) as connection:
                states = connection.execute("select title, state, error from studyapp_job").fetchall()
            assert not [row for row in states if row[1] == "failed"], states
            if states and all(row[1] == "done" for row in states):
                return
            time.sleep(0.2)
        pytest.fail(f"The workers did not finish: {states}")

    def wait_for_server(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/health/", timeout=2) as answer:
                    assert answer.read() == b"ok"
                    return
            except OSError:
                time.sleep(0.1)
        pytest.fail("The server did not answer.")


def write_tiny_dataset(folder: Path) -> None:
    """Two distinct 8 x 8 pictures in each of ten class folders."""
    rng = np.random.default_rng(7)
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
        for number in range(2):
            pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
            Picture.fromarray(pixels).save(folder / str(label) / f"{number}.png")


def write_always_zero(path: Path) -> None:
    """A linear network without weights whose bias favours class 0."""
    import torch
    from safetensors.torch import save_file

    bias = torch.zeros(10)
    bias[0] = 5.0
    save_file({"1.weight": torch.zeros(10, 64), "1.bias": bias}, str(path))


def files_of(bundle: Path) -> dict[str, bytes]:
    return {str(path.relative_to(bundle)): path.read_bytes() for path in bundle.rglob("*") if path.is_file()}


def review_as_researcher(chromium_path: str, url: str) -> None:
    """Log in, approve every picture, look at the results of the rehearsal."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        page = browser.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"{url}/")
        page.locator("[name=username]").fill("alice")
        page.locator("[name=password]").fill("tiny-and-only-here")
        page.locator("[type=submit]").click()
        expect(page.get_by_role("link", name="The full set-up")).to_be_visible()
        page.goto(f"{url}/studies/full/stimuli/")
        page.get_by_role("button", name="Approve all remaining").click()
        expect(page.get_by_text("0 pending")).to_be_visible()
        page.goto(f"{url}/studies/full/results/?mode=rehearsal")
        expect(page.get_by_text("never pooled with real answers")).to_be_visible()
        expect(page.get_by_role("heading", name="Standard and rectified error")).to_be_visible()
        page.goto(f"{url}/admin/studyapp/answer/")
        expect(page.get_by_text("Rehearsal").first).to_be_visible()
        assert not problems
        browser.close()


def test_the_full_set_up_goes_from_a_folder_to_an_export(
    tmp_path: Path, postgres_url: str, redis_url: str, chromium_path: str
) -> None:
    here = Installation(tmp_path, postgres_url, redis_url)
    here.run(*compose_command("migrate"))
    here.manage("createsuperuser", "--noinput", "--username", "alice", "--email", "alice@example.org")
    write_tiny_dataset(tmp_path / "tiny")
    write_always_zero(tmp_path / "zero.safetensors")
    (tmp_path / "full.toml").write_text(PROTOCOL)
    with ExitStack() as processes:
        web = ("gunicorn", "studyapp.wsgi", "--config", "gunicorn.conf.py", "--bind", here.bind)
        processes.enter_context(here.running(*web))
        processes.enter_context(here.running(*compose_command("worker")))
        processes.enter_context(here.running(*compose_command("scheduler")))
        here.wait_for_server()

        here.manage("import_dataset", "tiny", str(tmp_path / "tiny"), "--enlarge", "nearest", "--queue")
        here.wait_for_jobs()
        weights = ("--architecture", "digits_linear", "--weights", str(tmp_path / "zero.safetensors"))
        here.manage("add_classifier", "always-zero", *weights, "--classes-from", "tiny")
        here.manage("predict", "tiny", "always-zero", "--queue")
        here.wait_for_jobs()
        here.manage("create_study", str(tmp_path / "full.toml"), "--queue")
        here.wait_for_jobs()

        # Eighteen of twenty pictures are no zero: the standard error is 0.9, and half of it is planted.
        report = json.loads(
            here.manage(
                *("rehearse", "full", "--server", here.url, "--error-rate", "0", "--json"),
                *("--planted-acceptance", "always-zero=0.5", "--seed", "3"),
            )
        )
        assert report["passed"], report
        review_as_researcher(chromium_path, here.url)
        here.manage("open_study", "full")
        results = json.loads(here.manage("results", "full", "--mode", "rehearsal", "--json"))
        [row] = results["tables"]["rectified_error"]
        assert (row["images"], row["errors"], row["standard_top1_error"]) == (20, 18, 0.9)
        assert row["rectified_top1_error"] == 0.45
        assert row["positive_answers"] == [9, 0, 9]

        for name in ("first", "second"):
            here.manage("export_study", "full", str(tmp_path / name), "--mode", "rehearsal")
    first, second = files_of(tmp_path / "first"), files_of(tmp_path / "second")
    assert first == second
    assert "manifest.json" in first
