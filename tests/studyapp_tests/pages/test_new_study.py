"""The page for a new study, and the pictures of a dataset that has some."""

from __future__ import annotations

import html
import io
import tomllib
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image as Picture

from studyapp.models import Dataset, Image, Job, Question, QuestionUse, Study
from studyapp.services.catalogue.thumbnails import SIDE, full_picture, thumbnail
from studyapp.views.ready_protocols import is_ready_made, ready_made, ready_text, targeted
from tests.studyapp_tests.factories import make_dataset
from tests.studyapp_tests.pages.rows import add_run

pytestmark = pytest.mark.django_db

PROTOCOL = """
name = "small"
title = "Small"
kind = "relevance"
dataset = "eight"
classifiers = ["toy"]

[questions]
controls = 0.0

[answers]
required = 3
agreement = 2

[participants]
questions_per_sitting = 4
"""


@pytest.fixture
def dataset() -> Dataset:
    """Ten images; the run gets five of them wrong."""
    made = make_dataset(images=10)
    add_run(made)
    return made


def posted(client: Client, do: str, text: str = PROTOCOL, **more: object) -> str:
    data = {"text": text, "dataset": "eight", "classifier": "toy", "do": do, **more}
    return client.post(reverse("study-new"), data).content.decode().replace("\u202f", " ")


def test_counting_says_what_creating_then_makes(alice: Client, dataset: Dataset) -> None:
    page = posted(alice, "count")
    # Five mistakes, three answers each, four questions a sitting: 15 answers in four sittings.
    for label, value in (("Questions", 5), ("Pictures", 5), ("Answers", 15), ("Sittings, at least", 4)):
        assert f"<dt>{label}</dt><dd>{value}</dd>" in page
    assert Study.objects.count() == 0
    posted(alice, "create")
    study = Study.objects.get()
    assert study.questions.filter(origin=Question.Origin.STUDY).count() == 5
    assert QuestionUse.objects.filter(question__study=study, role="mistake").count() == 5
    assert study.stimuli.count() == 5
    assert study.owner is not None
    assert study.owner.get_username() == "alice"


def test_a_made_study_is_built_by_a_job_of_the_workers(alice: Client, dataset: Dataset) -> None:
    posted(alice, "create", name="mine", title="My own")
    study = Study.objects.get()
    assert (study.name, study.title) == ("mine", "My own")
    job = Job.objects.get()
    assert (job.kind, job.queue) == ("build_study", "default")
    assert job.created_by == study.owner


def test_every_problem_of_a_protocol_is_shown_with_its_line(alice: Client, dataset: Dataset) -> None:
    wrong = PROTOCOL.replace("required = 3", 'required = "three"').replace("controls = 0.0", "controls = 7")
    page = posted(alice, "create", wrong)
    assert "protocol.toml, line 9:" in page
    assert "protocol.toml, line 12:" in page
    assert Study.objects.count() == 0


def test_a_refusal_of_the_service_is_shown_and_keeps_the_form(alice: Client, dataset: Dataset) -> None:
    page = posted(alice, "count", classifier="nobody")
    assert "nobody is not registered" in page
    assert "questions_per_sitting = 4" in page


def test_an_uploaded_file_takes_the_place_of_the_text(alice: Client, dataset: Dataset) -> None:
    upload = SimpleUploadedFile("mine.toml", PROTOCOL.encode())
    assert "<dt>Questions</dt><dd>5</dd>" in posted(alice, "count", "not even toml", upload=upload)


def test_only_ready_made_protocols_are_read_from_disk(alice: Client, dataset: Dataset) -> None:
    page = alice.get(reverse("study-new"), {"protocol": "../pyproject.toml"}).content.decode()
    assert "requires-python" not in page
    ready = alice.get(reverse("study-new"), {"protocol": "misclassification.toml"}).content.decode()
    assert "Is class {label} relevant for this image?" in ready


