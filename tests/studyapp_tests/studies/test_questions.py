"""What a study asks: every question checked against predictions that are written in by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from studyapp.models import Category, ClassList, Draw, Question, QuestionSlots, QuestionUse, Study
from studyapp.protocol.questions import RelevanceQuestions, Top5Questions
from studyapp.protocol.schema import Arm as ArmPlan
from studyapp.protocol.schema import ParticipantRules, Protocol
from studyapp.services.catalogue.alike_names import alike_names, read_key
from studyapp.services.planning.foils import foils_by_rank, siblings
from studyapp.services.refusals import Refused
from studyapp.services.studies.life import create_study, shown_stimuli
from tests.studyapp_tests.factories import make_dataset, make_protocol
from tests.studyapp_tests.studies.small import built, categories, images, make_classifier, make_pixels

pytestmark = pytest.mark.django_db

Role = QuestionUse.Role
BARE = RelevanceQuestions(controls=0.0)


def plan(questions: object = BARE, *classifiers: str, **more: object) -> Protocol:
    protocol = make_protocol(questions=questions, **more)  # type: ignore[arg-type]
    return replace(protocol, classifiers=classifiers or ("a",))


def uses(study: Study, role: Role) -> list[tuple[str, str]]:
    """(image, label) of every question in a role, sorted."""
    rows = QuestionUse.objects.filter(question__study=study, role=role)
    return sorted(rows.values_list("question__image__name", "question__label__name"))


def test_classifiers_that_make_the_same_mistake_share_the_question() -> None:
    dataset = make_dataset(images=8)
    make_classifier("a", dataset, {0: 1, 1: 5})
    make_classifier("b", dataset, {0: 1, 2: 7})
    study = built(plan(BARE, "a", "b"))
    found = {
        (question.image.name, question.label.name if question.label else ""): sorted(
            use.study_classifier.classifier.name for use in question.uses.all() if use.study_classifier
        )
        for question in study.questions.all()
    }
    assert found == {
        ("eight/0.png", "bee"): ["a", "b"],
        ("eight/1.png", "fox"): ["a"],
        ("eight/2.png", "hen"): ["b"],
    }
    assert study.stimuli.count() == 3


def test_a_class_of_another_list_is_asked_about_in_the_datasets_words() -> None:
    dataset = make_dataset(images=4)
    other = ClassList.objects.create(name="other", digest="other")
    for index, name in enumerate(["zebra", "Bee", "ant", "cat", "dog"]):
        Category.objects.create(class_list=other, index=index, name=name)
    # Its classes 1 and 0: one that the dataset spells "bee", one that it does not have.
    make_classifier("a", dataset, {2: 1, 3: 0}, class_list=other, ranked=1)
    study = built(plan())
    asked = dict(study.questions.values_list("image__name", "label"))
    bee = categories(dataset)[1]
    assert asked["eight/2.png"] == bee.pk
    assert asked["eight/3.png"] == other.categories.get(name="zebra").pk


def test_the_true_label_is_a_question_of_its_own() -> None:
    dataset = make_dataset(images=8)
    make_classifier("a", dataset, {0: 1, 1: 5})
    study = built(plan(RelevanceQuestions(controls=0.0, ask_true_label=True)))
    assert uses(study, Role.TRUE_LABEL) == [("eight/0.png", "ant"), ("eight/1.png", "bee")]


def test_a_fifth_of_the_questions_are_controls_half_foils_half_labels() -> None:
    dataset = make_dataset(images=60)
    make_classifier("a", dataset, {number: (number + 1) % 10 for number in range(16)})
    study = built(plan(RelevanceQuestions(controls=0.2)))
    roles = Counter(QuestionUse.objects.filter(question__study=study).values_list("role", flat=True))
    assert roles == {"mistake": 16, "control_foil": 2, "control_true": 2}
    right = {image.name: image.category.name for image in images(dataset)[16:]}
    assert all(right[image] == label for image, label in uses(study, Role.CONTROL_TRUE))


def test_a_foil_is_ranked_6_to_20_and_nobodys_mistake_nor_the_truth() -> None:
    dataset = make_dataset(images=20)
    # Rankings of a run 1, 0, 2, 3, ... so ranks 6-10 of image 0 are classes 5..9; b mistakes it for 7.
    make_classifier("a", dataset, {0: 1})
    make_classifier("b", dataset, {0: 7})
    study = built(plan(RelevanceQuestions(controls=0.5, foil_share=1.0), "a", "b"))
    asked = uses(study, Role.CONTROL_FOIL)
    # One image is wrong, so one foil can be asked: 5, 6, 8 or 9 are left.
    assert len(asked) == 1
    assert asked[0][0] == "eight/0.png"
    assert asked[0][1] in {"fox", "gnu", "ibis", "jay"}
    assert study.notes == ["foils: 2 wanted, 1 images are there for them."]


def test_foils_by_rank_by_hand() -> None:
    assert foils_by_rank((4, 3, 2, 1, 0, 9, 8, 7), (6, 7), excluded=frozenset()) == (9, 8)
    assert foils_by_rank((4, 3, 2, 1, 0, 9, 8, 7), (6, 20), excluded=frozenset({8})) == (9, 7)
    assert foils_by_rank((4,), (6, 20), excluded=frozenset()) == ()


def test_siblings_by_hand() -> None:
    groups = {1: "bird", 2: "bird", 3: "fish", 4: "bird"}
    assert siblings(1, groups, excluded=frozenset({4})) == (2,)
    assert siblings(9, groups, excluded=frozenset()) == ()


def test_foils_from_a_hierarchy_are_siblings(tmp_path: Path) -> None:
    dataset = make_dataset(images=12)
    make_classifier("a", dataset, {0: 5, 1: 5, 2: 5, 3: 5}, ranked=1)
    (tmp_path / "groups.csv").write_text("name,group\nant,insect\nbee,insect\nfox,insect\ncat,pet\ndog,pet\n")
    questions = RelevanceQuestions(controls=0.5, foil_share=1.0, foils="siblings", hierarchy="groups.csv")
    study = built(plan(questions), tmp_path)
    # The fox is the mistake itself, so ant and bee have one sibling each.
    assert uses(study, Role.CONTROL_FOIL) == [
        ("eight/0.png", "bee"),
        ("eight/1.png", "ant"),
        ("eight/2.png", "dog"),
        ("eight/3.png", "cat"),
    ]
    ids = {category.name: category.pk for category in categories(dataset)}
    assert [ids["ant"], "insect"] in study.groups


def test_controls_need_rankings_and_say_so() -> None:
    dataset = make_dataset(images=12)
    make_classifier("a", dataset, {number: 9 - number for number in range(4)}, ranked=1)
    with pytest.raises(Refused, match=r"ranks 6-20.*controls = 0"):
        built(plan(RelevanceQuestions(controls=0.5)))
    assert not Study.objects.exists()


def test_a_review_sample_stores_its_draw_and_weighs_by_the_stratum() -> None:
    dataset = make_dataset(images=40)
    # Four mistakes on class 0 (ant), two on class 1 (bee).
    wrong = dict.fromkeys((0, 10, 20, 30, 1, 11), 5)
    make_classifier("a", dataset, wrong)
    study = built(plan(RelevanceQuestions(controls=0.0, review_sample=2, review_stratum="category")))
    draw = study.draws.get(purpose="review_sample:0")
    sizes = {entry["stratum"]: entry["size"] for entry in draw.values}
    ant, bee = (category.pk for category in categories(dataset)[:2])
    assert sizes == {f"category:{ant}": 4, f"category:{bee}": 2}
    rows = QuestionUse.objects.filter(question__study=study, role=Role.MISTAKE)
    weights = sorted(rows.values_list("stratum", "weight"))
    assert weights == sorted([(f"category:{ant}", 2.0)] * 2 + [(f"category:{bee}", 1.0)] * 2)
    drawn = {image for entry in draw.values for image in entry["images"]}
    assert drawn == set(rows.values_list("question__image", flat=True))


def test_symmetric_review_draws_correct_predictions_with_their_weight() -> None:
    dataset = make_dataset(images=20)
    make_classifier("a", dataset, {0: 1, 1: 2})
    study = built(plan(RelevanceQuestions(controls=0.0, symmetric=True, symmetric_sample=6)))
    rows = QuestionUse.objects.filter(question__study=study, role=Role.CORRECT)
    assert rows.count() == 6
    assert set(rows.values_list("weight", flat=True)) == {3.0}
    drawn = study.draws.get(purpose="correct_sample:0").values
    assert sorted(drawn) == sorted(rows.values_list("question__image", flat=True))
    for use in rows.select_related("question__image"):
        assert use.question.label_id == use.question.image.category_id


def test_practice_and_gold_have_known_answers_on_images_of_their_own() -> None:
    dataset = make_dataset(images=40)
    make_classifier("a", dataset, {0: 1, 1: 2})
    rules = ParticipantRules(practice_questions=4, practice_pass=2, max_questions=40)
    study = built(plan(RelevanceQuestions(controls=0.0, gold_share=0.1), participants=rules))
    practice = study.questions.filter(origin=Question.Origin.PRACTICE)
    gold = study.questions.filter(uses__role=Role.GOLD)
    assert (practice.count(), gold.count()) == (4, 4)
    for question in [*practice.select_related("image"), *gold.select_related("image")]:
        right = question.label_id == question.image.category_id
        assert question.expected == ("yes" if right else "no")
    shown = Counter(study.questions.values_list("image", flat=True))
    assert set(shown.values()) == {1}
    assert Counter(practice.values_list("expected", flat=True)) == {"yes": 2, "no": 2}
    assert QuestionSlots.objects.filter(study=study, gold=True).count() == 4


@pytest.mark.parametrize(
    ("row", "part"),
    [("eight/0.png,bee,no", "top-1 mistake"), ("eight/0.png,ant,yes", "label beside a mistake")],
)
def test_gold_that_the_study_asks_itself_is_refused(row: str, part: str, tmp_path: Path) -> None:
    make_classifier("a", make_dataset(images=10), {0: 1})
    questions = RelevanceQuestions(controls=0.0, gold_share=0.1, gold_csv="gold.csv", ask_true_label=True)
    (tmp_path / "gold.csv").write_text(f"image,label,expected\neight/3.png,dog,yes\n{row}\n")
    with pytest.raises(Refused, match=rf"gold_csv: image 'eight/0.png' .* by the study itself \(.*{part}"):
        built(plan(questions), tmp_path)
    assert not Study.objects.exists()


def test_gold_from_a_file_names_the_line_of_an_unknown_image(tmp_path: Path) -> None:
    dataset = make_dataset(images=8)
    make_classifier("a", dataset, {0: 1})
    questions = RelevanceQuestions(controls=0.0, gold_share=0.1, gold_csv="gold.csv")
    (tmp_path / "gold.csv").write_text("image,label,expected\neight/3.png,dog,yes\neight/99.png,dog,no\n")
    with pytest.raises(Refused, match=r"gold.csv, line 3: image 'eight/99.png'"):
        built(plan(questions), tmp_path)
    (tmp_path / "gold.csv").write_text("image,label,expected\neight/3.png,dog,yes\neight/2.png,dog,no\n")
    study = built(plan(questions), tmp_path)
    assert uses(study, Role.GOLD) == [("eight/2.png", "dog"), ("eight/3.png", "dog")]


@pytest.mark.parametrize(("variant", "asked"), [("A", 2), ("B", 1), ("both", 2)])
def test_top5_lists_follow_the_variant(variant: str, asked: int) -> None:
    dataset = make_dataset(images=10)
    # Image 2 (cat) mistaken for 5: list 5, 0, 1, 2, 3 has the cat. Image 8 (ibis): 5, 0, 1, 2, 3 has not.
    make_classifier("a", dataset, {2: 5, 8: 5})
    study = built(plan(Top5Questions(controls=0.0, top5_variant=variant)))  # type: ignore[arg-type]
    ids = [category.pk for category in categories(dataset)]
    lists = list(study.questions.values_list("labels", flat=True))
    assert lists == [[ids[5], ids[0], ids[1], ids[2], ids[3]]] * asked
    assert uses(study, Role.TOP5_LIST)[-1][0] == "eight/8.png"
    assert set(study.questions.values_list("label", flat=True)) == {None}


def test_top5_class_by_class_asks_five_and_shares_the_first_with_top1() -> None:
    dataset = make_dataset(images=10)
    make_classifier("a", dataset, {2: 5})
    study = built(plan(Top5Questions(controls=0.0, top5_question="per_class")))
    assert [label for _, label in uses(study, Role.TOP5_LABEL)] == ["ant", "bee", "cat", "dog", "fox"]
    assert uses(study, Role.MISTAKE) == [("eight/2.png", "fox")]
    assert study.questions.count() == 5


def test_arms_ask_the_same_mistakes_in_their_own_words() -> None:
    dataset = make_dataset(images=8)
    make_classifier("a", dataset, {0: 1, 1: 5})
    arms = (
        ArmPlan(name="one"),
        ArmPlan(name="two", form="two_alternative", wording="Which fits better?"),
    )
    study = built(plan(BARE, arms=arms))
    ids = [category.pk for category in categories(dataset)]
    two = sorted(study.questions.filter(arm__name="two").values_list("content", "labels"))
    assert two == sorted(
        [(f"two:{ids[1]},{ids[0]}", [ids[1], ids[0]]), (f"two:{ids[5]},{ids[1]}", [ids[5], ids[1]])]
    )
    assert study.questions.filter(arm__name="one").count() == 2
    assert study.arms.get(name="two").wording == "Which fits better?"


def test_names_that_read_alike_are_refused_until_told_apart(tmp_path: Path) -> None:
    dataset = make_pixels(tmp_path, classes=("crane", "Crane", "dog"))
    make_classifier("a", dataset, {2: 0, 5: 1})
    protocol = replace(plan(), dataset="pixels")
    with pytest.raises(Refused, match=r'"crane" \(class 0\) and "Crane" \(class 1\).*read alike'):
        create_study(protocol=protocol, text="", owner=None)
    for category, gloss in zip(categories(dataset), ["a bird", "a machine", ""], strict=True):
        category.gloss = gloss
        category.save()
    explained = replace(plan(RelevanceQuestions(controls=0.0, class_help="gloss")), dataset="pixels")
    assert create_study(protocol=explained, text="", owner=None).questions.count() == 2


def test_reading_ignores_case_accents_and_marks_but_not_words() -> None:
    assert read_key("Cafe-au-lait") == read_key("café au lait")
    assert read_key("crane (bird)") != read_key("crane (machine)")
    make_dataset(images=1)
    assert alike_names(Category.objects.all()) == ()


def test_a_classifier_without_all_predictions_is_named_with_the_counts() -> None:
    dataset = make_dataset(images=8)
    classifier = make_classifier("a", dataset, {0: 1})
    run = classifier.prediction_runs.get()
    run.predictions.filter(image__name="eight/7.png").delete()
    with pytest.raises(Refused, match=r"a has predictions for 7 of the 8 images"):
        built(plan())


def test_every_draw_is_stored_under_its_purpose() -> None:
    dataset = make_dataset(images=60)
    make_classifier("a", dataset, {number: (number + 1) % 10 for number in range(16)})
    study = built(plan(RelevanceQuestions(controls=0.2)))
    purposes = set(Draw.objects.filter(study=study).values_list("purpose", flat=True))
    assert {"foils", "control_labels"} <= purposes
    drawn = study.draws.get(purpose="control_labels").values
    rows = QuestionUse.objects.filter(question__study=study, role=Role.CONTROL_TRUE)
    assert sorted(drawn) == sorted(rows.values_list("question__image", flat=True))
    foils = {tuple(pair) for pair in study.draws.get(purpose="foils").values}
    asked = QuestionUse.objects.filter(question__study=study, role=Role.CONTROL_FOIL)
    assert foils == set(asked.values_list("question__image", "question__label"))


def test_examples_of_a_class_are_other_pictures_of_it(tmp_path: Path) -> None:
    dataset = make_pixels(tmp_path)
    # Picture 0 (zero) is taken for a one: the pictures 1, 4, 7, ... show a one.
    make_classifier("a", dataset, {0: 1})
    questions = RelevanceQuestions(controls=0.0, class_help="examples")
    study = create_study(protocol=replace(plan(questions), dataset="pixels"), text="", owner=None)
    keys = study.questions.get().parameters["examples"]
    shown = study.stimuli.filter(key__in=keys).select_related("image__category")
    assert {stimulus.image.category.name for stimulus in shown} == {"one"}
    assert len(keys) == len(shown) == 3
    assert shown_stimuli(study).count() == 4
    drawn = study.draws.get(purpose="examples").values
    assert sorted(drawn[0][1:]) == sorted(stimulus.image_id for stimulus in shown)
