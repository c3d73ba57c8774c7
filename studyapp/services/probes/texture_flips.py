"""The choices of a texture probe as predictions, so that a relevance study can ask about those that flip.

A flip of a texture probe is a picture whose chosen category is not that of its shape. The dataset is
labelled with the shapes, so flips are top-1 mistakes of a classifier that knows the categories and nothing
else. It is registered as one whose predictions are made elsewhere, because it has no network of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.text import slugify

from studyapp.models import (
    ChoiceTrial,
    Classifier,
    Image,
    Observer,
    PredictionRun,
    ProbeClassifier,
    ProbeRun,
)
from studyapp.services.catalogue.class_lists import plain, table_of_names
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.catalogue.classifiers import ClassifierFacts, describe_training, register_classifier
from studyapp.services.predictions import runs as predictions
from studyapp.services.predictions.runs import Ranked
from studyapp.services.refusals import Refused

#: Under this name the parameters of a prediction run hold the key of the probe whose choices it is.
PROBE = "texture_probe"
#: Of a classifier's name.
LONGEST = 100
_NAMED = 3


@dataclass(frozen=True, slots=True)
class ChoiceCounts:
    """One network of a finished run: its choices of the pictures in conflict, and what could be asked about.

    `asked`: choices of all pictures that are not the shape, in conflict or not.
    """

    network: str
    shape: int
    texture: int
    neither: int
    asked: int


def choice_counts(run: ProbeRun) -> tuple[ChoiceCounts, ...]:
    """The counts of every network in the run's order; raises Refused for a run that has none yet."""
    refuse_unfit(run)
    found = []
    for watcher in _watchers(run):
        pooled = _probed(watcher).summary["pooled"]
        asked = ChoiceTrial.objects.filter(observer=watcher).exclude(response=F("shape")).count()
        found.append(
            ChoiceCounts(
                _probed(watcher).classifier.name, pooled["shape"], pooled["texture"], pooled["other"], asked
            )
        )
    return tuple(found)


def usual_ending(run: ProbeRun) -> str:
    """What the names of a run's choices end with unless told otherwise, such as 16-categories."""
    aggregation = run.parameters["aggregation"]
    words = f"{len(run.parameters['categories'])}-categories"
    return words if aggregation == "mean" else f"{words}-{aggregation}"


@transaction.atomic
def write_choices_as_predictions(
    *, run: ProbeRun, networks: Collection[str], ending: str = ""
) -> tuple[Classifier, ...]:
    """The choices of these networks of a finished texture run as predictions of the run's dataset.

    Gives a classifier for each, in the run's order, called after network and `ending` (`usual_ending`
    where it is empty) unless it is there already. Repeating it changes nothing. Raises Refused, and
    writes nothing, for another kind of run, one that is not finished or does not cover the dataset,
    labels that are not the shapes, an unknown network, or a name that another classifier has.
    """
    refuse_unfit(run)
    watchers = {_probed(each).classifier.name: each for each in _watchers(run)}
    unknown = sorted(set(networks) - set(watchers))
    if unknown or not networks:
        raise Refused(
            f"The probe has no network {', '.join(unknown)}; it has {', '.join(watchers)}."
            if unknown
            else "No network is chosen; choose at least one."
        )
    # Two that do this at once do it one after the other: both would register the same names.
    list(Classifier.objects.select_for_update().filter(name__in=watchers).order_by("pk").values_list("pk"))
    _refuse_other_labels(run)
    return tuple(
        _predicted(run, watcher, slugify(ending) or usual_ending(run))
        for name, watcher in watchers.items()
        if name in networks
    )


def refuse_unfit(run: ProbeRun) -> None:
    """Raise Refused unless this is a finished texture run with a choice for every image of its dataset."""
    if run.kind != ProbeRun.Kind.TEXTURE:
        raise Refused(f"The {run} is of kind {run.kind}; only a texture probe has choices of categories.")
    if run.finished_at is None:
        raise Refused(f"The {run} is not finished; wait for its job, or repeat the command.")
    seen = ChoiceTrial.objects.filter(observer__probe_classifier__run=run).values("image")
    lacking = run.dataset.images.exclude(pk__in=seen.filter(image__isnull=False)).order_by("pk")
    missing = lacking.count()
    if not missing:
        return
    names = ", ".join(lacking.values_list("name", flat=True)[:_NAMED]) + (", ..." * (missing > _NAMED))
    if run.unreadable:
        raise Refused(
            f"The probe has no choice for {missing:,} images of {run.dataset.name}, which could not be read "
            f"or came later ({names}); a study of mistakes needs one for every image. Mend the files, import "
            "the folder under another name and probe that."
        )
    raise Refused(
        f"{missing:,} images of {run.dataset.name} came after the probe ({names}); repeat probe texture and "
        "ask about the new run."
    )


def choice_runs(run: ProbeRun) -> QuerySet[PredictionRun]:
    """The prediction runs that hold what the networks of a texture run chose, of its pictures.

    Also those that were written from another probe of the same networks and pictures: it is the same.
    """
    identities = [_identity(each) for each in run.probe_classifiers.select_related("classifier")]
    found = PredictionRun.objects.filter(
        dataset=run.dataset_id, finished_at__isnull=False, classifier__source=Classifier.Source.ELSEWHERE
    ).select_related("classifier")
    keys = [
        each.pk
        for each in found
        if PROBE in each.parameters
        and each.parameters["images"] == run.images
        and (each.weights_sha256, each.classifier.preprocessing) in identities
    ]
    return PredictionRun.objects.filter(pk__in=keys)


