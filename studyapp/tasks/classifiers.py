"""Loading classifiers: once to register them, then as often as predictions, attacks and probes need."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.conf import settings

from studyapp.models import Classifier, Dataset
from studyapp.services.catalogue.class_lists import ClassEntry, ClassTable, read_class_table, table_of
from studyapp.services.catalogue.classifiers import ClassifierFacts, check_indices, register_classifier
from studyapp.services.jobs import JobFailure
from studyapp.services.refusals import Refused
from studyapp.tasks.class_tables import imagenet_table

if TYPE_CHECKING:
    from inference.classifiers import Classifier as LoadedClassifier
    from inference.prepared import Precision, PreparedClassifier
    from inference.preprocessing import Preprocessing

PRECISIONS = ("float32", "bfloat16", "amp")
# So many classifiers can take turns in one worker, as a study's pair or a probe's few do.
MOST_LOADED = 4

_loaded: OrderedDict[tuple[int, str, str], PreparedClassifier] = OrderedDict()


@dataclass(frozen=True, slots=True)
class ClassifierRequest:
    """What the researcher says of a classifier.

    Without architecture and weights its predictions come from elsewhere. `classes`: CSV of its classes;
    `classes_from`: a dataset whose class list it was trained on; without both ImageNet's for 1,000
    outputs. `preprocessing`: JSON file in the form that `add_classifier --json` prints. `trusted`: the
    file may run code when it is loaded.
    """

    name: str
    architecture: str = ""
    weights: Path | None = None
    classes: Path | None = None
    classes_from: str = ""
    preprocessing: Path | None = None
    pretrained: str = "DEFAULT"
    trusted: bool = False
    fixed_batch: int | None = None


def add_classifier(request: ClassifierRequest) -> tuple[Classifier, bool]:
    """Load a classifier once to see that it works, and register it; the classifier and whether it is new.

    Raises Refused for an unknown architecture, weights that are missing, unsafe or made for another
    network, a class list that does not fit, or a name that stands for another classifier.
    """
    table = _class_table(request)
    if not request.architecture:
        return register_classifier(facts=_elsewhere(request, table))
    from inference.architectures import find_architecture
    from inference.classifiers import ClassifierSpec, load_classifier

    try:
        architecture = find_architecture(request.architecture)
        loaded = load_classifier(
            ClassifierSpec(
                name=request.name,
                architecture=request.architecture,
                weights=request.weights.resolve() if request.weights else None,
                classes=len(table.entries) if table else architecture.classes or 1000,
                class_names=tuple(entry.name for entry in table.entries) if table else None,
                preprocessing=_preprocessing(request.preprocessing),
                pretrained=request.pretrained,
                trusted=request.trusted,
                fixed_batch=request.fixed_batch,
            ),
            device=device(),
        )
    except ValueError as problem:
        raise Refused(f"{request.name}: {problem}") from problem
    sources = {
        "torchvision": Classifier.Source.TORCHVISION,
        "efficientnet_lite": Classifier.Source.PACKAGE,
        "squeezenet": Classifier.Source.PACKAGE,
        "antialiased": Classifier.Source.PACKAGE,
        "digits": Classifier.Source.DIGITS,
        "exported": Classifier.Source.EXPORTED,
    }
    fetched = architecture.family == "torchvision" and request.weights is None
    return register_classifier(
        facts=ClassifierFacts(
            name=request.name,
            source=sources[architecture.family],
            table=table or _table_of_outputs(request.name, loaded),
            architecture=request.architecture,
            weights=request.pretrained
            if fetched
            else str(request.weights.resolve())
            if request.weights
            else "",
            weights_sha256=loaded.weights_digest,
            preprocessing=loaded.preprocessing.to_dict(),
            fixed_batch=request.fixed_batch,
        )
    )


def load(classifier: Classifier) -> LoadedClassifier:
    """Load a registered classifier on this process's device, as it was registered.

    Raises JobFailure where it has no network, or its weights are gone or no longer the registered ones.
    """
    from inference.architectures import find_architecture
    from inference.classifiers import ClassifierSpec, load_classifier
    from inference.preprocessing import Preprocessing

    if classifier.source == Classifier.Source.ELSEWHERE:
        raise JobFailure(
            f"Classifier {classifier.name} has no network here: its predictions are made elsewhere.",
            "Bring them in with import_predictions.",
        )
    fetched = find_architecture(classifier.architecture).family == "torchvision" and not _is_path(
        classifier.weights
    )
    try:
        loaded = load_classifier(
            ClassifierSpec(
                name=classifier.name,
                architecture=classifier.architecture,
                weights=Path(classifier.weights) if classifier.weights and not fetched else None,
                classes=classifier.class_list.categories.count(),
                class_names=tuple(
                    classifier.class_list.categories.order_by("index").values_list("name", flat=True)
                ),
                preprocessing=Preprocessing.from_dict(classifier.preprocessing),
                pretrained=classifier.weights if fetched else "DEFAULT",
                # Whoever registered it has vouched for the file; the digest below holds them to it.
                trusted=True,
                fixed_batch=classifier.fixed_batch,
            ),
            device=device(),
        )
    except ValueError as problem:
        raise JobFailure(
            str(problem), "Put the weights back as they were registered, then retry."
        ) from problem
    if loaded.weights_digest != classifier.weights_sha256:
        raise JobFailure(
            f"The weights of {classifier.name} have changed since it was registered: digest "
            f"{loaded.weights_digest[:12]}, not {classifier.weights_sha256[:12]}.",
            "Put the old weights back and retry, or register the new ones under another name.",
        )
    return loaded


def load_prepared(classifier: Classifier, precision: str = "float32") -> PreparedClassifier:
    """Load a classifier ready to predict; kept in this process, because loading takes seconds.

    Raises JobFailure as `load` does, and for a precision that the device or the network has not.
    """
    from inference.prepared import prepare

    key = (classifier.pk, classifier.weights_sha256, precision)
    if key in _loaded:
        _loaded.move_to_end(key)
        return _loaded[key]
    try:
        prepared = prepare(load(classifier), cast("Precision", precision))
    except ValueError as problem:
        raise JobFailure(str(problem), "Choose another precision.") from problem
    _loaded[key] = prepared
    while len(_loaded) > MOST_LOADED:
        _loaded.popitem(last=False)
    return prepared


def device() -> str | None:
    """Where networks run, from the setting SECOND_LOOK_DEVICE; None for the best there is."""
    name: str = settings.DEVICE
    return None if name == "auto" else name


def _class_table(request: ClassifierRequest) -> ClassTable | None:
    """The class list that was given; None where the outputs are to tell."""
    if request.classes is not None:
        table = read_class_table(request.classes)
    elif request.classes_from:
        dataset = Dataset.objects.filter(name=request.classes_from).select_related("class_list").first()
        if dataset is None:
            raise Refused(
                f"There is no dataset {request.classes_from}; import it first, or give --classes CSV."
            )
        table = table_of(dataset.class_list)
    else:
        return None
    check_indices(table)
    return table


def _elsewhere(request: ClassifierRequest, table: ClassTable | None) -> ClassifierFacts:
    if request.weights is not None:
        raise Refused(
            f"{request.weights.name} alone does not say what network it is for; give --architecture (a "
            "torchvision name, torchscript or torch_export)."
        )
    if table is None:
        raise Refused(
            f"Classifier {request.name} has neither an architecture nor classes; give --architecture, or "
            "--classes CSV where its predictions are made elsewhere."
        )
    return ClassifierFacts(name=request.name, source=Classifier.Source.ELSEWHERE, table=table)


def _table_of_outputs(name: str, loaded: LoadedClassifier) -> ClassTable:
    entries = tuple(
        ClassEntry(known.index, known.name, known.wnid, known.synonyms, known.gloss)
        for known in loaded.classes
    )
    table = ClassTable(name=f"{name} classes", entries=entries)
    return imagenet_table() if table.digest == imagenet_table().digest else table


def _preprocessing(path: Path | None) -> Preprocessing | None:
    """The recipe in a JSON file; raises Refused with what is wrong with it."""
    if path is None:
        return None
    from inference.preprocessing import Preprocessing

    try:
        return Preprocessing.from_dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise Refused(f"{path.name} is no preprocessing: {problem}") from problem


def _is_path(weights: str) -> bool:
    return Path(weights).is_absolute()
