"""What one gallery shows: a study's adversarial images, an attack's, or a run that explains clean images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from studyapp.models import (
    AdversarialImage,
    AttackRun,
    Category,
    Classifier,
    Explanation,
    ExplanationRun,
    Mode,
    QuestionUse,
    Sitting,
    Stimulus,
    Study,
    StudyClassifier,
)
from studyapp.models.explanations import Version

# Modes whose votes are looked at beside real ones; a preview is never counted.
VISITED = (Mode.REHEARSAL, Mode.PILOT)


@dataclass(frozen=True, slots=True)
class Choice:
    """One method whose explanations are shown beside the pictures: the newest run of it for each attack.

    `shown` are runs over the adversarial pictures (or the clean ones, where the gallery has no others),
    `clean` the runs that explain the clean pictures by the same method.
    """

    key: str
    label: str
    shown: tuple[int, ...]
    clean: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """A gallery's subject, and every run of explanations that belongs to its images.

    `modes` are those that people visited the study in, beside real ones.
    """

    kind: str
    study: Study | None
    attack_runs: tuple[AttackRun, ...]
    clean_run: ExplanationRun | None
    runs: tuple[ExplanationRun, ...]
    choices: tuple[Choice, ...]
    modes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the gallery is called in addresses, job parameters and file names."""
        if self.study is not None:
            return f"study/{self.study.name}"
        if self.clean_run is not None:
            return f"explanations/{self.clean_run.pk}"
        return f"attack/{self.attack_runs[0].pk}"

    @property
    def title(self) -> str:
        """What it is a gallery of, in words: the study's title, or what was attacked or explained."""
        if self.study is not None:
            return self.study.title
        return str(self.clean_run if self.clean_run is not None else self.attack_runs[0])

    @property
    def of_explanations(self) -> bool:
        """Whether its rows are explanations of clean images instead of adversarial images."""
        return self.clean_run is not None

    @property
    def classifiers(self) -> tuple[Classifier, ...]:
        """The classifiers whose images are shown, by name."""
        runs: Iterable[AttackRun | ExplanationRun] = (
            (self.clean_run,) if self.clean_run is not None else self.attack_runs
        )
        return tuple(sorted({run.classifier for run in runs}, key=lambda each: each.name))

    def choice(self, key: str) -> Choice | None:
        """The method of that key, the first where there is none such; None without any explanation."""
        return next((each for each in self.choices if each.key == key), next(iter(self.choices), None))

    def images(self) -> QuerySet[Any]:
        """Its rows, unfiltered: AdversarialImage, or Explanation where it is of explanations."""
        if self.clean_run is not None:
            return Explanation.objects.filter(run=self.clean_run, outcome=Explanation.Outcome.DONE)
        attacked = AdversarialImage.objects.filter(
            run__in=[run.pk for run in self.attack_runs], outcome=AdversarialImage.Outcome.ATTACKED
        )
        if self.study is None:
            return attacked
        asked = QuestionUse.objects.filter(adversarial=OuterRef("pk"), question__study=self.study)
        return attacked.filter(Exists(asked))

    def categories(self) -> list[Category]:
        """The dataset's labels among its images, by name."""
        drawn = {pk for run in self.attack_runs for pk in run.categories}
        labels: Any
        if self.clean_run is not None:
            labels = Explanation.objects.filter(run=self.clean_run).values("image__category")
        elif drawn and all(run.categories for run in self.attack_runs):
            return list(Category.objects.filter(pk__in=drawn).order_by("name"))
        else:
            labels = AdversarialImage.objects.filter(run__in=self.attack_runs).values("image__category")
        return list(Category.objects.filter(pk__in=labels.order_by()).order_by("name"))


def classifiers_of(**study: Any) -> list[StudyClassifier]:
    """The classifiers of the study with these values (`study__name` …), with their attack runs, in order.

    Each carries `rehearsal` and `pilot`: whether anybody visited the study in that mode.
    """
    visited = Sitting.objects.filter(study=OuterRef("study"))
    modes = {mode.value: Exists(visited.filter(mode=mode)) for mode in VISITED}
    found = StudyClassifier.objects.filter(**study).annotate(**modes).order_by("position")
    return list(found.select_related("study__dataset", "attack_run__classifier", "attack_run__dataset"))


