"""The export bundle: complete, described to the last column, the same bytes every time."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import transaction

from studyapp.exports.archive import store_archive
from studyapp.exports.bundle import export_bundle
from studyapp.exports.dictionary import described_files, dictionary_markdown
from studyapp.exports.kind_tables import OWN_TABLES, has_table
from studyapp.models import Answer, Mode, Participant, Study
from studyapp.protocol.canonical import canonical_sha256
from tests.conftest import ROOT
from tests.studyapp_tests.results.adversarial_study import two_arm_study
from tests.studyapp_tests.results.small_study import SmallStudy, add_answer, small_study

pytestmark = pytest.mark.django_db

TABLES = (
    *("study", "arm_pairs"),
    *("rectified_error", "rectified_choices", "top5_error", "positive_answers", "controls", "true_label"),
    *("classifier_pairs", "ranks", "sensitivity", "filtered_error"),
    *("filtered_arm_pairs", "exclusions", "groups"),
    *("reliability", "reliability_detail", "gold", "expert_check", "top_shares", "participants"),
)
OF_ATTACKED = ("adversarial_accuracy", "adversarial_agreement", "filtered_agreement", "turned_verdicts")
FIGURES = ("errors_before_and_after", "positive_answers", "sensitivity")
ROWS = (
    *("answers", "sittings", "questions", "question_uses", "predictions", "stimuli", "classifiers"),
    *("expert_answers", "amendments", "draws", "bootstrap_draws", "data_dictionary"),
)


def read(folder: Path) -> dict[str, bytes]:
    """Every file of a bundle by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """A CSV of the bundle."""
    return list(csv.DictReader(io.StringIO((folder / name).read_text())))


def bundle(small: SmallStudy, folder: Path, mode: str = Mode.REAL) -> Path:
    """The bundle of the small study in a folder of its own."""
    export_bundle(study=small.study, mode=mode, folder=folder)
    return folder


