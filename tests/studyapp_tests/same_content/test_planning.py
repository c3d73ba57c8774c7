"""What a study of changed pictures asks: flips and as many that stay, siblings, practice, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from django.db.models import Q

from studyapp.analysis.colour_stability import Setting
from studyapp.models import Classifier, ProbeRun, Question, QuestionUse, Stimulus, Study
from studyapp.protocol.canonical import canonical_json, protocol_from_canonical
from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.reading import read_protocol_text
from studyapp.protocol.same_content import SameContentQuestions
from studyapp.services.refusals import Refused
from studyapp.services.same_content.siblings import ORIGINAL, SiblingDraw
from studyapp.services.studies.life import create_study, review_stimulus, shown_stimuli
from tests.studyapp_tests.probes.finished import CROP, finish, make_colours, make_probe
from tests.studyapp_tests.same_content.small import protocol, same_study, text

ROOT = Path(__file__).resolve().parents[3]


def made(**changes: object) -> Study:
    return create_study(protocol=protocol(**changes), text="", owner=None)


@pytest.mark.django_db
def test_flips_are_asked_beside_as_many_pictures_of_the_setting_that_stay(run: ProbeRun) -> None:
    study = made(siblings=2, questions="original = false")
    uses = QuestionUse.objects.filter(question__study=study)
    flips = {
        (use.study_classifier.classifier.name, use.stratum, use.question.image.name[-5])
        for use in uses.filter(role="same_flip")
        if use.study_classifier
    }
    assert flips == {
        *(("alpha", "hue 30", "0"), ("alpha", "hue 180", "1"), ("alpha", "hue 330", "2")),
        *(("beta", "hue 30", "0"), ("beta", "hue 180", "0")),
    }
    stays = uses.filter(role="same_stays")
    assert sorted(stays.values_list("study_classifier__classifier__name", "stratum")) == sorted(
        (name, setting) for name, setting, _ in flips
    )
    # Of eight images one flips under each setting, so that one stands for the seven that stay.
    assert set(uses.filter(role="same_flip").values_list("weight", flat=True)) == {1.0}
    assert set(stays.values_list("weight", flat=True)) == {7.0}
    draw = study.draws.get(purpose="same_content_sample").values
    assert len(draw) == 10
    image = uses.filter(role="same_flip", stratum="hue 30")[0].question.image_id
    assert [0, "hue 30", image, 1] in draw


@pytest.mark.django_db
def test_classifiers_share_the_question_and_its_siblings(run: ProbeRun) -> None:
    study = made()
    shared = Question.objects.get(study=study, content="same:0:hue 30", image__name__endswith="0.png")
    assert shared.uses.filter(role="same_flip").count() == 2
    assert shared.parameters["setting"] == "hue 30"
    settings = [each["setting"] for each in shared.parameters["siblings"]]
    # The two other hues and the unchanged picture.
    assert sorted(settings) == ["hue 180", "hue 330", "original"]
    said = shared.parameters["said"]
    names = dict(study.dataset.class_list.categories.values_list("pk", "name"))
    assert [names[said["beta"][word]] for word in ("before", "after")] == ["ant", "hen"]
    beside = dict(zip(settings, (names[each] for each in said["beta"]["siblings"]), strict=True))
    assert beside == {"original": "ant", "hue 180": "hen", "hue 330": "ant"}
    shown = Stimulus.objects.get(study=study, image=shared.image, variant="sibling:0:original")
    assert shown.parameters == {"shows": "whole", "version": "clean", "classifier": "alpha"}
    asked = Stimulus.objects.get(pk=shared.stimulus_id)
    assert asked.parameters["setting"] == "hue 30"
    assert asked.parameters["column"] == 1
    stored = {tuple(row) for row in study.draws.get(purpose="siblings").values}
    assert (shared.image_id, 0, *settings) in stored


@pytest.mark.django_db
def test_only_classifiers_that_saw_the_crop_shown_have_said_something_of_it(run: ProbeRun) -> None:
    beta = Classifier.objects.get(name="beta")
    beta.preprocessing = beta.preprocessing | {"crop": CROP | {"side": 12}}
    beta.save()
    study = made(questions="reveal = true")
    both = Question.objects.filter(study=study, image__name__endswith="0.png", parameters__setting="hue 30")
    said = {tuple(question.parameters["said"]) for question in both}
    assert said == {("alpha",), ("beta",)}
    for question in both:
        [name] = question.parameters["said"]
        assert {use.study_classifier.classifier.name for use in question.uses.all()} == {name}
        keys = [each["key"] for each in question.parameters["siblings"]]
        shown = Stimulus.objects.filter(Q(key__in=keys) | Q(pk=question.stimulus_id))
        assert {each.parameters["classifier"] for each in shown} == {name}


@pytest.mark.django_db
def test_practice_has_known_answers_and_images_of_its_own(run: ProbeRun) -> None:
    study = made(classifiers='["alpha"]', settings='["hue 30"]', participants="practice_questions = 3")
    practice = list(Question.objects.filter(study=study, origin="practice").order_by("pk"))
    assert [each.expected for each in practice] == ["no", "yes", "no"]
    asked = set(Question.objects.filter(study=study, origin="study").values_list("image_id", flat=True))
    for each in practice:
        keys = [sibling["key"] for sibling in each.parameters["siblings"]]
        beside = set(Stimulus.objects.filter(key__in=keys).values_list("image_id", flat=True))
        assert (beside == {each.image_id}) == (each.expected == "no")
        assert not asked & (beside | {each.image_id})


def test_the_nearest_settings_come_first_around_the_circle() -> None:
    settings = tuple(
        [Setting("hue", float(degrees)) for degrees in range(30, 360, 30)]
        + [Setting("saturation", gain) for gain in (0.0, 0.5, 1.5, 2.0)]
    )
    asked = SameContentQuestions(siblings=4, original=True)

    def beside(place: int, plan: SameContentQuestions = asked) -> set[int]:
        draw = SiblingDraw(ProbeRun(key="k"), settings, plan, np.random.default_rng(1))
        return set(draw.siblings_of(place))

    # 30 degrees: 60 and 330 (30 and 60 away), then 90 or 330; the original is no setting.
    assert beside(0) >= {ORIGINAL, 1}
    assert beside(5) - {4, 6} <= {ORIGINAL, 3, 7}
    assert len(beside(5)) == 4
    # Gain 2: the three others of the same kind.
    assert beside(14) == {ORIGINAL, 11, 12, 13}
    anywhere = SameContentQuestions(siblings=14, original=False, sibling_choice="anywhere")
    assert beside(3, anywhere) == set(range(15)) - {3}
    with pytest.raises(Refused, match=r"siblings = 5 wants 4 other saturation settings beside"):
        beside(14, SameContentQuestions(siblings=5))


@pytest.mark.django_db
def test_what_can_not_be_asked_is_refused_and_nothing_is_written(run: ProbeRun) -> None:
    for message, changes in (
        (r"siblings = 4 wants 3 other hue settings beside the original, and probe .* has 2", {"siblings": 4}),
        ("No probe has the key 'nowhere'", {"questions": 'probe = "nowhere"'}),
        ("no setting 'hue 31'; it has hue 30, hue 180", {"settings": '["hue 31"]'}),
        (
            "wants 1 other saturation settings, and",
            {"siblings": 1, "questions": "original = false", "settings": "[]"},
        ),
        (
            "beta: no prediction flips under hue 330",
            {"classifiers": '["beta"]', "settings": '["hue 330"]'},
        ),
        (
            "images are left for practice and practice_pass is 9",
            {"siblings": 1, "participants": "practice_questions = 9\npractice_pass = 9"},
        ),
    ):
        with pytest.raises(Refused, match=message):
            made(**changes)
    ProbeRun.objects.filter(pk=run.pk).update(kind=ProbeRun.Kind.TRANSFORM)
    with pytest.raises(Refused, match=r"is of kind transform, and .* shows changes of colour"):
        made(questions=f'probe = "{run.key}"')
    with pytest.raises(Refused, match="No finished colour probe of colours has alpha, beta; run probe"):
        made()
    assert not Study.objects.exists()


@pytest.mark.django_db
def test_a_probe_under_way_is_refused_and_a_finished_one_is_found(tmp_path: Path) -> None:
    run = make_probe(make_colours(tmp_path))
    with pytest.raises(Refused, match="is not finished"):
        made(questions=f'probe = "{run.key}"')
    finish(run)
    assert made().kind == "same_content"


@pytest.mark.django_db
def test_a_sibling_that_is_held_back_takes_its_questions_along(run: ProbeRun) -> None:
    study = same_study()
    question = Question.objects.get(study=study, content="same:0:hue 30", image__name__endswith="0.png")
    sibling = Stimulus.objects.get(study=study, key=question.parameters["siblings"][0]["key"])
    assert shown_stimuli(study).filter(pk=sibling.pk).exists(), "siblings are reviewed, too"
    review_stimulus(stimulus=sibling, actor="alice", approve=False, reason="unreadable")
    question.stimulus.refresh_from_db()
    assert question.stimulus.review == Stimulus.Review.HELD_BACK
    assert not question.slots.get().open
    review_stimulus(stimulus=sibling, actor="alice", approve=True)
    question.stimulus.refresh_from_db()
    assert question.stimulus.review == Stimulus.Review.APPROVED


def test_the_protocol_reads_back_and_names_what_does_not_fit() -> None:
    shipped = (ROOT / "protocols/same-content.toml").read_text()
    found = read_protocol_text(shipped)
    assert protocol_from_canonical(canonical_json(found)) == found
    wording = "do you think this image represents something different than the images to its right?"
    assert found.questions.wording.lower() == wording == SameContentQuestions().wording.lower()
    for message, changes in (
        ("may be shown again", {"questions": "reveal = true", "participants": "one_look = false"}),
        (
            "people that they said yes or no",
            {"questions": "reveal = true", "values": '["yes", "no", "unsure"]'},
        ),
        ("shows no class name", {"questions": 'class_help = "gloss"'}),
        ("whose practice is drawn", {"participants": 'practice_questions = 1\npractice_csv = "a.csv"'}),
        ("at least 1 and at most 12", {"siblings": 13}),
        ("wrong placeholders", {"questions": 'wording = "Is {label} different?"'}),
    ):
        with pytest.raises(ProtocolError, match=message):
            read_protocol_text(text(**changes))
