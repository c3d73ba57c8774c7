"""A finished texture run with written-in choices, so that every number of its pages is known by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studyapp.models import Classifier, Dataset, Image, ProbeRun
from studyapp.services.observers import writing as observers
from studyapp.services.observers.writing import TrialRow
from studyapp.services.planning.cue_pictures import cue_picture
from studyapp.services.probes import runs as probes
from studyapp.services.probes.texture import finish_texture, write_choices
from tests.studyapp_tests.factories import make_dataset
from tests.studyapp_tests.texture.small import NAMES, make_cues

# What each network says where it is not the shape. Of twelve pictures in conflict alpha decides two for the
# texture and two for neither, beta one of each; alpha is wrong on one without a conflict, too.
SAID: Mapping[str, Mapping[str, str]] = {
    "alpha": {
        "bear1-car1": "car",
        "bear1-cat1": "cat",
        "car1-bear1": "cat",
        "car1-cat1": "clock",
        "clock1-clock1": "car",
    },
    "beta": {"bear1-car1": "car", "cat1-bear1": "clock"},
}
CATEGORIES = {name: [place] for place, name in enumerate(NAMES)}


def make_shapes() -> Dataset:
    """The cues of `make_cues` labelled with their shapes, as `probe texture FOLDER` labels them."""
    dataset = make_cues()
    label_with_shapes(dataset)
    return dataset


def label_with_shapes(dataset: Dataset) -> None:
    categories = {each.name: each for each in dataset.class_list.categories.all()}
    rows = list(dataset.images.order_by("pk"))
    for image in rows:
        image.category = categories[cue_picture(dataset, image.pk, image.name).shape]
    Image.objects.bulk_update(rows, ["category"])


def make_network(name: str) -> Classifier:
    """A network of a thousand classes, of which nothing is loaded."""
    found = Classifier.objects.filter(name=name).first()
    if found is not None:
        return found
    classes = make_dataset(f"classes-of-{name}", images=0, classes=tuple(f"c{i}" for i in range(4)))
    return Classifier.objects.create(
        name=name,
        source=Classifier.Source.EXPORTED,
        architecture="toy",
        class_list=classes.class_list,
        weights_sha256=name.ljust(64, "0"),
        trained_on=f"what {name} saw",
    )


def make_run(
    dataset: Dataset,
    names: Sequence[str] = ("alpha", "beta"),
    *,
    said: Mapping[str, Mapping[str, str]] = SAID,
    aggregation: str = "mean",
    categories: Mapping[str, Sequence[int]] = CATEGORIES,
    finish: bool = True,
) -> ProbeRun:
    """A run of these networks over every picture of `dataset`."""
    run = probes.open_probe(
        kind=ProbeRun.Kind.TEXTURE,
        dataset=dataset,
        classifiers=[make_network(name) for name in names],
        parameters={"categories": {k: list(v) for k, v in categories.items()}, "aggregation": aggregation},
    )
    watchers = observers.ensure_measured(run=run, choices=observers.choice_set(categories))
    order = sorted(categories)
    for watcher in watchers:
        rows = []
        for number, (pk, name) in enumerate(dataset.images.order_by("pk").values_list("pk", "name"), start=1):
            cue = cue_picture(dataset, pk, name)
            chosen = said[watcher.name].get(cue.stimulus, cue.shape)
            rows.append(
                TrialRow(
                    session=1,
                    trial=number,
                    seconds=None,
                    response=order.index(chosen),
                    shape=order.index(cue.shape),
                    texture=order.index(cue.texture),
                    condition="",
                    stimulus=cue.stimulus,
                    image_name=name,
                    image=pk,
                )
            )
        write_choices(observer=watcher, rows=rows)
    if finish:
        finish_texture(run=run)
        run.refresh_from_db()
    return run
