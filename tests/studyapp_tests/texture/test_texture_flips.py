"""A texture run's choices as predictions: what is written, that it is written once, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from studyapp.models import Classifier, Image, Prediction, PredictionRun, ProbeRun
from studyapp.protocol.reading import read_protocol_text
from studyapp.protocol.schema import Protocol
from studyapp.services.probes.texture_flips import (
    PROBE,
    ChoiceCounts,
    choice_counts,
    choice_runs,
    write_choices_as_predictions,
)
from studyapp.services.refusals import Refused
from studyapp.services.studies.life import create_study
from studyapp.views.ready_protocols import ready_text, targeted
from tests.studyapp_tests.factories import make_dataset
from tests.studyapp_tests.probes.finished import make_colours, make_probe
from tests.studyapp_tests.test_job_starts import at_once
from tests.studyapp_tests.texture.probed import CATEGORIES, SAID, label_with_shapes, make_run, make_shapes
from tests.studyapp_tests.texture.small import make_cues

pytestmark = pytest.mark.django_db

BOTH = ("alpha-4-categories", "beta-4-categories")


def written(run: ProbeRun, *networks: str, ending: str = "") -> tuple[str, ...]:
    found = write_choices_as_predictions(run=run, networks=networks or ("alpha", "beta"), ending=ending)
    return tuple(each.name for each in found)


def nothing_written() -> bool:
    return not PredictionRun.objects.exists() and not Classifier.objects.filter(source="elsewhere").exists()


def test_choices_become_predictions_of_a_classifier_that_knows_the_categories_alone() -> None:
    run = make_run(make_shapes())
    assert choice_counts(run) == (ChoiceCounts("alpha", 8, 2, 2, 5), ChoiceCounts("beta", 10, 1, 1, 2))
    assert written(run) == BOTH
    alpha = Classifier.objects.get(name=BOTH[0])
    assert alpha.source == Classifier.Source.ELSEWHERE
    assert [each.name for each in alpha.class_list.categories.order_by("index")] == sorted(CATEGORIES)
    assert (alpha.trained_on, alpha.architecture) == ("what alpha saw", "toy")
    made = PredictionRun.objects.get(classifier=alpha)
    assert made.finished_at is not None
    assert (made.parameters[PROBE], made.parameters["aggregation"]) == (run.key, "mean")
    assert made.predictions.count() == 16
    wrong = {
        name.rpartition("/")[2].removesuffix(".png"): said
        for name, said in made.predictions.filter(top1_correct=False).values_list(
            "image__name", "predicted__name"
        )
    }
    assert wrong == SAID["alpha"]
    assert {len(ranking) for ranking in made.predictions.values_list("ranking", flat=True)} == {1}


def test_doing_it_again_or_for_another_run_of_the_same_networks_writes_nothing_new() -> None:
    dataset = make_shapes()
    run = make_run(dataset)
    written(run, "alpha")
    before = list(Prediction.objects.order_by("pk").values_list("pk", "run", "image", "predicted"))
    assert written(run, "alpha") == BOTH[:1]
    assert written(run, "alpha", ending="other") == BOTH[:1], "it is there already, whatever it is called"
    other = make_run(dataset, ("alpha",))
    assert other != run
    assert written(other, "alpha") == BOTH[:1]
    assert list(Prediction.objects.order_by("pk").values_list("pk", "run", "image", "predicted")) == before
    assert set(choice_runs(run)) == set(choice_runs(other)) == set(PredictionRun.objects.all())
    assert set(written(run)) == set(BOTH)
    assert PredictionRun.objects.count() == 2


def test_another_aggregation_or_other_categories_are_another_classifier() -> None:
    dataset = make_shapes()
    written(make_run(dataset), "alpha")
    most = make_run(dataset, ("alpha",), aggregation="max")
    assert written(most, "alpha") == ("alpha-4-categories-max",)
    moved = make_run(dataset, ("alpha",), categories={**CATEGORIES, "clock": [9]})
    with pytest.raises(
        Refused, match=r"alpha-4-categories is the name of another classifier.*another ending"
    ):
        written(moved, "alpha")
    assert written(moved, "alpha", ending="Clock 9") == ("alpha-clock-9",)
    assert set(choice_runs(moved).values_list("classifier__name", flat=True)) == {"alpha-clock-9"}


def test_a_name_that_another_classifier_has_is_refused_and_nothing_is_written() -> None:
    dataset = make_shapes()
    run = make_run(dataset)
    Classifier.objects.create(name=BOTH[1], source="exported", class_list=dataset.class_list)
    with pytest.raises(Refused, match="beta-4-categories is the name of another classifier"):
        written(run)
    assert nothing_written()
    with pytest.raises(Refused, match="longer than 100 letters"):
        written(run, ending="e" * 99)
    assert nothing_written()


def test_pictures_that_came_later_are_asked_about_in_a_run_of_their_own() -> None:
    dataset = make_shapes()
    run = make_run(dataset)
    written(run)
    first = dataset.images.order_by("pk")[0]
    Image.objects.create(dataset=dataset, name="bear/bear2-clock2.png", category=first.category)
    with pytest.raises(Refused, match=r"1 images of cues came after the probe \(bear/bear2-clock2.png\)"):
        written(run)
    later = make_run(dataset)
    assert written(later) == BOTH
    assert [each.predictions.count() for each in PredictionRun.objects.order_by("pk")] == [16, 16, 17, 17]
    assert set(choice_runs(later)).isdisjoint(choice_runs(run))


def test_newer_choices_of_the_same_pictures_are_not_passed_over() -> None:
    dataset = make_shapes()
    run = make_run(dataset, ("alpha",))
    written(run, "alpha")
    other = make_run(dataset, ("alpha", "beta"), said={**SAID, "alpha": {}})
    assert written(other, "alpha") == BOTH[:1]
    assert PredictionRun.objects.count() == 2
    with pytest.raises(Refused, match=f"newer predictions of cues with other choices.* {other.key}"):
        written(run, "alpha")


@pytest.mark.parametrize(
    ("networks", "complaint"),
    [(("alpha", "gamma"), "no network gamma; it has alpha, beta"), ((), "No network is chosen")],
)
def test_networks_that_are_not_there_are_refused(networks: tuple[str, ...], complaint: str) -> None:
    run = make_run(make_shapes())
    with pytest.raises(Refused, match=complaint):
        write_choices_as_predictions(run=run, networks=networks)
    assert nothing_written()


def test_runs_that_can_not_be_asked_about_are_refused() -> None:
    dataset = make_cues()
    run = make_run(dataset, ("alpha",))
    with pytest.raises(Refused, match=r"is labelled 'car' and has the shape of 'bear'.*probe texture FOLDER"):
        written(run, "alpha")
    label_with_shapes(dataset)
    ProbeRun.objects.filter(pk=run.pk).update(finished_at=None)
    with pytest.raises(Refused, match="is not finished"):
        written(ProbeRun.objects.get(pk=run.pk), "alpha")
    ProbeRun.objects.filter(pk=run.pk).update(finished_at=run.finished_at, unreadable=1)
    trial = run.probe_classifiers.get().observer.trials.order_by("trial")[3]
    trial.delete()
    with pytest.raises(Refused, match=r"no choice for 1 images of cues.*\(bear/bear1-clock1.png\).*Mend"):
        written(ProbeRun.objects.get(pk=run.pk), "alpha")
    assert nothing_written()


def test_a_probe_of_another_kind_has_no_choices(tmp_path: Path) -> None:
    run = make_probe(make_colours(tmp_path), names=("alpha",))
    with pytest.raises(Refused, match="of kind colour; only a texture probe has choices"):
        write_choices_as_predictions(run=run, networks=["alpha"])


def protocol_of(file: str, *, questions: str = "") -> Protocol:
    """A ready-made protocol for both networks, with other lines among its [questions]."""
    text = targeted(ready_text(file), dataset="cues", classifiers=BOTH, name="asked")
    for line in questions.splitlines():
        key = line.split(" = ")[0]
        text = "\n".join(line if row.startswith(f"{key} = ") else row for row in text.splitlines())
    return read_protocol_text(text)


def test_the_ready_made_protocol_asks_about_everything_that_is_not_the_shape() -> None:
    written(make_run(make_shapes()))
    study = create_study(protocol=protocol_of("misclassification.toml"), text="", owner=None)
    # Alpha's five and beta's two; both say that bear1-car1 is a car.
    assert study.questions.count() == 6
    assert study.notes == []


def test_without_a_second_class_foils_by_rank_are_refused_or_any_other_class() -> None:
    written(make_run(make_shapes()))
    with pytest.raises(Refused, match=r"No image has 1 foil\(s\) at ranks 6-20.*or controls = 0"):
        create_study(protocol=protocol_of("misclassification-calibrated.toml"), text="", owner=None)
    allowed = protocol_of("misclassification-calibrated.toml", questions="controls = 0.0")
    study = create_study(protocol=allowed, text="", owner=None)
    note = (
        "practice: no foil as the protocol has them (foils = 'ranks') is known for 4 of 4 images; any other"
    )
    assert any(each.startswith(note) for each in study.notes), study.notes


@pytest.mark.django_db(transaction=True)
def test_two_that_do_it_at_once_write_it_once() -> None:
    for number in range(4):
        dataset = make_shapes() if not number else make_dataset(f"more-{number}", images=1, classes=("bear",))
        if number:
            dataset.images.update(name="bear/bear1-car1.png")
        run = make_run(dataset, ("alpha",), said={"alpha": {"bear1-car1": "car"}})
        found = at_once(lambda run=run: written(run, "alpha"))  # type: ignore[misc]
        assert found == [BOTH[:1], BOTH[:1]]
        assert PredictionRun.objects.filter(dataset=dataset).count() == 1
    assert Classifier.objects.filter(source="elsewhere").count() == 1
