"""The pages from a shift run to a study of its flips and back; what they refuse, and who may see them."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client

from studyapp.models import Classifier, Dataset, Image, Job, Participant, Question
from studyapp.services.probes.shift_flips import shift_flips
from studyapp.services.probes.shift_maps import MapSet
from studyapp.services.probes.shift_runs import import_shift_run
from studyapp.services.refusals import Refused
from studyapp.tasks.chunks import work_here
from tests.studyapp_tests.pages.rows import text_of
from tests.studyapp_tests.probes.flipping import (
    BLURRED,
    COLUMNS,
    NEVER,
    PLAIN,
    ROWS,
    TARGET,
    drawn,
    facts,
    finished,
    open_run,
    study_of,
)
from tests.studyapp_tests.results.small_study import add_answer

# Jobs are worked at in the test's own process.
pytestmark = pytest.mark.django_db(transaction=True)


def test_from_the_page_to_the_new_study_and_back(alice: Client) -> None:
    run = finished({"plain": PLAIN, "blurred": BLURRED, "never": NEVER})
    page = f"/probes/shift/{run.key}/people/"
    assert page in text_of(alice, f"/probes/shift/{run.key}/")
    text = text_of(alice, page)
    assert "class 7" in text
    assert "nothing to ask" in text
    assert "plain,15,class 3,class 7,7,4" in alice.get(f"{page}?format=csv").getvalue().decode()
    form = {"classifier": ["plain", "blurred"], "sample": "3", "seed": "1"}
    first = alice.post(page, form)
    waiting = first.headers["Location"]
    assert "0 of " in text_of(alice, waiting)
    work_here(Job.objects.get(), progress=False)
    assert "To the new study" in alice.get(waiting, headers={"HX-Request": "true"}).content.decode()
    assert alice.post(page, form).headers["Location"] == waiting
    assert Job.objects.count() == 1
    new = alice.get(waiting).headers["Location"]
    asked = parse_qs(urlsplit(new).query)
    assert asked["protocol"] == ["misclassification.toml"]
    assert asked["classifier"] == ["plain", "blurred"]
    filled = text_of(alice, new)
    for line in (
        "display_resize = 224",
        "display_crop = 224",
        f"dataset = &quot;{asked['dataset'][0]}&quot;",
        "classifiers = [&quot;plain&quot;, &quot;blurred&quot;]",
        f"name = &quot;misclassification-{asked['dataset'][0]}&quot;",
    ):
        assert line in filled
    study = study_of(Dataset.objects.get(name=asked["dataset"][0]), "plain", "blurred")
    waiting_for = text_of(alice, f"/probes/shift/{run.key}/")
    assert '<a href="/studies/flips/">flips</a>' in waiting_for
    assert "no answers yet" in waiting_for
    assert "Flips that people judged" not in waiting_for
    question = Question.objects.filter(study=study, label__index=7).order_by("pk")[0]
    for order in range(4):
        add_answer(question, Participant.objects.create(pseudonym=f"{order:064}"), "yes", order)
    text = text_of(alice, f"/probes/shift/{run.key}/")
    assert "Flips that people judged" in text
    assert "/studies/flips/results/" in text
    file = alice.get(f"/probes/shift/{run.key}/people.csv").content.decode().splitlines()
    assert file[0].startswith("study,arm,classifier,places,flips,flips_to_class,asked")
    assert len(file) == 3
    assert alice.get(f"/probes/shift/{run.key}/people.pdf").status_code == 404


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"classifier": ["nobody"]}, "has no classifier &#x27;nobody&#x27;; it has plain, blurred, never"),
        ({"classifier": []}, "No classifier is chosen"),
        ({"classifier": ["never"]}, "never flips to no class but class 3: leave it out"),
        ({"sample": "many"}, "&#x27;many&#x27; is no number of flips of each classifier"),
        ({"sample": "0"}, "0 flips of each classifier are out of range: give 1 to 1,000"),
        ({"sample": "1001"}, "1,001 flips of each classifier are out of range"),
        ({"seed": "-1"}, "&#x27;-1&#x27; is no number of seed"),
        ({"seed": "2147483648"}, "The seed 2147483648 is out of range"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_nothing_is_written(
    alice: Client, form: dict[str, object], message: str
) -> None:
    run = finished({"plain": PLAIN, "blurred": BLURRED, "never": NEVER})
    answer = alice.post(
        f"/probes/shift/{run.key}/people/", {"classifier": ["plain"], "sample": "4", "seed": "0"} | form
    )
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert not Job.objects.exists()


def test_runs_without_flips_are_refused_in_words(alice: Client) -> None:
    unfinished = open_run()
    imported, _ = import_shift_run(
        facts=facts(),
        target=TARGET,
        target_name="class 3",
        maps={Classifier.objects.get(name="plain"): MapSet({"probability": np.full((ROWS, COLUMNS), 0.5)})},
    )
    never = finished({"never": NEVER})
    only_right = finished({"mended": np.where(PLAIN == 3, 5, 3)})
    for run, asked, message in (
        (unfinished, "plain", "is not finished: its flips are known at its end"),
        (imported, "plain", "were made elsewhere and do not say which class is the top-1"),
        (never, "never", "Nothing flips: every classifier says the same"),
        (only_right, "mended", "Every flip is to class 3, the picture&#x27;s own label"),
    ):
        page = f"/probes/shift/{run.key}/people/"
        form = {"classifier": [asked], "sample": "4", "seed": "0"}
        answer = alice.post(page, form)
        assert (answer.status_code, message in answer.content.decode()) == (422, True)
        assert '<button class="first"' not in text_of(alice, page)
    assert not Job.objects.exists()
    default_storage.delete(never.maps.get().file)
    with pytest.raises(Refused, match="are gone from storage; make them again"):
        shift_flips(never)


def test_strangers_see_nothing(bob: Client) -> None:
    run = finished({"plain": PLAIN})
    dataset = drawn(run, "plain")
    for end in ("people/", f"people/{dataset.name}/", "people.csv"):
        assert bob.get(f"/probes/shift/{run.key}/{end}").status_code == 404
        assert Client().get(f"/probes/shift/{run.key}/{end}").status_code == 302
    assert bob.post(f"/probes/shift/{run.key}/people/", {}).status_code == 404
    assert Image.objects.filter(dataset=dataset).count() == 5
