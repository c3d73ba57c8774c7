"""`import_responses`: the published fractions from stored rows, repeats, and everything that is refused."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from studyapp.models import ChoiceSet, ChoiceTrial, Observer
from studyapp.services.observers.groups import candidates, chosen, compared

pytestmark = pytest.mark.django_db

HEADER = "subj,session,trial,rt,object_response,category,condition,imagename\n"
LINES = (
    "subject-01,1,1,1.13,bird,bird,0,0001_s5n_s01_0_bird_00_bird3-bird2.png\n"
    "subject-01,1,2,0.87,bird,bird,0,0002_s5n_s01_0_bird_00_bird2-clock3.png\n"
    "subject-01,1,3,NaN,na,cat,0,0003_s5n_s01_0_cat_00_cat2-clock1.png\n"
)


def command(*arguments: object) -> dict[str, Any]:
    out = StringIO()
    call_command("import_responses", *map(str, arguments), "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def written(folder: Path, text: str, name: str = "trials.csv") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def test_people_and_networks_share_a_row_and_are_marked_as_published(tmp_path: Path) -> None:
    people = written(tmp_path, HEADER + LINES)
    network = written(
        tmp_path, HEADER + "alexnet,1,1,NaN,clock,cat,0,0001_s5n_dnn_0_cat_00_cat2-clock1.png\n", "net.csv"
    )
    result = command(people, network, "--collection", "paper")
    assert (result["trials"], result["written"]) == (4, 4)
    rows = {each.name: each for each in Observer.objects.all()}
    assert (rows["subject-01"].kind, rows["alexnet"].kind) == ("person", "network")
    assert {each.get_source_display() for each in rows.values()} == {"published, not re-run"}
    names = ChoiceSet.objects.get().names
    trial = ChoiceTrial.objects.get(observer=rows["subject-01"], trial=2)
    assert (names[trial.shape], names[trial.texture], names[trial.response or 0]) == ("bird", "clock", "bird")
    assert (trial.seconds, trial.stimulus) == (0.87, "bird2-clock3")
    nothing = ChoiceTrial.objects.get(observer=rows["subject-01"], trial=3)
    assert (nothing.response, nothing.seconds) == (None, None)


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + LINES)
    command(path)
    assert command(path)["written"] == 0
    assert (Observer.objects.count(), ChoiceTrial.objects.count()) == (1, 3)


def test_other_trials_under_the_same_name_need_a_collection_of_their_own(tmp_path: Path) -> None:
    command(written(tmp_path / "first", HEADER + LINES))
    other = written(tmp_path / "first", HEADER + LINES.replace("0.87,bird", "0.87,clock"), "other.csv")
    with pytest.raises(CommandError, match="subject-01 of the collection first is there with other trials"):
        command(other)
    assert command(other, "--collection", "second")["written"] == 3


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("0.87,bird,", "0.87,brid,"), "trials.csv, line 3: object_response says 'brid', which is not among"),
        (("bird2-clock3.png", "bird2-clock.png"), "trials.csv, line 3: imagename: .*shape first"),
        (("bird2-clock3.png", "bird2-sofa3.png"), "trials.csv, line 3: imagename says 'sofa'"),
        (("cat,0,0003", "dog,0,0003"), "line 4: category = 'dog', but .* has the shape of cat"),
        (("bird2-clock3", "bird3-bird2"), "line 3: .* answered bird3-bird2 in trials.csv, line 2 already"),
        (("01,1,3,", "01,1,2,"), "line 4: trial 2 of session 1 .* is trials.csv, line 3, too"),
        (("1,2,0.87", "1,two,0.87"), "line 3: trial = 'two' is no whole number"),
        (("0.87", "soon"), "line 3: rt = 'soon' is no time"),
        (("subject-01,1,2", ",1,2"), "line 3: subj = ''"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_nothing_is_written(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    good = written(tmp_path, HEADER + LINES.replace("subject-01", "subject-02"), "good.csv")
    bad = written(tmp_path, HEADER + LINES.replace(*change))
    with pytest.raises(CommandError, match=complaint):
        command(good, bad)
    assert not Observer.objects.exists()
    assert not ChoiceTrial.objects.exists()


def test_a_file_without_a_column_or_a_trial_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no column imagename or image"):
        command(written(tmp_path, HEADER.replace(",imagename", "") + "a,1,1,1,cat,cat,0\n"))
    with pytest.raises(CommandError, match="has no trial"):
        command(written(tmp_path, HEADER))


@pytest.mark.shared_data
def test_the_stored_rows_give_the_published_fractions_to_four_digits(shared_data: Path) -> None:
    folder = shared_data / "cue-conflict" / "responses"
    wanted = {
        "alexnet (pretrained)": 0.4294,
        "googlenet": 0.3119,
        "vgg": 0.1722,
        "resnet50": 0.2207,
        "resnet50-train-60-epochs": 0.8061,
        "10 people (pretrained)": 0.9587,
    }
    files = [
        path
        for path in sorted(folder.glob("*/*.csv"))
        if any(part in path.name for part in ("alexnet_s", "googlenet", "vgg_s", "resnet50", "subject"))
    ]
    assert command(*files)["trials"] == 1280 * len(files)
    everybody = candidates(ChoiceSet.objects.get())
    keys = [each.key for each in everybody if each.label in wanted]
    shown = compared(chosen(everybody, keys), common=False)
    found = {each.candidate.label: each for each in shown}
    assert {
        name: round(each.bias.pooled.shape_fraction.share or 0, 4) for name, each in found.items()
    } == wanted
    people = found["10 people (pretrained)"]
    assert people.bias.left_out == 800
    assert people.people_range is not None
    assert people.people_range[0] < 0.9587 < people.people_range[1]
