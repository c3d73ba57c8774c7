"""What people see, say and are told; what pages give away; what the tables make of the answers."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from studyapp.exports.report import compute_report
from studyapp.exports.same_content_tables import AGREEMENT, CURVE, VISION
from studyapp.exports.table_rows import Cells, named_rows
from studyapp.models import Answer, Mode, Participant, ProbeRun, Question, Sitting, Study
from studyapp.services.participation.answers import undo_answer
from tests.studyapp_tests.criticism.small import draw_pictures
from tests.studyapp_tests.same_content.small import Visit, same_study

pytestmark = pytest.mark.django_db
QUESTION = "Do you think this image represents something different than the images to its right?"


def test_the_page_shows_siblings_in_the_order_drawn_and_gives_nothing_away(run: ProbeRun) -> None:
    study = same_study()
    visit = Visit(study).begin()
    page, question = visit.page, visit.question()
    assert QUESTION in page
    sources = re.findall(r'<img[^>]* src="/stimulus/([^"]+)\.png"', page)
    keys = [each["key"] for each in question.parameters["siblings"]]
    assert sources == [question.stimulus.key, *keys]
    assert re.findall(r'alt="([^"]*)"', page) == [
        "Picture to judge",
        *(f"Picture {number} of 3 to the right" for number in (1, 2, 3)),
    ]
    names = study.dataset.class_list.categories.values_list("name", flat=True)
    words = set(re.findall(r"[a-z]+", page.lower()))
    assert not words & {*names, "hue", "saturation", "alpha", "beta", "original", "flips", "stays"}
    assert sorted(re.findall(r'data-key="(.)"', page)) == ["N", "Y"]
    # What comes next is fetched with its siblings.
    ahead = re.findall(r'data-ahead="([^"]*)"', page)[0].split()
    assert len(ahead) == 4
    assert "data-final" not in page


def test_colour_vision_is_asked_once_and_may_be_left_out(run: ProbeRun) -> None:
    study = same_study()
    visit = Visit(study)
    assert "how you see colours" in visit.offer
    assert re.findall(r'name="colour_vision" value="([^"]*)"', visit.page) == [
        *("typical", "deficient", "unsure", ""),
    ]
    visit.begin(colour_vision="deficient")
    visit.begin(colour_vision="typical")
    Visit(study).begin(colour_vision="")
    Visit(study).begin(colour_vision="eagle")
    said = Sitting.objects.order_by("pk").values_list("colour_vision", flat=True)
    assert list(said) == ["deficient", "", ""], "the first word stands, and nothing else is offered"
    silent = Visit(same_study(name="silent", questions="colour_vision = false"))
    assert "colours" not in silent.offer
    assert "colour_vision" not in silent.page
    silent.begin(colour_vision="typical")
    assert Sitting.objects.get(study__name="silent").colour_vision == ""


def test_labels_are_told_after_the_answer_is_stored_and_never_before(run: ProbeRun) -> None:
    study = same_study(questions="reveal = true")
    visit = Visit(study)
    assert "can then not be taken back" in visit.page
    visit.begin()
    question = visit.question()
    shown = question.presentations.get()
    early = visit.client.get(f"{visit.address}?told={shown.key}").content.decode()
    assert "isagree with" not in early
    assert QUESTION in early
    assert "Undo" not in early
    going = visit.answer("yes")
    assert going == f"{visit.address}?told={shown.key}"
    told = visit.client.get(going).content.decode()
    for name, said in question.parameters["said"].items():
        turned = said["before"] != said["after"]
        assert f"You {'agree' if turned else 'disagree'} with {name}." in told
    assert "data-final" in told
    assert not undo_answer(presentation=shown), "nobody answers again who was told"
    assert Visit(study).client.get(going.replace("told=", "told=x")).status_code == 200
    stranger = Visit(study).begin()
    assert "isagree with" not in stranger.client.get(f"{stranger.address}?told={shown.key}").content.decode()
    assert "Undo" not in visit.page


def test_without_reveal_nothing_is_told_and_answers_can_be_taken_back(run: ProbeRun) -> None:
    study = same_study()
    visit = Visit(study).begin()
    shown = visit.question().presentations.get()
    assert visit.answer("yes") == visit.address
    page = visit.client.get(f"{visit.address}?told={shown.key}").content.decode()
    assert "isagree with" not in page
    assert "Undo last answer" in page


def _row(rows: list[Cells], **wanted: object) -> Cells:
    return next(row for row in rows if all(row[name] == value for name, value in wanted.items()))


def _answered(study: Study) -> None:
    """Three people answer everything: two see a change in image 0, everybody in 1, nobody elsewhere."""
    for number, vision in enumerate(("typical", "deficient", "")):
        visit = Visit(study).begin(colour_vision=vision)
        while QUESTION in visit.page:
            image = visit.question().image.name[-5]
            visit.answer("yes" if image == "1" or (image == "0" and number < 2) else "no")


def test_the_tables_put_people_beside_each_classifier(alice: Client, run: ProbeRun) -> None:
    study = same_study(
        classifiers='["alpha"]', settings='["hue 30", "hue 180"]', participants="one_look = false"
    )
    # Four questions: image 0 flips at 30, image 1 at 180, and one other at each setting stays.
    stays = {
        use.stratum: use.question.image.name[-5]
        for question in Question.objects.filter(study=study)
        for use in question.uses.filter(role="same_stays")
    }
    _answered(study)
    report = compute_report(study=study, mode=Mode.REAL).report
    curve = list(named_rows(report.tables[CURVE]))
    at_30 = _row(curve, setting="hue 30", prediction="flips")
    assert (at_30["asked"], at_30["decided"], at_30["seen"], at_30["seen_share"]) == (1, 1, 1, 1.0)
    seen = {setting: image in "01" for setting, image in stays.items()}
    both = next(iter(named_rows(report.tables[AGREEMENT])))
    assert (both["asked"], both["decided"], both["coverage"]) == (4, 4, 1.0)
    assert (both["both"], both["only_model"]) == (2, 0)
    assert (both["only_people"], both["neither"]) == (sum(seen.values()), 2 - sum(seen.values()))
    # Each stays for seven images of its setting, each flip for one.
    assert both["agreement"] == pytest.approx((2 + 7 * (2 - sum(seen.values()))) / 16)
    assert both["apart"] == 2
    assert {figure.name for figure in report.figures()} == {"same_content_hue"}
    page = alice.get(f"/studies/{study.name}/results/").content.decode()
    assert "<dt>Rule</dt><dd>2<small> of 3</small></dd>" in page
    pseudonym = Participant.objects.order_by("pk")[0].pseudonym
    assert f'<td class="pseudonym" title="{pseudonym}">' in page


def test_people_of_each_colour_vision_are_counted_apart(run: ProbeRun) -> None:
    study = same_study(classifiers='["alpha"]', settings='["hue 30"]', participants="one_look = false")
    _answered(study)
    rows = list(named_rows(compute_report(study=study, mode=Mode.REAL).report.tables[VISION]))
    flips = {row["colour_vision"]: row for row in rows if row["prediction"] == "flips"}
    people = {vision: row["people"] for vision, row in flips.items()}
    assert people == {"everybody": 3, "typical": 1, "deficient": 1, "unsure": 0, "not said": 1}
    assert flips["everybody"]["said_different"] == pytest.approx(2 / 3)
    assert flips["typical"]["said_different"] == 1.0
    assert flips["not said"]["said_different"] == 0.0
    assert flips["unsure"]["said_different"] is None


def test_practice_and_preview_show_the_board_and_researchers_read_the_plan(
    alice: Client, run: ProbeRun
) -> None:
    study = same_study(classifiers='["alpha"]', settings='["hue 30"]', participants="practice_questions = 2")
    draw_pictures(study)
    visit = Visit(study).begin()
    assert "Practice 1 of 2" in visit.page
    visit.client.post(f"{visit.address}practice/1/", {"value": "yes"})
    told = visit.client.get(f"{visit.address}practice/1/").content.decode()
    assert "we expected <b>No</b>" in told
    assert "show the same thing in other colours" in told
    page = alice.get(f"/studies/{study.name}/").content.decode()
    assert "3: nearest settings and the unchanged picture" in page
    assert "to the right of other changes" in alice.get(f"/studies/{study.name}/stimuli/").content.decode()
    assert Answer.objects.filter(status=Answer.Status.PRACTICE).count() == 1


def test_the_page_of_a_colour_probe_leads_to_a_filled_in_protocol(alice: Client, run: ProbeRun) -> None:
    chooser = alice.get(f"/probes/{run.key}/study/").content.decode()
    assert 'name="protocol" value="same-content.toml"' in chooser
    query = f"protocol=same-content.toml&dataset=colours&probe={run.key}"
    chosen = "&setting=hue+30&same_sample=7&sample=40&direction=right_to_wrong&classifier=alpha"
    filled = alice.get(f"/studies/new/?{query}{chosen}").content.decode()
    for line in (
        f"probe = &quot;{run.key}&quot;",
        "settings = [&quot;hue 30&quot;]",
        "sample = 7",
        "dataset = &quot;colours&quot;",
        "classifiers = [&quot;alpha&quot;]",
        "name = &quot;same-content-colours&quot;",
    ):
        assert f"\n{line}\n" in filled
    assert 'value="same-content-colours"' in filled
    assert "directions" not in filled


def test_asking_whether_it_differs_keeps_what_its_own_protocol_says(alice: Client, run: ProbeRun) -> None:
    chooser = alice.get(f"/probes/{run.key}/study/").content.decode()
    assert re.search(r'name="sample" value="(\d+)"', chooser)[1] == "40"  # type: ignore[index]
    assert re.search(r'name="same_sample" value="(\d+)"', chooser)[1] == "15"  # type: ignore[index]
    assert "This probe lacks hue 90" in chooser
    query = f"protocol=same-content.toml&dataset=colours&probe={run.key}&sample=40&same_sample=15"
    filled = alice.get(f"/studies/new/?{query}").content.decode()
    assert "\nsample = 15\n" in filled
    assert "settings = [&quot;hue 30&quot;, &quot;hue 90&quot;, &quot;hue 180&quot;" in filled
    everything = alice.get(f"/studies/new/?{query[:-2]}").content.decode()
    assert "\nsample = " not in everything
