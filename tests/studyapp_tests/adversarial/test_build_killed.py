"""The build of an adversarial study ended half-way by SIGKILL: nothing twice, nothing missing, same draws."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from studyapp.models import Question, Stimulus, Study
from tests.conftest import ROOT
from tests.studyapp_tests.adversarial.attacked import attacked_halves, protocol_text, write_protocol
from tests.studyapp_tests.workers import process_environment, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

EACH = 20


def test_a_build_that_was_killed_goes_on_where_it_stood(tmp_path: Path, own_files: Path) -> None:
    attacked_halves(tmp_path, each=EACH)
    path = write_protocol(tmp_path, protocol_text())
    command = [sys.executable, "manage.py", "create_study", str(path), "--json"]
    environment = dict(process_environment(tmp_path, ""))
    first = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    rendered = Stimulus.objects.exclude(file="")
    wait_until(lambda: rendered.exists() or first.poll() is not None, what="the first picture")
    assert first.poll() is None, first.communicate()[1].decode()
    # Held still, so that it is certain to be under way when it is ended.
    first.send_signal(signal.SIGSTOP)
    there = dict(rendered.values_list("pk", "file"))
    questions = dict(Question.objects.values_list("pk", "key"))
    assert len(there) < Stimulus.objects.count()
    first.send_signal(signal.SIGKILL)
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=60)

    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=240)
    assert Study.objects.get().built_at is not None
    assert not Stimulus.objects.filter(file="").exists()
    assert dict(Stimulus.objects.filter(pk__in=there).values_list("pk", "file")) == there
    assert dict(Question.objects.values_list("pk", "key")) == questions
    assert Stimulus.objects.count() == 2 * EACH * 5
    files = {str(file.relative_to(own_files)) for file in (own_files / "stimuli").rglob("*.png")}
    assert files == set(Stimulus.objects.values_list("file", flat=True))
