"""Planning a study of kind `same_content`: changed pictures beside their siblings, one question each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from studyapp.models import Classifier, Dataset, ProbeRun, Question, Stimulus, Study, StudyClassifier
from studyapp.protocol.same_content import SameContentQuestions
from studyapp.protocol.schema import ArmSetup, Protocol
from studyapp.services.criticism.boards import SIBLING
from studyapp.services.planning.asking import QuestionDraft, expected_value
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.plan import ROWS_AT_ONCE, ClassifierRuns, PlanCounts, counts_of, write_drafts
from studyapp.services.planning.study_files import StudyFiles
from studyapp.services.planning.study_predictions import read_predictions
from studyapp.services.probes.colour import settings_of
from studyapp.services.same_content.siblings import ORIGINAL, ORIGINAL_NAME, SiblingDraw
from studyapp.services.same_content.sources import ChangedClassifier, colour_probe_of, draw_changes
from studyapp.services.same_content.trials import (
    Shown,
    Trial,
    first_with_crop,
    plan_practice,
    plan_trials,
    setting_names,
)

ASKED = "changed:"


@dataclass(frozen=True, slots=True)
class SameContentPlan:
    """Everything a `same_content` study asks; see `studyapp.services.planning.plan.StudyPlan`."""

    setup: ArmSetup
    probe: ProbeRun
    sources: tuple[ChangedClassifier, ...]
    trials: tuple[Trial, ...]
    reveal: bool
    drawer: Drawer
    notes: tuple[str, ...]

    @property
    def runs(self) -> tuple[ClassifierRuns, ...]:
        """The classifiers with their predictions of the unchanged images."""
        each = (source.predictions for source in self.sources)
        return tuple(ClassifierRuns(predicted.classifier, predicted.run) for predicted in each)

    @property
    def categories(self) -> frozenset[int]:
        """Names stay hidden unless the protocol reveals them after the answer."""
        if not self.reveal:
            return frozenset()
        every = (said for trial in self.trials for said in trial.said.values())
        named = (said[word] for said in every for word in ("before", "after"))
        return frozenset(category for category in named if isinstance(category, int))

    def counts(self) -> PlanCounts:
        """One question per trial; a sibling that is asked about, too, is a picture of its own."""
        return counts_of(self._drafts(), stimuli=len(self._pictures()))

    def write(self, *, study: Study, positions: Sequence[StudyClassifier]) -> None:
        """Write stimuli (their pictures come later), questions with their uses, and the draws."""
        rows = {
            (shown.image, variant): self._stimulus(study, shown, variant)
            for shown, variant in self._pictures()
        }
        Stimulus.objects.bulk_create(rows.values(), batch_size=ROWS_AT_ONCE)
        stored = Stimulus.objects.filter(study=study).values_list("image_id", "variant", "pk")
        drafts = self._drafts()
        trials = {
            (draft.image, draft.content): trial for draft, trial in zip(drafts, self.trials, strict=True)
        }
        write_drafts(
            study=study,
            arm=study.arms.get(name=self.setup.name),
            drafts=drafts,
            stimuli={(image, variant): pk for image, variant, pk in stored},
            positions=positions,
            parameters=partial(self._parameters, trials, {place: row.key for place, row in rows.items()}),
        )
        self.drawer.store(study)

    def _pictures(self) -> list[tuple[Shown, str]]:
        """Every picture once, with what tells it apart from the others of its image."""
        asked = ((trial.asked, ASKED) for trial in self.trials)
        beside = ((each, SIBLING) for trial in self.trials for each in trial.siblings)
        every = dict.fromkeys((*asked, *beside))
        return [(shown, self._variant(shown, part)) for shown, part in every]

    def _variant(self, shown: Shown, part: str) -> str:
        return f"{part}{shown.position}:{self._setting(shown)}"

    def _setting(self, shown: Shown) -> str:
        if shown.place == ORIGINAL:
            return ORIGINAL_NAME
        return self.sources[0].flips.settings[shown.place].name

    def _stimulus(self, study: Study, shown: Shown, variant: str) -> Stimulus:
        told: dict[str, object] = {"classifier": self.sources[shown.position].predictions.classifier.name}
        if shown.place == ORIGINAL:
            told |= {"shows": "whole", "version": "clean"}
        else:
            setting = self.sources[0].flips.settings[shown.place]
            told |= {
                "shows": "changed",
                "probe": self.probe.key,
                "setting": setting.name,
                "column": setting.column,
            }
        return Stimulus(study=study, image_id=shown.image, variant=variant, parameters=told)

    def _drafts(self) -> list[QuestionDraft]:
        return [
            QuestionDraft(
                trial.asked.image,
                f"same:{trial.asked.position}:{self._setting(trial.asked)}",
                Question.Origin.PRACTICE if trial.expected else Question.Origin.STUDY,
                None,
                (),
                expected=expected_value(trial.expected, self.setup) if trial.expected else "",
                uses=trial.uses,
                variant=self._variant(trial.asked, ASKED),
            )
            for trial in self.trials
        ]

    def _parameters(
        self,
        trials: Mapping[tuple[int, str], Trial],
        keys: Mapping[tuple[int, str], str],
        draft: QuestionDraft,
    ) -> dict[str, object]:
        trial = trials[draft.image, draft.content]
        names = setting_names(trial, self.sources)
        told: dict[str, object] = {"feedback": trial.feedback} if trial.expected else {}
        return told | {
            "setting": self._setting(trial.asked),
            "siblings": [
                {"key": keys[each.image, self._variant(each, SIBLING)], "setting": name}
                for each, name in zip(trial.siblings, names, strict=True)
            ],
            "said": dict(trial.said),
        }


def plan_same_content(
    protocol: Protocol, dataset: Dataset, classifiers: Sequence[Classifier], files: StudyFiles
) -> SameContentPlan:
    """The planner of the kind `same_content`.

    Raises Refused for a probe that is missing, of another kind, under way or without a classifier, for an
    unknown setting, for more siblings than there are settings, and where nothing flips.
    """
    asked = protocol.questions
    assert isinstance(asked, SameContentQuestions)
    run = colour_probe_of(dataset, [each.name for each in classifiers], asked)
    predictions = read_predictions(dataset=dataset, classifiers=classifiers)
    drawer, notes = Drawer(), list[str]()
    sources = draw_changes(run=run, predictions=predictions, asked=asked, drawer=drawer, notes=notes)
    seed, rng = drawer.generator()
    draw = SiblingDraw(run, settings_of(run), asked, rng)
    trials = plan_trials(sources=sources, crops=first_with_crop(classifiers), draw=draw)
    practice = plan_practice(
        protocol=protocol,
        predictions=predictions,
        sources=sources,
        asked=[trial.asked.image for trial in trials],
        draw=draw,
        drawer=drawer,
        notes=notes,
    )
    beside = [
        [trial.asked.image, trial.asked.place, *setting_names(trial, sources)]
        for trial in (*practice, *trials)
    ]
    drawer.record("siblings", seed, beside)
    # In an order that tells nothing of settings or predictions.
    order_seed, order = drawer.generator()
    mixed = [trials[int(number)] for number in order.permutation(len(trials))]
    drawer.record("question_order", order_seed, [[each.asked.image, each.asked.place] for each in mixed])
    return SameContentPlan(
        setup=protocol.arm_setups()[0],
        probe=run,
        sources=sources,
        trials=(*practice, *mixed),
        reveal=asked.reveal,
        drawer=drawer,
        notes=tuple(notes),
    )