def study_scope(study: Study, classifiers: Sequence[StudyClassifier] | None = None) -> Scope:
    """The gallery of a study of attacked images; give `classifiers_of` it where they are at hand."""
    if classifiers is None:
        classifiers = classifiers_of(study=study)
    attacks = tuple(each.attack_run for each in classifiers if each.attack_run is not None)
    shown = Stimulus.objects.filter(study=study, explanation__run=OuterRef("pk"))
    runs: list[Any] = _runs(ExplanationRun.objects.annotate(shown=Exists(shown)), attacks)
    # What people are shown comes first, so that it is what is chosen.
    scope = _attack_scope("study", study, attacks, sorted(sorted(runs, key=_of_another_class), key=_unseen))
    modes = (mode.value for mode in VISITED if any(getattr(each, mode.value) for each in classifiers))
    return replace(scope, modes=tuple(modes))


def attack_scope(run: AttackRun) -> Scope:
    """The gallery of an attack, in a study or not."""
    runs = sorted(_runs(ExplanationRun.objects.all(), (run,)), key=_of_another_class)
    return _attack_scope("attack", None, (run,), runs)


def explanations_scope(run: ExplanationRun) -> Scope:
    """The gallery of a run that explains clean images."""
    choice = Choice(key=_key(run), label=_label(run), shown=(run.pk,), clean=())
    others = ExplanationRun.objects.filter(
        dataset=run.dataset_id, classifier=run.classifier_id, version=Version.CLEAN
    ).order_by("method", "pk")
    return Scope("explanations", None, (), run, tuple(others), (choice,))


def _runs(runs: QuerySet[Any], attacks: tuple[AttackRun, ...]) -> list[ExplanationRun]:
    """Runs over these attacks' pictures, and over clean ones by the same classifiers; newest first."""
    pairs = {(attack.dataset_id, attack.classifier_id) for attack in attacks}
    found = runs.filter(classifier__in={pair[1] for pair in pairs}).order_by("-pk")
    keys = {attack.pk for attack in attacks}
    return [
        run
        for run in found
        if run.attack_run_id in keys
        or (run.version == Version.CLEAN and (run.dataset_id, run.classifier_id) in pairs)
    ]


def _attack_scope(
    kind: str, study: Study | None, attacks: tuple[AttackRun, ...], runs: Iterable[ExplanationRun]
) -> Scope:
    runs = tuple(runs)
    shown: dict[str, dict[int, ExplanationRun]] = {}
    for run in runs:
        if run.version == Version.ADVERSARIAL and run.attack_run_id is not None:
            shown.setdefault(_key(run), {}).setdefault(run.attack_run_id, run)
    choices = []
    for key, by_attack in shown.items():
        newest = next(iter(by_attack.values()))
        clean: dict[int, ExplanationRun] = {}
        for run in sorted(runs, key=_of_another_class):
            if run.version == Version.CLEAN and run.method == newest.method:
                clean.setdefault(run.classifier_id, run)
        choices.append(
            Choice(
                key=key,
                label=_label(newest),
                shown=tuple(run.pk for run in by_attack.values()),
                clean=tuple(run.pk for run in clean.values()),
            )
        )
    return Scope(kind, study, attacks, None, runs, tuple(choices))


def _unseen(run: Any) -> bool:
    """Whether nobody is shown a run's explanations in the study it was read for."""
    return not run.shown


def _of_another_class(run: ExplanationRun) -> bool:
    """Whether a run explains another class than the predicted one, which is what a gallery opens with."""
    return run.explained != ExplanationRun.Explained.PREDICTED


def _key(run: ExplanationRun) -> str:
    return f"{run.method}-{run.explained}"


def _label(run: ExplanationRun) -> str:
    return f"{run.method.replace('_', ' ')}, {run.explained} class"
