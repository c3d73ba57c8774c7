"""A study of flips, from a probe with written-in responses to its tables; and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from studyapp.exports.stability_evidence import stability_results
from studyapp.exports.stability_figures import stability_figures
from studyapp.exports.stability_tables import RECTIFIED, STABILITY_BUILDERS
from studyapp.models import Draw, Mode, Participant, ProbeRun, Question, QuestionUse, Stimulus, Study
from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.reading import read_protocol_text
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused
from studyapp.services.studies.creation import finish_build
from studyapp.services.studies.life import create_study
from tests.studyapp_tests.pages.rows import text_of
from tests.studyapp_tests.probes.finished import finished_probe, make_colours, make_probe
from tests.studyapp_tests.results.small_study import add_answer

pytestmark = pytest.mark.django_db

PROTOCOL = """
name = "flips"
title = "Flips"
kind = "stability"
dataset = "colours"
classifiers = {classifiers}

[questions]
foil_ranks = [2, 10]
controls = {controls}
{more}

[answers]
required = 3
agreement = 2

[participants]
practice_questions = 0
"""


def text(*, classifiers: str = '["alpha", "beta"]', controls: float = 0.0, more: str = "") -> str:
    return PROTOCOL.format(classifiers=classifiers, controls=controls, more=more)


def made(**changes: object) -> Study:
    written = text(**changes)  # type: ignore[arg-type]
    return create_study(protocol=read_protocol_text(written), text=written, owner=None)


@pytest.fixture
def run(tmp_path: Path) -> ProbeRun:
    return finished_probe(tmp_path)


def test_classifiers_that_flip_alike_share_the_question_and_its_picture(run: ProbeRun) -> None:
    study = made()
    questions = Question.objects.filter(study=study)
    asked = set(questions.values_list("image__name", "stimulus__variant", "label__name"))
    assert asked == {
        ("colours/0.png", "changed:0:hue 30", "hen"),
        ("colours/0.png", "changed:0:hue 180", "hen"),
        ("colours/1.png", "changed:0:hue 180", "bee"),
        ("colours/2.png", "changed:0:hue 330", "gnu"),
        ("colours/2.png", "changed:0:saturation 0", "hen"),
    }
    shared = QuestionUse.objects.filter(question__stimulus__variant="changed:0:hue 30")
    assert {(use.stratum, use.weight) for use in shared} == {("hue 30/right_to_wrong", 1.0)}
    assert shared.count() == 2
    assert set(QuestionUse.objects.values_list("role", flat=True)) == {"flip"}
    shown = Stimulus.objects.get(variant="changed:0:hue 330")
    assert shown.parameters == {
        "shows": "changed",
        "classifier": "alpha",
        "probe": run.key,
        "setting": "hue 330",
        "column": 3,
    }


def test_settings_and_directions_choose_the_flips(run: ProbeRun) -> None:
    study = made(more='settings = ["hue 180", "hue 30"]\ndirections = ["right_to_wrong"]')
    assert Question.objects.filter(study=study).count() == 2
    counts = {tuple(row) for row in Draw.objects.get(study=study, purpose="flip_counts").values}
    # Classifier, setting, images, then flips right to wrong, wrong to right, wrong to wrong.
    assert ("alpha", "hue 180", 8, 0, 1, 0) in counts
    assert ("beta", "hue 180", 8, 1, 0, 0) in counts


def test_a_sample_is_kept_and_weighted(run: ProbeRun) -> None:
    study = made(classifiers='["alpha"]', more='sample = 2\nsample_per = "classifier"')
    uses = QuestionUse.objects.filter(question__study=study)
    # Alpha flips four times.
    assert [use.weight for use in uses] == [2.0, 2.0]
    drawn = Draw.objects.get(study=study, purpose="flip_sample").values
    assert {(name, image) for _, name, image in drawn} == {
        (use.stratum.split("/")[0], use.question.image_id) for use in uses
    }


def test_controls_are_foils_on_flipped_pictures_and_labels_that_stayed_right(run: ProbeRun) -> None:
    study = made(controls=0.5)
    foils = QuestionUse.objects.filter(question__study=study, role="control_foil")
    labels = QuestionUse.objects.filter(question__study=study, role="control_true")
    assert (foils.count(), labels.count()) == (2, 3)
    flipped = set(
        Question.objects.filter(study=study, uses__role="flip").values_list("stimulus_id", flat=True)
    )
    said = {"0": {"ant", "hen"}, "1": {"bee", "cat"}, "2": {"cat", "fox", "gnu", "hen"}}
    for use in foils:
        assert use.question.stimulus_id in flipped
        assert use.question.label is not None
        assert use.question.label.name not in said[use.question.image.name[-5]]
    for use in labels:
        assert use.question.image.name[-5] in "34567"
        assert use.question.label == use.question.image.category


def test_the_tables_count_accepted_flips_as_stable(run: ProbeRun) -> None:
    study = made()
    people = [Participant.objects.create(pseudonym=f"{number:064}") for number in range(3)]
    accepted = Question.objects.get(study=study, stimulus__variant="changed:0:hue 30")
    for question in Question.objects.filter(study=study).exclude(stimulus__variant="changed:0:hue 330"):
        for order, person in enumerate(people):
            add_answer(question, person, "yes" if question == accepted else "no", order=order)
    found = stability_results(study, protocol_of(study), Mode.REAL)
    rectified, directions = (build(found) for build in STABILITY_BUILDERS)
    names = [column.name for column in rectified.columns]
    rows = {(row[1], row[2]): dict(zip(names, row, strict=True)) for row in rectified.rows}
    at_30 = rows["alpha", "hue 30"]
    assert (at_30["stability"], at_30["rectified_stability"], at_30["not_accepted"]) == (0.875, 1.0, 0.0)
    # Beta flips at 30 and at 180; people accept the first alone.
    mean = rows["beta", "all settings asked about"]
    assert (mean["images"], mean["flips"], mean["asked"], mean["accepted"]) == (32, 2, 2, 1)
    assert mean["stability"] == pytest.approx(30 / 32)
    assert mean["rectified_stability"] == pytest.approx(31 / 32)
    open_ = rows["alpha", "hue 330"]
    assert (open_["asked"], open_["decided"], open_["coverage"]) == (1, 0, 0.0)
    assert open_["rectified_stability_bounds"] == (0.875, 1.0)
    held = "the rectified value’s interval carries people’s accepted share over; the raw share is held"
    (figure,) = stability_figures({RECTIFIED: rectified}, "")
    assert figure is not None
    assert held in figure.caption
    assert held in rectified.note
    ways = {(row[1], row[2]): row[3:6] for row in directions.rows}
    assert ways["alpha", "wrong_to_right"] == (1, 1, 1.0)


def test_what_cannot_be_asked_is_refused_and_nothing_is_written(run: ProbeRun) -> None:
    for message, more in (
        ("no setting 'hue 31'; it has hue 30, hue 180", 'settings = ["hue 31"]'),
        ("no prediction flips", 'settings = ["hue 30"]\ndirections = ["wrong_to_right"]'),
        ("No probe has the key 'nowhere'", 'probe = "nowhere"'),
    ):
        with pytest.raises(Refused, match=message):
            made(more=more)
    run.probe_classifiers.filter(classifier__name="beta").delete()
    with pytest.raises(Refused, match="has no classifier 'beta'; it has alpha"):
        made(more=f'probe = "{run.key}"')
    with pytest.raises(Refused, match="No finished probe of colours has alpha, beta; run probe colour"):
        made()
    assert not Study.objects.exists()


def test_a_probe_under_way_is_refused(tmp_path: Path) -> None:
    run = make_probe(make_colours(tmp_path))
    with pytest.raises(Refused, match="is not finished"):
        made(more=f'probe = "{run.key}"')


def test_mistakes_in_the_protocol_are_named() -> None:
    for message, more in (
        ("no way for a prediction to flip", 'directions = ["sideways"]'),
        ("says what is sampled", 'sample_per = "classifier"'),
        ("tables leave nobody out", '[[exclusion]]\nmeasure = "seconds"\nbelow = 1\nreason = "fast"'),
    ):
        with pytest.raises(ProtocolError, match=message):
            read_protocol_text(text(more=more))


def test_the_page_of_a_probe_leads_to_a_filled_in_protocol(alice: Client, bob: Client, run: ProbeRun) -> None:
    page = f"/probes/{run.key}/study/"
    chooser = text_of(alice, f"{page}?setting=hue+30")
    assert "hue 30" in chooser
    assert "alpha: 1" in chooser
    assert bob.get(page).status_code == 404
    query = f"protocol=stability.toml&dataset=colours&probe={run.key}&setting=hue+30&setting=hue+180"
    filled = text_of(alice, f"/studies/new/?{query}&sample=7&classifier=alpha&direction=right_to_wrong")
    for line in (
        f"probe = &quot;{run.key}&quot;",
        "settings = [&quot;hue 30&quot;, &quot;hue 180&quot;]",
        "directions = [&quot;right_to_wrong&quot;]",
        "sample = 7",
        "dataset = &quot;colours&quot;",
        "classifiers = [&quot;alpha&quot;]",
        "name = &quot;stability-colours&quot;",
        'value="stability-colours"',
    ):
        assert line in filled
    everything = text_of(alice, f"/studies/new/?{query}&sample=")
    assert "sample" not in everything.split("controls = 0.2")[0].split("directions =")[1]


def test_the_results_page_leads_from_its_numbers_to_the_questions(alice: Client, run: ProbeRun) -> None:
    study = made()
    finish_build(study=study)
    person = Participant.objects.create(pseudonym="0" * 64)
    for question in Question.objects.filter(study=study):
        add_answer(question, person, "yes", order=0)
    page = text_of(alice, "/studies/flips/results/")
    assert "Stability, raw and rectified" in page
    assert "Flips by direction" in page
    assert "rule 2 of 3" in page
    behind = "/studies/flips/questions/?classifier=alpha&arm=main&role=flip&stratum=hue+30"
    assert behind.replace("&", "&amp;") in page
    assert "1–1 of 1" in text_of(alice, behind)
    assert "2 of 2" in text_of(alice, "/studies/flips/questions/?classifier=alpha&stratum=wrong_to_wrong")
    assert "a sample" not in text_of(alice, "/studies/flips/")
    assert "every flip" in text_of(alice, "/studies/flips/")