def test_a_ready_made_protocol_names_what_the_form_chose(alice: Client, dataset: Dataset) -> None:
    page = alice.get(reverse("study-new"), {"protocol": "misclassification.toml", "dataset": "eight"})
    text = html.unescape(page.content.decode())
    assert '\ndataset = "eight"\nclassifiers = ["toy"]\n' in text
    assert "resnet101" not in text
    assert '\nname = "misclassification"\n' in text


@pytest.mark.parametrize("file", ready_made())
def test_every_ready_made_protocol_can_be_told_its_target(file: str) -> None:
    text = ready_text(file)
    asked = targeted(text, dataset='a "b" \\1', classifiers=["é", "two"], name="mine")
    read = tomllib.loads(asked)
    assert (read["dataset"], read["classifiers"], read["name"]) == ('a "b" \\1', ["é", "two"], "mine")
    assert len(asked.splitlines()) == len(text.splitlines())
    assert is_ready_made(asked, file)
    assert not is_ready_made(asked.replace("required = ", "required = 1"), file)


def test_a_list_over_several_lines_stays_as_it_is() -> None:
    text = PROTOCOL.replace('["toy"]', '[\n  "toy",\n]')
    assert targeted(text, dataset="nine", classifiers=["other"], name="") == text


def test_a_pasted_protocol_reads_no_file_of_the_server(alice: Client, dataset: Dataset) -> None:
    sneaky = PROTOCOL.replace("[questions]", '[questions]\nhierarchy = "../../../../etc/passwd"')
    page = posted(alice, "count", sneaky)
    assert "command line" in page
    assert "root:" not in page


def picture_of(folder: Path, name: str, size: tuple[int, int], mode: str = "RGB") -> None:
    Picture.effect_noise(size, 60).convert(mode).save(folder / name)


@pytest.fixture
def with_files(dataset: Dataset, tmp_path: Path) -> Image:
    """The first image of a dataset of photographs, 640 x 320."""
    picture_of(tmp_path, "a.png", (640, 320))
    Dataset.objects.update(root=str(tmp_path), layout=Dataset.Layout.FOLDERS)
    image = dataset.images.order_by("pk")[0]
    Image.objects.filter(pk=image.pk).update(name="a.png", width=640, height=320)
    return Image.objects.select_related("dataset").get(pk=image.pk)


def test_thumbnails_are_made_once_and_kept(alice: Client, with_files: Image, own_media: Path) -> None:
    address = reverse("image-thumb", args=[with_files.key])
    first = alice.get(address)
    assert first["Content-Type"] == "image/jpeg"
    assert Picture.open(io.BytesIO(first.content)).size == (SIDE, SIDE // 2)
    Path(with_files.dataset.root, "a.png").unlink()
    assert alice.get(address).content == first.content
    assert (own_media / "thumbs" / with_files.key[:2] / f"{with_files.key}-{SIDE}").exists()


def test_a_tiny_picture_is_enlarged_by_whole_pixels(with_files: Image) -> None:
    Dataset.objects.update(enlarge=Dataset.Enlarge.NEAREST)
    folder = Path(with_files.dataset.root)
    checks = Picture.new("L", (8, 8))
    checks.putdata([255 * ((x + y) % 2) for y in range(8) for x in range(8)])
    checks.save(folder / "a.png")
    image = Image.objects.select_related("dataset").get(pk=with_files.pk)
    enlarged = Picture.open(io.BytesIO(thumbnail(image=image)))
    assert enlarged.size == (192, 192)
    assert {colour for _, colour in enlarged.getcolors() or []} == {(0, 0, 0), (255, 255, 255)}


def test_sixteen_bits_are_shown_in_eight(with_files: Image) -> None:
    Picture.new("I;16", (4, 4), 0x8000).save(Path(with_files.dataset.root, "a.png"))
    shown = Picture.open(io.BytesIO(full_picture(image=with_files)))
    assert shown.mode == "RGB"
    assert shown.getpixel((0, 0)) == (128, 128, 128)


def test_a_picture_that_is_gone_is_not_found(alice: Client, with_files: Image) -> None:
    Path(with_files.dataset.root, "a.png").unlink()
    for name in ("image-picture", "image-thumb"):
        assert alice.get(reverse(name, args=[with_files.key])).status_code == 404
