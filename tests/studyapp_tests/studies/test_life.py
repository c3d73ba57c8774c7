"""A study's life by its owner: built, reviewed, opened, amended, paused, closed; every step audited."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image as Picture

from studyapp.models import (
    Amendment,
    AuditEntry,
    Chunk,
    Dataset,
    Job,
    QuestionSlots,
    Stimulus,
    Study,
)
from studyapp.protocol.canonical import protocol_sha256
from studyapp.protocol.questions import RelevanceQuestions
from studyapp.protocol.schema import Protocol, RecruitmentPlan, RehearsalPlan, ReviewPlan
from studyapp.services.jobs import FOREGROUND
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused
from studyapp.services.studies.life import (
    amend_study,
    approve_pending,
    close_study,
    create_study,
    open_study,
    pause_study,
    resume_study,
    review_stimulus,
    start_build,
)
from studyapp.services.studies.rehearsals import record_rehearsal
from studyapp.tasks.chunks import work_here
from studyapp.tasks.stimuli import render_stimuli
from tests.studyapp_tests.factories import make_dataset, make_protocol, with_answers, with_participants
from tests.studyapp_tests.studies.small import built, make_classifier, make_pixels

pytestmark = pytest.mark.django_db

PROTOCOL_FILE = """
name = "from-file"
title = "From a file"
kind = "relevance"
dataset = "pixels"
classifiers = ["a"]

[questions]
controls = 0.0

[review]
required = false

[rehearsal]
required = false
"""


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: pytest.FixtureRequest) -> Path:
    """Storage of the test's own."""
    folder = tmp_path / "media"
    settings.STORAGES = {  # type: ignore[attr-defined]
        **settings.STORAGES,  # type: ignore[attr-defined]
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder)},
        },
    }
    return folder


@pytest.fixture
def pixels(tmp_path: Path) -> Dataset:
    dataset = make_pixels(tmp_path / "pictures")
    make_classifier("a", dataset, {0: 1, 4: 2, 5: 0})
    return dataset


def protocol(**more: object) -> Protocol:
    questions = RelevanceQuestions(controls=0.0)
    return replace(make_protocol(dataset="pixels", questions=questions), classifiers=("a",), **more)  # type: ignore[arg-type]


def verbs(study: Study) -> list[str]:
    return list(AuditEntry.objects.filter(study=study).order_by("pk").values_list("verb", flat=True))


def test_stimuli_are_8_bit_crops_enlarged_without_smoothing(pixels: Dataset) -> None:
    study = built(protocol())
    assert study.built_at is not None
    for stimulus in study.stimuli.select_related("image"):
        with default_storage.open(stimulus.file) as file:
            picture = Picture.open(io.BytesIO(file.read()))
        grey = 10 * int(Path(stimulus.image.name).stem) + 5
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (224, 224))
        assert np.unique(np.asarray(picture)).tolist() == [grey]
        assert picture.info == {}
        # Neither the image's name nor its class is in the name people may see.
        assert stimulus.file == f"stimuli/{stimulus.key[:2]}/{stimulus.key}.png"
        assert len(stimulus.sha256) == 64
    assert QuestionSlots.objects.filter(study=study, mode="real").count() == 3


def test_a_chunk_that_runs_twice_stores_every_picture_once(pixels: Dataset, media: Path) -> None:
    study = create_study(protocol=protocol(), text="", owner=None)
    job = start_build(study=study, queue=FOREGROUND)
    chunk = Chunk.objects.get(job=job)
    render_stimuli(chunk)
    before = dict(study.stimuli.values_list("pk", "file"))
    # As after a worker that stored a picture and died before it wrote the row.
    first = Stimulus.objects.filter(study=study).order_by("pk")[0]
    Stimulus.objects.filter(pk=first.pk).update(file="")
    render_stimuli(chunk)
    assert dict(study.stimuli.values_list("pk", "file")) == before
    assert len(list(media.rglob("*.png"))) == 3
    assert start_build(study=study).pk == job.pk


