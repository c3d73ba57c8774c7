"""Questions whose answer is thought to be known: controls, foils, gold, practice, correct predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studyapp.models import QuestionUse
from studyapp.protocol.questions import MistakeQuestions, RelevanceQuestions, Top5Questions
from studyapp.protocol.schema import Protocol
from studyapp.services.planning.asking import Asked, Use
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.foils import Foils
from studyapp.services.planning.study_predictions import StudyPredictions
from studyapp.services.refusals import Refused

# Without a limit per participant, gold questions are drawn for this many sittings of one person.
_SITTINGS_OF_GOLD = 5
_LIST = 5


@dataclass(slots=True)
class ControlPlanner:
    """Plans the questions around the mistakes; images it hands out are not handed out again.

    `fresh` are the images that every classifier gets right and nothing asks about yet, in drawn order.
    """

    protocol: Protocol
    questions: MistakeQuestions
    predictions: StudyPredictions
    foils: Foils
    drawer: Drawer
    fresh: list[int]
    notes: list[str]

    def correct_sample(self) -> tuple[Asked, ...]:
        """With `symmetric`, a draw of each classifier's correct predictions; weights as for mistakes."""
        questions = self.questions
        if not (isinstance(questions, RelevanceQuestions) and questions.symmetric):
            return ()
        found: list[Asked] = []
        for position, run in enumerate(self.predictions.runs):
            images = sorted(run.correct)
            drawn = self.drawer.sample(
                images, questions.symmetric_sample, purpose=f"correct_sample:{position}"
            )
            others = self._beside(drawn, "correct predictions") if self._two_alternative() else {}
            for image in drawn:
                use = Use(
                    QuestionUse.Role.CORRECT,
                    position,
                    run.correct[image],
                    stratum="correct",
                    weight=len(images) / len(drawn),
                )
                true = self.predictions.true[image]
                found.append(Asked(image, use, label=true, other=others.get(image)))
        self._take({each.image for each in found})
        return tuple(found)

    def controls(self, *, asked: Sequence[Asked]) -> tuple[Asked, ...]:
        """Controls for a study that asks `asked`: foils for its mistakes' images, labels of right ones.

        `controls` is their share of all questions. A foil is asked of an image that is asked about
        anyway, so that it is as hard a picture as the mistakes are.
        """
        questions = self.questions
        share = questions.controls
        pooled = {(each.image, each.label, each.listed) for each in asked}
        wanted = round(len(pooled) * share / (1 - share))
        foil_count = round(wanted * questions.foil_share)
        if not wanted:
            return ()
        return (*self._foil_controls(asked, foil_count), *self._label_controls(wanted - foil_count))

    def gold(self) -> tuple[Asked, ...]:
        """Gold questions where no CSV gives them: half expected positive, half negative (foils)."""
        questions, rules = self.questions, self.protocol.participants
        if questions.gold_share == 0 or questions.gold_csv is not None:
            return ()
        most = rules.max_questions or _SITTINGS_OF_GOLD * rules.questions_per_sitting
        return self._known(math.ceil(questions.gold_share * most), QuestionUse.Role.GOLD, "gold")

    def practice(self) -> tuple[Asked, ...]:
        """Practice questions where no CSV gives them, drawn as gold is."""
        rules = self.protocol.participants
        if rules.practice_questions == 0 or rules.practice_csv is not None:
            return ()
        found = self._known(rules.practice_questions, QuestionUse.Role.PRACTICE, "practice")
        if len(found) < rules.practice_pass:
            raise Refused(
                f"{len(found)} images are left for practice and practice_pass is {rules.practice_pass}; "
                "ask fewer practice questions, name a practice_csv, or use a larger dataset."
            )
        return found

    def _foil_controls(self, asked: Sequence[Asked], wanted: int) -> list[Asked]:
        listed = self._listed()
        mistakes = [
            each
            for each in asked
            if each.use.prediction is not None and each.use.role != QuestionUse.Role.CORRECT
        ]
        images = sorted({each.image for each in mistakes})
        size = _LIST if listed else 1
        seed, rng = self.drawer.generator()
        candidates = self.foils.of_images(images)
        able = [image for image in images if len(candidates[image]) >= size]
        if wanted and not able:
            raise Refused(self.foils.why_none(size))
        self._note(wanted, len(able), "foils")
        found: list[Asked] = []
        for place in rng.permutation(len(able))[:wanted]:
            image = able[int(place)]
            chosen = rng.permutation(len(candidates[image]))[:size]
            labels = tuple(candidates[image][int(each)] for each in sorted(chosen))
            found.append(self._control(image, QuestionUse.Role.CONTROL_FOIL, labels, listed))
        self.drawer.record("foils", seed, [[each.image, *each.categories(beside=False)] for each in found])
        return found

    def _control(self, image: int, role: QuestionUse.Role, labels: tuple[int, ...], listed: bool) -> Asked:
        if listed:
            return Asked(image, Use(role), listed=labels)
        return Asked(image, Use(role), label=labels[0], other=self.predictions.true[image])

    def _label_controls(self, wanted: int) -> list[Asked]:
        images = self._fresh_images(wanted, "control_labels")
        if self._listed():
            found = self.foils.lists(images, _LIST)
            return [
                Asked(image, Use(QuestionUse.Role.CONTROL_TRUE), listed=found[image])
                for image in images
                if image in found
            ]
        others = self._beside(images, "control labels") if self._two_alternative() else {}
        return [
            Asked(
                image,
                Use(QuestionUse.Role.CONTROL_TRUE),
                label=self.predictions.true[image],
                other=others.get(image),
            )
            for image in images
        ]

    def _known(self, count: int, role: QuestionUse.Role, purpose: str) -> tuple[Asked, ...]:
        """`count` questions with a known answer on fresh images, positive and negative in turn."""
        images = self._fresh_images(count, purpose)
        others = self._beside(images, purpose)
        found: list[Asked] = []
        for number, image in enumerate(images):
            true, foil = self.predictions.true[image], others[image]
            if number % 2 == 0:
                found.append(Asked(image, Use(role), label=true, other=foil, expected="positive"))
            else:
                found.append(Asked(image, Use(role), label=foil, other=true, expected="negative"))
        return tuple(found)

    def _beside(self, images: Sequence[int], what: str) -> dict[int, int]:
        """A foil for each image; noted where it is none of the kind that the protocol asks for."""
        lacking = self.foils.lacking(images)
        if lacking:
            self.notes.append(
                f"{what}: no foil as the protocol has them (foils = {self.questions.foils!r}) is known for "
                f"{lacking:,} of {len(images):,} images; any other class of the dataset is theirs."
            )
        return self.foils.beside(images)

    def _fresh_images(self, wanted: int, purpose: str) -> list[int]:
        self._note(wanted, len(self.fresh), purpose.replace("_", " "))
        drawn = self.drawer.sample(self.fresh, wanted, purpose=purpose)
        self._take(set(drawn))
        return drawn

    def _take(self, images: set[int]) -> None:
        self.fresh = [image for image in self.fresh if image not in images]

    def _note(self, wanted: int, there: int, what: str) -> None:
        if there < wanted:
            self.notes.append(f"{what}: {wanted:,} wanted, {there:,} images are there for them.")

    def _listed(self) -> bool:
        questions = self.questions
        return isinstance(questions, Top5Questions) and questions.top5_question == "list"

    def _two_alternative(self) -> bool:
        return any(setup.form == "two_alternative" for setup in self.protocol.arm_setups())


def fresh_images(predictions: StudyPredictions, used: Mapping[int, object] | set[int]) -> list[int]:
    """Images that every classifier gets right and that nothing asks about."""
    return [image for image in predictions.right_everywhere() if image not in used]
