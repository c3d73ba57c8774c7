"""A participant's question page over real HTTP: time from accept to last byte, and weight.

    python -m benchmarks.participant_page

Gunicorn with the product's own configuration on a fresh embedded SQLite database; 16 participants, each
with one second between answers, each request on a connection of its own. The clock runs from the start
of the connection to the last byte. Weight is the page, its style sheet and its script, uncompressed,
without the picture.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np

from benchmarks.claims import report, value_at_most

ROOT = Path(__file__).resolve().parent.parent
PARTICIPANTS, ANSWERS, PAUSE, QUESTIONS = 16, 20, 1.0, 2_000
PAGE = "participant page without its picture, 16 participants with 1 s between answers, p95 in ms"
WEIGHT = "participant page without its picture, page + style + script, KB"
_HIDDEN = re.compile(r'<input type="hidden" name="([a-z_]+)"(?: value="([^"]*)")?>')


@dataclass(slots=True)
class Times:
    """Seconds of every request, by kind, and the weight of the heaviest page in bytes."""

    page: list[float] = field(default_factory=list)
    answer: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    weight: int = 0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SECOND_LOOK_VAR"] = folder
        os.environ["DATABASE_URL"] = ""
        door = _prepare()
        port = _free_port()
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
        server = subprocess.Popen(command, cwd=ROOT, env=os.environ, stderr=subprocess.DEVNULL)
        try:
            times = _measure(port, door)
        finally:
            server.terminate()
            server.wait()
    for name, seconds in (("page", times.page), ("answer", times.answer), ("served", times.served)):
        p50, p95, most = np.percentile(seconds, [50, 95, 100]) * 1000
        line = f"{name}: {len(seconds)} requests, p50 {p50:.1f} ms, p95 {p95:.1f} ms, longest {most:.1f} ms"
        print(line, file=sys.stderr)
    complete = len(times.page) == PARTICIPANTS * ANSWERS
    p95 = float(np.percentile(times.page, 95)) * 1000
    report(
        [
            value_at_most(PAGE, ours=p95, target=30, unit="ms", also=complete),
            value_at_most(WEIGHT, ours=times.weight / 1000, target=50, unit="KB", also=complete),
        ]
    )


def _prepare() -> str:
    """A migrated database with an open study, static files; returns the path of its door."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyapp.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks.many_questions import build_study
    from studyapp.recruitment.link import create_link

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    study = build_study(name="pages", questions=QUESTIONS, per_sitting=ANSWERS + 1)
    return f"/join/{create_link(study=study, mode='real').token}/"


def _measure(port: int, door: str) -> Times:
    for _ in range(600):
        try:
            _request(port, "GET", "/join/nobody/")
            break
        except OSError:
            time.sleep(0.1)
    static = sum(len(_request(port, "GET", f"/static/studyapp/judge.{kind}")[1]) for kind in ("css", "js"))
    # Both processes load their templates before the clock runs.
    for _ in range(20):
        _request(port, "GET", door)
    times = Times()
    with ThreadPoolExecutor(PARTICIPANTS) as pool:
        list(pool.map(lambda person: _visit(port, door, person, times), range(PARTICIPANTS)))
    times.weight += static
    return times


def _visit(port: int, door: str, person: int, times: Times) -> None:
    """One participant: consent, instructions, then a question a second."""
    pause = random.Random(person)
    time.sleep(pause.uniform(0, PAUSE))
    _, text, _ = _request(port, "GET", f"{door}?participant=p{person}")
    _, _, here = _request(port, "POST", door, _hidden(text))
    _request(port, "POST", f"{here}begin/", {})
    for number in range(ANSWERS):
        seconds, text, _ = _request(port, "GET", here)
        times.page.append(seconds)
        times.weight = max(times.weight, len(text.encode()))
        form = _hidden(text[text.index("data-answers") :])
        times.served.append(_request(port, "POST", f"{here}served/", form)[0])
        time.sleep(PAUSE)
        chosen = {**form, "value": "yes" if number % 2 else "no", "active_seconds": "1", "idle_seconds": "0"}
        times.answer.append(_request(port, "POST", f"{here}answer/", chosen)[0])


def _hidden(text: str) -> dict[str, str]:
    """The hidden values of the first form in `text`."""
    return {name: value or "" for name, value in _HIDDEN.findall(text[: text.index("</form>")])}


def _request(port: int, method: str, path: str, form: dict[str, str] | None = None) -> tuple[float, str, str]:
    """Seconds from connecting to the last byte, the text, and where a redirect leads."""
    body = None if form is None else urlencode(form)
    headers = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    finally:
        connection.close()
    seconds = time.perf_counter() - began
    if response.status >= 400 and "nobody" not in path:
        raise RuntimeError(f"{method} {path}: status {response.status}")
    return seconds, text, urlsplit(response.headers.get("Location", "")).path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