def test_a_missing_file_fails_the_build_with_its_name_and_it_goes_on(pixels: Dataset) -> None:
    study = create_study(protocol=protocol(), text="", owner=None)
    image = study.stimuli.order_by("pk")[0].image
    path = Path(pixels.root) / image.name
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(Exception, match=image.name):
        work_here(start_build(study=study), progress=False)
    path.write_bytes(content)
    work_here(start_build(study=study), progress=False)
    study.refresh_from_db()
    assert study.built_at is not None
    assert Job.objects.filter(kind="build_study").count() == 1


def test_create_study_run_twice_makes_one_study(pixels: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(PROTOCOL_FILE)
    call_command("create_study", str(path), "--json")
    call_command("create_study", str(path), "--json")
    study = Study.objects.get()
    assert (study.questions.count(), study.stimuli.count()) == (3, 3)
    assert study.protocol_text == PROTOCOL_FILE
    path.write_text(PROTOCOL_FILE.replace("controls = 0.0", "controls = 0.1"))
    with pytest.raises(CommandError, match="no draft of this protocol"):
        call_command("create_study", str(path), "--json")
    call_command("create_study", str(path), "--name", "other", "--json")
    assert Study.objects.count() == 2


def test_opening_names_every_obstacle_at_once(pixels: Dataset) -> None:
    study = create_study(
        protocol=protocol(review=ReviewPlan(required=True), rehearsal=RehearsalPlan(required=True)),
        text="",
        owner=None,
    )
    with pytest.raises(Refused) as refusal:
        open_study(study=study, actor="alice")
    for words in ("not built", "3 of its pictures", "3 of 3 stimuli are not reviewed", "--unrehearsed"):
        assert words in str(refusal.value)
    assert verbs(study) == []


def test_only_a_passed_rehearsal_of_this_very_protocol_opens_the_study(pixels: Dataset) -> None:
    study = built(protocol(rehearsal=RehearsalPlan(required=True)))
    with pytest.raises(Refused, match="passed rehearsal"):
        open_study(study=study, actor="alice")
    record_rehearsal(study=study, passed=True, answers=15, failed_checks=[])
    AuditEntry.objects.filter(study=study).update(detail={"protocol_sha256": "0" * 64})
    with pytest.raises(Refused, match="passed rehearsal"):
        open_study(study=study, actor="alice")
    record_rehearsal(study=study, passed=True, answers=15, failed_checks=[])
    record_rehearsal(study=study, passed=False, answers=15, failed_checks=["exactly N"])
    with pytest.raises(Refused, match="passed rehearsal"):
        open_study(study=study, actor="alice")
    record_rehearsal(study=study, passed=True, answers=15, failed_checks=[])
    assert open_study(study=study, actor="alice").study.state == Study.State.OPEN
    assert "unrehearsed" not in AuditEntry.objects.get(study=study, verb="open").detail


def test_a_reviewed_study_opens_unrehearsed_with_the_reason_in_the_audit_trail(pixels: Dataset) -> None:
    study = built(protocol(review=ReviewPlan(required=True), rehearsal=RehearsalPlan(required=True)))
    first, second, _ = study.stimuli.order_by("pk")
    review_stimulus(stimulus=first, actor="alice", approve=True)
    with pytest.raises(Refused, match="say why"):
        review_stimulus(stimulus=second, actor="alice", approve=False)
    review_stimulus(stimulus=second, actor="alice", approve=False, reason="blurred")
    assert approve_pending(study=study, actor="alice") == 1
    opened = open_study(study=study, actor="alice", unrehearsed="a pilot was run elsewhere")
    assert opened.link is not None
    assert (opened.study.state, opened.study.protocol_sha256) == ("open", protocol_sha256(protocol_of(study)))
    assert verbs(study) == ["review", "review", "review", "open"]
    entry = AuditEntry.objects.get(study=study, verb="open")
    assert entry.detail["unrehearsed"] == "a pilot was run elsewhere"
    shut = QuestionSlots.objects.filter(study=study, open=False).values_list("question__stimulus", flat=True)
    assert list(shut) == [second.pk]
    review_stimulus(stimulus=second, actor="bob", approve=True)
    assert not QuestionSlots.objects.filter(study=study, open=False).exists()


def test_names_without_pixels_can_not_be_opened() -> None:
    make_classifier("a", make_dataset(images=8), {0: 1})
    study = built(replace(make_protocol(questions=RelevanceQuestions(controls=0.0)), classifiers=("a",)))
    with pytest.raises(Refused, match="answers can only be imported"):
        open_study(study=study, actor="alice")


def test_a_study_by_invitation_opens_without_an_open_link(pixels: Dataset) -> None:
    study = built(protocol(recruitment=RecruitmentPlan(allow_open_link=False)))
    assert open_study(study=study, actor="alice").link is None


def test_only_the_moves_of_its_state_are_possible(pixels: Dataset) -> None:
    study = built(protocol())
    for move in (pause_study, resume_study, close_study):
        with pytest.raises(Refused, match="is draft"):
            move(study=study, actor="alice")
    open_study(study=study, actor="alice")
    with pytest.raises(Refused, match="only a draft"):
        open_study(study=study, actor="alice")
    assert pause_study(study=study, actor="alice").state == "paused"
    with pytest.raises(Refused, match="only pause a study that is open"):
        pause_study(study=study, actor="alice")
    assert resume_study(study=study, actor="alice").state == "open"
    closed = close_study(study=study, actor="alice", reason="enough")
    assert closed.closed_at is not None
    with pytest.raises(Refused, match="is closed"):
        resume_study(study=study, actor="alice")
    assert verbs(study) == ["open", "pause", "resume", "close"]


def test_an_amendment_keeps_what_changed_and_the_new_hash(pixels: Dataset) -> None:
    study = built(protocol())
    plan = protocol_of(study)
    more = with_answers(with_participants(plan, questions_per_sitting=7), required=6)
    with pytest.raises(Refused, match="is a draft"):
        amend_study(study=study, protocol=more, actor="alice", reason="shorter")
    open_study(study=study, actor="alice")
    QuestionSlots.objects.filter(study=study).update(taken=5, counted=5, open=False)
    amend_study(study=study, protocol=more, actor="alice", reason="shorter sittings")
    amendment = Amendment.objects.get()
    assert amendment.changes == [
        ["answers.required", "5", "6"],
        ["participants.questions_per_sitting", "20", "7"],
    ]
    study.refresh_from_db()
    assert amendment.protocol_sha256 == study.protocol_sha256 == protocol_sha256(more)
    slots = QuestionSlots.objects.filter(study=study)
    assert set(slots.values_list("required", "open")) == {(6, True)}
    assert verbs(study) == ["open", "amend"]


def test_what_the_questions_are_made_from_can_not_be_amended(pixels: Dataset) -> None:
    study = built(protocol())
    open_study(study=study, actor="alice")
    plan = protocol_of(study)
    for changed in (
        replace(plan, classifiers=("b",)),
        replace(plan, questions=replace(plan.questions, wording="Is it a {label}?")),
        with_answers(plan, values=("yes", "no", "maybe")),
    ):
        with pytest.raises(Refused, match="can not be amended"):
            amend_study(study=study, protocol=changed, actor="alice", reason="try")
    with pytest.raises(Refused, match="can not go down"):
        amend_study(study=study, protocol=with_answers(plan, required=4), actor="alice", reason="try")
    with pytest.raises(Refused, match="nothing to amend"):
        amend_study(study=study, protocol=plan, actor="alice", reason="try")
    assert not Amendment.objects.exists()


def test_the_commands_open_pause_and_close(
    pixels: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "p.toml"
    path.write_text(PROTOCOL_FILE)
    call_command("create_study", str(path), "--json")
    call_command("open_study", "from-file")
    assert "/join/" in capsys.readouterr().out
    call_command("close_study", "from-file", "--pause")
    call_command("close_study", "from-file", "--resume")
    call_command("close_study", "from-file", "--reason", "enough")
    assert Study.objects.get().state == "closed"
    with pytest.raises(CommandError, match=r"Study 'nobody' does not exist \(there are: from-file\)"):
        call_command("close_study", "nobody")


@pytest.mark.parametrize(("name", "reason"), [("new", "page of its own"), ("x" * 101, "101 characters")])
def test_a_name_that_no_address_can_carry_is_refused(name: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        create_study(protocol=replace(make_protocol(), name=name), text="", owner=None)
    assert not Study.objects.exists()