@pytest.fixture(scope="module")
def written(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two bundles of the same study, `a` and `b`: drawing them takes longest."""
    folder = tmp_path_factory.mktemp("bundles")
    with django_db_blocker.unblock(), transaction.atomic():
        small = small_study(pictures=True)
        bundle(small, folder / "a")
        bundle(small, folder / "b")
        transaction.set_rollback(True)
    return folder


def test_eight_tiny_images_export_to_the_same_bytes_twice(written: Path) -> None:
    first, second = read(written / "a"), read(written / "b")
    expected = {
        *(f"tables/{name}.{kind}" for name in TABLES for kind in ("csv", "json", "tex")),
        *(f"figures/{name}.{kind}" for name in FIGURES for kind in ("svg", "png", "csv")),
        *(f"{name}.csv" for name in ROWS),
        *("README.txt", "results.json", "protocol.toml", "protocol.json", "versions.json", "manifest.json"),
    }
    assert set(first) == expected
    assert first == second
    assert [row["value"] for row in rows(written / "a", "answers.csv")].count("yes") == 41


def test_a_bundle_of_attacked_images_has_their_files_and_those_of_no_other_kind(tmp_path: Path) -> None:
    made = two_arm_study()
    for mode in (Mode.REAL, Mode.REHEARSAL):
        folder = tmp_path / mode
        export_bundle(study=made.study, mode=mode, folder=folder)
        tables = {f"tables/{name}.csv" for name in (*TABLES, *OF_ATTACKED)}
        listed = {f"{name}.csv" for name in (*ROWS, "attacks", "adversarial_images", "explanations")}
        found = {path for path in read(folder) if path.endswith(".csv") and not path.startswith("figures/")}
        assert found == tables | listed
        described = {row["file"] for row in rows(folder, "data_dictionary.csv")}
        assert {path for path in described if path.endswith(".csv")} == found | {"figures/<figure>.csv"}
        assert "figures/turned_verdicts.png" in described


def test_the_tables_of_every_kind_are_in_bundles_of_that_kind_alone() -> None:
    everything = {each.path: each.kind for each in described_files()}
    for kind, table in (
        ("prototype_assignment", "assignment_success"),
        ("attributes", "audit_rates"),
        ("stability", "rectified_stability"),
        ("forced_choice", "choice_people"),
        ("same_content", "same_content_curve"),
        *(("adversarial", name) for name in OF_ATTACKED),
    ):
        assert everything[f"tables/{table}.csv"] == kind
        assert [each for each in (*OWN_TABLES, "adversarial", "relevance") if has_table(each, table)] == [
            kind
        ]
    assert all(has_table(kind, "rectified_error") for kind in OWN_TABLES)
    assert everything["choice_trials.csv"] == "forced_choice"


def test_a_bundle_replaces_an_earlier_one(tmp_path: Path) -> None:
    small = small_study()
    bundle(small, tmp_path / "out")
    add_answer(small.questions[6, 8], small.people[2], "yes", 2)
    bundle(small, tmp_path / "out")
    assert [row["value"] for row in rows(tmp_path / "out", "answers.csv")].count("yes") == 42
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_the_manifest_holds_the_digest_of_every_file(written: Path) -> None:
    folder = written / "a"
    listed = {file["path"]: file for file in json.loads((folder / "manifest.json").read_text())["files"]}
    found = read(folder)
    assert set(listed) == set(found) - {"manifest.json"}
    for path, content in found.items():
        if path != "manifest.json":
            assert listed[path]["sha256"] == hashlib.sha256(content).hexdigest()
            assert listed[path]["bytes"] == len(content)


def test_every_column_of_every_file_is_in_the_data_dictionary(written: Path) -> None:
    folder = written / "a"
    described = {
        (row["file"], row["column"]): row["description"] for row in rows(folder, "data_dictionary.csv")
    }
    for path in read(folder):
        name = re.sub(r"figures/[^.]+", "figures/<figure>", path)
        general = re.sub(r"tables/[^.]+", "tables/<table>", name)
        assert described.get((name, "")) or described.get((general, "")), f"{path} is not described"
        if path.endswith(".csv"):
            header = next(csv.reader(io.StringIO((folder / path).read_text())))
            missing = [column for column in header if not described.get((name, column))]
            assert not missing, f"{path}: no word about {missing}"


def test_the_dictionary_describes_nothing_that_is_not_there(written: Path) -> None:
    folder = written / "a"
    headers = {
        re.sub(r"figures/[^.]+", "figures/<figure>", path): next(csv.reader(io.StringIO(text.decode())))
        for path, text in read(folder).items()
        if path.endswith(".csv")
    }
    assert not [row for row in rows(folder, "data_dictionary.csv") if "turned_verdicts" in row["file"]]
    for row in rows(folder, "data_dictionary.csv"):
        if row["file"].endswith(".csv"):
            assert row["file"] in headers, f"{row['file']} is described and not there"
        if row["column"]:
            assert row["column"] in headers[row["file"]], f"{row['file']} has no column {row['column']}"


def test_the_documentation_is_the_dictionary() -> None:
    assert (ROOT / "docs" / "data-dictionary.md").read_text() == dictionary_markdown(), (
        "docs/data-dictionary.md is out of date: write dictionary_markdown() into it"
    )


def test_the_protocol_in_the_bundle_has_the_digest_it_states(written: Path) -> None:
    stated = json.loads((written / "a" / "manifest.json").read_text())["protocol_sha256"]
    assert canonical_sha256((written / "a" / "protocol.json").read_text()) == stated


def test_intervals_can_be_checked_from_the_stored_draws(written: Path) -> None:
    import numpy as np

    folder = written / "a"
    draws = [
        float(row["estimate"])
        for row in rows(folder, "bootstrap_draws.csv")
        if row["quantity"] == "alpha: standard top-1"
    ]
    assert len(draws) == 400
    table = json.loads((folder / "results.json").read_text())["tables"]["rectified_error"][0]
    assert np.quantile(draws, [0.025, 0.975]).tolist() == pytest.approx(table["standard_top1_interval"])


def test_a_bundle_never_replaces_a_folder_that_is_none(tmp_path: Path) -> None:
    small_study()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(CommandError, match="no export bundle"):
        call_command("export_study", "small", str(tmp_path / "thesis"))
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


def test_a_bundle_holds_answers_of_its_mode_only(tmp_path: Path) -> None:
    small = small_study()
    simulated = Participant.objects.create(pseudonym="simulated")
    add_answer(small.questions[3, 4], simulated, "yes", 0, mode=Mode.REHEARSAL)
    real, rehearsal = bundle(small, tmp_path / "real"), bundle(small, tmp_path / "reh", Mode.REHEARSAL)
    assert {row["mode"] for row in rows(real, "answers.csv")} == {"real"}
    assert [row["participant"] for row in rows(rehearsal, "answers.csv")] == ["simulated"]
    assert "NOT real answers" in (rehearsal / "README.txt").read_text()


def test_answers_that_do_not_count_are_exported_and_marked(tmp_path: Path) -> None:
    small = small_study()
    late = Participant.objects.create(pseudonym="late")
    add_answer(small.questions[3, 4], late, "no", 5, status=Answer.Status.SURPLUS)
    found = rows(bundle(small, tmp_path / "out"), "answers.csv")
    assert [row["status"] for row in found if row["participant"] == "late"] == ["surplus"]


def test_the_archive_holds_the_bundle_and_is_written_once(tmp_path: Path) -> None:
    small = small_study()
    name = store_archive(study=small.study, mode=Mode.REAL)
    expected = read(bundle(small, tmp_path / "out"))
    with default_storage.open(name) as content, zipfile.ZipFile(content) as archive:
        found = {entry.removeprefix("small-real/"): archive.read(entry) for entry in archive.namelist()}
    assert found == expected
    assert store_archive(study=Study.objects.get(name="small"), mode=Mode.REAL) == name
    default_storage.delete(name)