def _watchers(run: ProbeRun) -> list[Observer]:
    found = Observer.objects.filter(probe_classifier__run=run)
    return list(
        found.select_related("choice_set", "probe_classifier__classifier").order_by(
            "probe_classifier__position"
        )
    )


def _probed(watcher: Observer) -> ProbeClassifier:
    assert watcher.probe_classifier is not None
    return watcher.probe_classifier


def _refuse_other_labels(run: ProbeRun) -> None:
    """Raise Refused for an image whose label in the dataset is not the shape that its name tells."""
    labels = dict(Image.objects.filter(dataset=run.dataset).values_list("pk", "category__name"))
    first = _watchers(run)[0]
    names = first.choice_set.names
    for image, name, shape in first.trials.order_by("trial").values_list("image", "image_name", "shape"):
        if plain(labels[image]) != plain(names[shape]):
            raise Refused(
                f"{name} of {run.dataset.name} is labelled {labels[image]!r} and has the shape of "
                f"{names[shape]!r}; a study of mistakes needs the shapes as labels: probe the folder of "
                "pictures under another name (probe texture FOLDER --name NAME)."
            )


def _identity(each: ProbeClassifier) -> tuple[str, dict[str, object]]:
    """What tells one network's choices from another's: its weights, and how it was made to choose."""
    told = each.run.parameters
    return each.weights_sha256, {
        "network": each.classifier.name,
        "aggregation": told["aggregation"],
        "categories": told["categories"],
    }


def _predicted(run: ProbeRun, watcher: Observer, ending: str) -> Classifier:
    classifier = _registered(watcher, ending)
    rows = watcher.trials.values_list("image", "response")
    # A network always answers, and every picture of the run is there: `refuse_unfit` has seen to it.
    chosen = {image: response for image, response in rows if image is not None and response is not None}
    if not _has(run, classifier, chosen):
        _write(run, classifier, chosen)
    return classifier


def _registered(watcher: Observer, ending: str) -> Classifier:
    """The classifier that stands for the choices, whatever it is called; refused where its name is taken."""
    network, names = _probed(watcher).classifier, watcher.choice_set.names
    weights, told = _identity(_probed(watcher))
    alike = Classifier.objects.filter(source=Classifier.Source.ELSEWHERE, weights_sha256=weights)
    for each in alike.order_by("pk"):
        if each.preprocessing == told:
            return each
    name = f"{network.name}-{ending}"
    if len(name) > LONGEST:
        raise Refused(f"The name {name} is longer than {LONGEST} letters; give a shorter ending.")
    if Classifier.objects.filter(name=name).exists():
        raise Refused(
            f"{name} is the name of another classifier, of other weights, categories or aggregation; give "
            "another ending."
        )
    classifier, _ = register_classifier(
        facts=ClassifierFacts(
            name=name,
            source=Classifier.Source.ELSEWHERE,
            table=table_of_names(f"{len(names)} categories", names),
            architecture=network.architecture,
            weights_sha256=weights,
            preprocessing=told,
        )
    )
    describe_training(classifier=classifier, trained_on=network.trained_on, validated_on=network.validated_on)
    return classifier


def _has(run: ProbeRun, classifier: Classifier, chosen: Mapping[int, int]) -> bool:
    """Whether the predictions that a study would take are these; refused where newer ones differ."""
    there = PredictionRun.objects.filter(
        dataset=run.dataset_id, classifier=classifier, finished_at__isnull=False
    )
    newest = there.order_by("-finished_at", "-pk").first()
    if newest is None:
        return False
    if dict(newest.predictions.values_list("image", "predicted__index")) == chosen:
        return True
    if there.filter(precision=_mark(run)).exists():
        raise Refused(
            f"{classifier.name} has newer predictions of {run.dataset.name} with other choices, of the probe "
            f"{newest.parameters.get(PROBE, 'elsewhere')}; ask about that one."
        )
    return False


def _mark(run: ProbeRun) -> str:
    """Stands where a run of our own names its precision, and tells the probes of one dataset apart."""
    return f"probe {run.key[:12]}"


def _write(run: ProbeRun, classifier: Classifier, chosen: Mapping[int, int]) -> None:
    mapping = map_classes(dataset=run.dataset, classifier=classifier)
    written = predictions.open_run(dataset=run.dataset, classifier=classifier, precision=_mark(run))
    predictions.describe_run(
        run=written,
        device=run.device or "elsewhere",
        versions=run.versions,
        parameters={
            PROBE: run.key,
            "aggregation": run.parameters["aggregation"],
            "images": len(chosen),
        },
    )
    predictions.write_predictions(
        run=written,
        ranked=[Ranked(image, (index,), ()) for image, index in chosen.items()],
        labels={
            pk: mapping.index_of[category]
            for pk, category in run.dataset.images.values_list("pk", "category")
        },
        categories=dict(classifier.class_list.categories.values_list("index", "pk")),
    )
    predictions.finish_run(run=written)
