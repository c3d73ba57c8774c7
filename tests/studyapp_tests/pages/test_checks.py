"""What is wrong with the settings is said at start, with an id and a remedy, and documented."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import CheckMessage
from django.test import override_settings

from studyapp import checks
from studyapp.environment import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[3]
SETTINGS_PAGE = (ROOT / "docs" / "settings.md").read_text()


def ids(found: list[CheckMessage]) -> list[str]:
    assert all(message.hint for message in found), "every message has a remedy"
    return [str(message.id) for message in found]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", []),
        ("http://localhost:8105", []),
        ("https://study.example.org", []),
        ("http://study.example.org", ["studyapp.W001"]),
        ("study.example.org", ["studyapp.E001"]),
        ("ftp://study.example.org", ["studyapp.E001"]),
        ("", ["studyapp.E001"]),
        ("https://study.example.org?x=1", ["studyapp.E001"]),
        ("https://study.example.org/look", ["studyapp.E002"]),
        ("https://other.example.org", ["studyapp.E004"]),
    ],
)
def test_links_lead_to_a_site_that_answers(url: str, expected: list[str]) -> None:
    assert ids(checks.base_url(url, debug=False, hosts=["study.example.org"])) == expected


def test_tracebacks_are_never_shown_to_people_from_elsewhere() -> None:
    assert ids(checks.base_url("https://a.org", debug=True, hosts=["a.org"])) == ["studyapp.E003"]
    assert ids(checks.base_url("http://127.0.0.1", debug=True, hosts=[])) == []


@pytest.mark.parametrize("hosts", [["*"], [".example.org"], ["STUDY.example.org"]])
def test_patterns_of_hosts_are_understood(hosts: list[str]) -> None:
    assert checks.base_url("https://study.example.org", debug=False, hosts=hosts) == []


@pytest.mark.parametrize("name", ["auto", "cpu", "mps", "cuda", "cuda:1"])
def test_devices_are_known_by_name(name: str) -> None:
    assert checks.device(name) == []


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", ""])
def test_other_devices_are_refused(name: str) -> None:
    assert ids(checks.device(name)) == ["studyapp.E005"]


def test_storage_database_broker_and_the_rest_are_checked(tmp_path: Path) -> None:
    assert ids(checks.storage("s3:/bucket")) == ["studyapp.E006"]
    assert checks.storage("s3://bucket/prefix") == checks.storage("") == []
    assert ids(checks.database("django.db.backends.mysql")) == ["studyapp.E007"]
    assert ids(checks.broker("localhost:6379")) == ["studyapp.E008"]
    assert checks.broker("redis://localhost:6379/0") == checks.broker("") == []
    assert ids(checks.var_folder(tmp_path / "missing")) == ["studyapp.E009"]
    assert checks.var_folder(tmp_path) == []
    assert ids(checks.claim_seconds(0)) == ["studyapp.E010"]
    assert ids(checks.time_zone("Mars/Olympus")) == ["studyapp.E011"]
    assert checks.time_zone("Europe/Berlin") == []
    assert ids(checks.secret_key("short")) == ids(checks.secret_key("a" * 50)) == ["studyapp.E012"]
    assert ids(checks.debug_switch("true")) == ["studyapp.E013"]


def test_the_checks_run_at_start() -> None:
    from django.core.checks import run_checks

    with override_settings(DEVICE="gpu"):
        assert "studyapp.E005" in [message.id for message in run_checks()]


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", SETTINGS_PAGE, flags=re.MULTILINE)
    wanted = [
        (each.name, f"`{each.default}`" if each.default else "empty", each.meaning) for each in ENVIRONMENT
    ]
    assert rows == wanted


def test_every_check_is_documented() -> None:
    source = Path(checks.__file__).read_text()
    assert sorted(re.findall(r'id="(studyapp\.[EW]\d+)"', source)) == sorted(
        re.findall(r"^\| `(studyapp\.[EW]\d+)`", SETTINGS_PAGE, flags=re.MULTILINE)
    )


def loaded_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statement`."""
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_addresses_load_without_torch() -> None:
    setup = "import os, django\nos.environ['DJANGO_SETTINGS_MODULE'] = 'studyapp.settings'\ndjango.setup()\n"
    loaded = loaded_after(setup + "import studyapp.urls")
    assert "studyapp" in loaded
    assert loaded.isdisjoint({"torch", "torchvision", "inference", "explain"})


def test_the_statistics_load_neither_django_nor_celery() -> None:
    every = """import importlib, pkgutil
import studyapp.analysis, studyapp.protocol
for package in (studyapp.analysis, studyapp.protocol):
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
"""
    loaded = loaded_after(every)
    assert "numpy" in loaded
    assert loaded.isdisjoint({"django", "celery", "kombu", "torch"})
