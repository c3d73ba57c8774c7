"""What an adversarial study asks: the same images in every arm, or nothing at all."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from django.core.management import call_command

from studyapp.models import (
    AdversarialImage,
    AttackRun,
    Category,
    Draw,
    Explanation,
    Question,
    QuestionUse,
    Stimulus,
    Study,
)
from studyapp.services.refusals import Refused
from studyapp.services.studies.sizes import study_size
from tests.studyapp_tests.adversarial.attacked import (
    ARMS,
    attacked_halves,
    created,
    protocol_of_halves,
    protocol_text,
    write_protocol,
)
from tests.studyapp_tests.explanations.halves import attack_halves, make_halves

pytestmark = pytest.mark.django_db

NAMES = ("whole", "explained", "random", "truth", "foil", "clean")


def _asked(study: Study, arm: str) -> dict[int, Question]:
    rows = Question.objects.filter(study=study, arm__name=arm, origin=Question.Origin.STUDY)
    return {row.image_id: row for row in rows.select_related("label", "stimulus", "image__category")}


def test_every_arm_asks_about_every_image_with_its_own_label_and_picture(attack: AttackRun) -> None:
    study = created(protocol_of_halves())
    arms = {name: _asked(study, name) for name in NAMES}
    assert {len(asked) for asked in arms.values()} == {8}
    assert len({frozenset(asked) for asked in arms.values()}) == 1
    names = dict(Category.objects.values_list("pk", "name"))
    for image, question in arms["whole"].items():
        true = question.image.category.name
        said = AdversarialImage.objects.get(run=attack, image=image).displayed_predicted_id
        wrong = names[said or 0]
        [foil] = {"left", "right", "even"} - {true, wrong}
        labels = {name: names[arms[name][image].label_id or 0] for name in NAMES}
        assert labels == {**dict.fromkeys(NAMES, wrong), "foil": foil}
        shown = {name: arms[name][image].stimulus for name in NAMES}
        assert shown["foil"] == shown["explained"], "one picture, rendered and reviewed once"
        assert len({stimulus.pk for stimulus in shown.values()}) == 5
        assert shown["whole"].adversarial is not None
        assert shown["clean"].adversarial is None
        assert shown["truth"].explanation is not None
        assert names[shown["truth"].explanation.category_id or 0] == true
        assert shown["explained"].explanation is not None
        assert names[shown["explained"].explanation.category_id or 0] == wrong


def test_every_use_names_the_adversarial_image_the_classifier_and_the_clean_prediction(
    attack: AttackRun,
) -> None:
    study = created(protocol_of_halves())
    uses = QuestionUse.objects.filter(question__study=study)
    assert uses.count() == 8 * len(NAMES)
    for use in uses.select_related("adversarial", "prediction", "study_classifier", "question"):
        assert use.role == QuestionUse.Role.ADVERSARIAL
        assert use.adversarial is not None
        assert use.adversarial.image_id == use.question.image_id
        assert use.prediction is not None
        assert use.prediction.image_id == use.question.image_id
        assert use.study_classifier is not None
        assert use.study_classifier.attack_run == attack
        assert use.weight == 1.0


def test_what_is_counted_for_the_new_study_is_what_is_written(attack: AttackRun) -> None:
    more = "[participants]\npractice_questions = 2\n"
    protocol = protocol_of_halves(questions="[questions]\nsample = 5\nfoil_ranks = [2, 3]\n", more=more)
    size = study_size(protocol=protocol)
    study = created(protocol)
    assert size.questions == Question.objects.filter(study=study, origin=Question.Origin.STUDY).count() == 30
    assert (
        size.practice == Question.objects.filter(study=study, origin=Question.Origin.PRACTICE).count() == 12
    )
    assert size.stimuli == Stimulus.objects.filter(study=study).count() == 5 * 5 + 2
    assert size.answers == 30 * 5


def test_a_sample_is_drawn_once_stored_and_says_what_it_stands_for(attack: AttackRun) -> None:
    study = created(protocol_of_halves(questions="[questions]\nsample = 5\nfoil_ranks = [2, 3]\n"))
    images = {name: set(_asked(study, name)) for name in NAMES}
    drawn = Draw.objects.get(study=study, purpose="adversarial_sample:0")
    assert all(each == set(drawn.values) for each in images.values())
    assert set(QuestionUse.objects.filter(question__study=study).values_list("weight", flat=True)) == {8 / 5}
    foils = Draw.objects.get(study=study, purpose="adversarial_foils:0")
    assert dict(foils.values) == {
        image: question.label_id for image, question in _asked(study, "foil").items()
    }


def test_a_sample_larger_than_what_there_is_becomes_a_note(attack: AttackRun) -> None:
    study = created(protocol_of_halves(questions="[questions]\nsample = 50\nfoil_ranks = [2, 3]\n"))
    assert study.notes == ["compare: sample of 50 images wanted, 8 are there."]


def test_without_an_attack_the_study_is_refused_with_the_commands_that_make_it_possible(
    tmp_path: Path,
) -> None:
    make_halves(tmp_path)
    with pytest.raises(Refused) as caught:
        created(protocol_of_halves())
    attack, explain = str(caught.value).splitlines()
    call_command(*shlex.split(attack.partition("manage.py ")[2]), "--json")
    path = write_protocol(tmp_path, protocol_text())
    command = explain.partition("manage.py ")[2].replace("PROTOCOL.toml", str(path))
    with pytest.raises(Refused, match="no explanation run"):
        created(protocol_of_halves())
    call_command(*shlex.split(command), "--json")
    assert created(protocol_of_halves()).pk


def test_every_explanation_that_is_missing_is_named_at_once_with_its_command(tmp_path: Path) -> None:
    make_halves(tmp_path)
    attack_halves()
    with pytest.raises(Refused) as caught:
        created(protocol_of_halves())
    lines = str(caught.value).splitlines()
    assert len(lines) == 2, "the adversarial class, which three arms share, and the true one"
    for line in lines:
        call_command(*shlex.split(line.partition("manage.py ")[2]), "--json")
    assert created(protocol_of_halves()).pk


def test_arms_without_explanations_need_none(tmp_path: Path) -> None:
    make_halves(tmp_path)
    attack_halves()
    arms = '[[arm]]\nname = "whole"\n[[arm]]\nname = "clean"\nversion = "clean"\nlabel = "true"\n'
    study = created(protocol_of_halves(arms=arms))
    assert {q.label_id for q in _asked(study, "clean").values()} == {
        q.image.category_id for q in _asked(study, "clean").values()
    }


def test_an_image_whose_explanation_failed_is_left_out_of_every_arm_and_counted(attack: AttackRun) -> None:
    failed = Explanation.objects.filter(run__explained="predicted", run__version="adversarial").earliest("pk")
    Explanation.objects.filter(pk=failed.pk).update(outcome=Explanation.Outcome.FAILED)
    study = created(protocol_of_halves())
    for name in NAMES:
        assert len(_asked(study, name)) == 7
        assert failed.image_id not in _asked(study, name)
    assert study.notes[0] == "compare: 1 images are left out of every arm because an explanation failed."


def test_an_explanation_that_would_be_empty_is_not_shown_to_anybody(attack: AttackRun) -> None:
    empty = Explanation.objects.filter(run__explained="true").earliest("pk")
    Explanation.objects.filter(pk=empty.pk).update(positive=0)
    study = created(protocol_of_halves())
    assert all(empty.image_id not in _asked(study, name) for name in NAMES)
    assert any("no superpixel speaks for the class" in note for note in study.notes)


def test_fewer_superpixels_than_k_are_shown_and_noted(attack: AttackRun) -> None:
    few = Explanation.objects.filter(run__explained="predicted", run__version="adversarial").earliest("pk")
    Explanation.objects.filter(pk=few.pk).update(positive=3)
    study = created(protocol_of_halves())
    assert few.image_id in _asked(study, "explained")
    assert [note for note in study.notes if "fewer than 4 superpixels" in note]
    assert "1 of 8" in next(note for note in study.notes if "fewer than 4 superpixels" in note)


def test_only_files_that_still_fool_the_classifier_are_asked_about(attack: AttackRun) -> None:
    lost = AdversarialImage.objects.filter(run=attack).earliest("pk")
    AdversarialImage.objects.filter(pk=lost.pk).update(displayed_predicted=lost.true)
    study = created(protocol_of_halves())
    assert lost.image_id not in _asked(study, "whole")
    assert any("1 attacked images fool it in float but not from the 8-bit" in note for note in study.notes)


def test_with_the_float_label_an_image_lost_in_the_file_is_asked_about_too(attack: AttackRun) -> None:
    lost = AdversarialImage.objects.filter(run=attack).earliest("pk")
    AdversarialImage.objects.filter(pk=lost.pk).update(displayed_predicted=lost.true)
    questions = '[questions]\nadversarial_label = "float"\nfoil_ranks = [2, 3]\n'
    study = created(protocol_of_halves(questions=questions, arms='[[arm]]\nname = "whole"\n'))
    assert _asked(study, "whole")[lost.image_id].label_id == lost.float_predicted_id
    assert study.notes == []


def test_an_image_without_a_foil_is_left_out_of_every_arm(attack: AttackRun) -> None:
    short = AdversarialImage.objects.filter(run=attack).earliest("pk")
    AdversarialImage.objects.filter(pk=short.pk).update(displayed_ranking=short.displayed_ranking[:2])
    study = created(protocol_of_halves())
    assert all(short.image_id not in _asked(study, name) for name in NAMES)
    assert any("no foil at ranks 2-3" in note for note in study.notes)


def test_an_attack_that_fools_nobody_is_refused(attack: AttackRun) -> None:
    for row in AdversarialImage.objects.filter(run=attack):
        AdversarialImage.objects.filter(pk=row.pk).update(
            displayed_predicted=row.true, float_predicted=row.true
        )
    with pytest.raises(Refused, match=r"compare: 0 attacked images fool it.*larger step"):
        created(protocol_of_halves())


def test_practice_is_on_clean_pictures_that_nothing_asks_about_and_the_same_in_every_arm(
    attack: AttackRun,
) -> None:
    study = created(
        protocol_of_halves(
            questions="[questions]\nsample = 6\nfoil_ranks = [2, 3]\n",
            more="[participants]\npractice_questions = 2\npractice_pass = 1\n",
        )
    )
    asked = set(_asked(study, "whole"))
    practised = Question.objects.filter(study=study, origin=Question.Origin.PRACTICE)
    by_arm = {
        name: list(practised.filter(arm__name=name).values_list("image", "label", "expected"))
        for name in NAMES
    }
    assert len({tuple(rows) for rows in by_arm.values()}) == 1
    assert not {image for image, _, _ in by_arm["whole"]} & asked
    assert sorted(expected for _, _, expected in by_arm["whole"]) == ["no", "yes"]
    for question in practised.select_related("stimulus", "image"):
        assert question.stimulus.parameters == {
            "classifier": "compare",
            "shows": "whole",
            "version": "clean",
        }
        assert (question.label_id == question.image.category_id) == (question.expected == "yes")


def test_practice_that_nobody_could_pass_is_refused(attack: AttackRun) -> None:
    with pytest.raises(Refused, match="0 images are left for practice"):
        created(protocol_of_halves(more="[participants]\npractice_questions = 2\npractice_pass = 1\n"))


def test_two_classifiers_ask_about_two_pictures_of_the_same_image(tmp_path: Path) -> None:
    attacked_halves(tmp_path)
    weights = str(tmp_path / "compare.safetensors")
    classes = str(tmp_path / "classes.csv")
    call_command(
        *("add_classifier", "twin", "--architecture", "digits_linear"),
        *("--weights", weights, "--classes", classes, "--json"),
    )
    call_command("predict", "halves", "twin", "--json")
    path = write_protocol(tmp_path, protocol_text())
    call_command("attack", "halves", "twin", "--protocol", str(path), "--json")
    call_command("explain", "halves", "twin", "--protocol", str(path), "--json")
    text = protocol_text(arms=ARMS).replace('["compare"]', '["compare", "twin"]')
    from studyapp.protocol.reading import read_protocol_text

    study = created(read_protocol_text(text))
    rows = Question.objects.filter(study=study, arm__name="whole")
    assert rows.count() == 16
    assert {use.question_id for use in QuestionUse.objects.filter(question__in=rows)} == {
        row.pk for row in rows
    }
    assert rows.values("stimulus").distinct().count() == 16
