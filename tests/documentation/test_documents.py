"""What README and docs/ say must be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("**/*.md"))]
COMMANDS = sorted(
    path.stem
    for path in (ROOT / "studyapp/management/commands").glob("*.py")
    if not path.stem.startswith("_")
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text()
    links = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'src="([^"]+)"', text)
    local = [link for link in links if not link.startswith(("http://", "https://", "mailto:"))]
    lost = [link for link in local if not (document.parent / link).exists()]
    assert not lost, f"{document.name} links to what is not there: {lost}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert f"`{command}" in (ROOT / "docs/commands.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_a_document_names_exists(document: Path) -> None:
    builtin = {"migrate", "help", "collectstatic", "createsuperuser", "check", "runserver", "shell"}
    named = set(re.findall(r"manage\.py ([a-z_]+)", document.read_text()))
    unknown = named - set(COMMANDS) - builtin
    assert not unknown, f"{document.name} names commands that do not exist: {sorted(unknown)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_a_document_names_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", document.read_text()))
    assert named <= targets, f"{document.name} names targets that do not exist: {sorted(named - targets)}"
