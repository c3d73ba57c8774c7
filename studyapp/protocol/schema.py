"""A study's protocol as frozen values: everything a report of the study would have to state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from studyapp.protocol.adversarial import AdversarialQuestions
from studyapp.protocol.arms import ArmBase
from studyapp.protocol.attack import AttackPlan
from studyapp.protocol.criticism import (
    CANNOT_TELL,
    NONE_OF_THEM,
    AssignmentArm,
    AssignmentQuestions,
    AttributeQuestions,
)
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.protocol.forced_choice import ForcedChoiceQuestions
from studyapp.protocol.keys import about
from studyapp.protocol.participation import ParticipantRules, RecruitmentPlan, RehearsalPlan, ReviewPlan
from studyapp.protocol.pictures import ClassHelp, PictureQuestions
from studyapp.protocol.questions import (
    TWO_ALTERNATIVE_POSITIVE,
    TWO_ALTERNATIVE_VALUES,
    MistakeQuestions,
    QuestionForm,
    RelevanceQuestions,
    Top5Questions,
)
from studyapp.protocol.same_content import SameContentQuestions

__all__ = [
    "MAIN_ARM",
    "AdversarialQuestions",
    "AnalysisPlan",
    "AnswersRule",
    "Arm",
    "ArmBase",
    "ArmSetup",
    "AssignmentArm",
    "AssignmentQuestions",
    "AttackPlan",
    "AttributeQuestions",
    "Contrast",
    "Exclusion",
    "ExplanationPlan",
    "ForcedChoiceQuestions",
    "ParticipantRules",
    "PictureQuestions",
    "Protocol",
    "RecruitmentPlan",
    "RehearsalPlan",
    "RelevanceQuestions",
    "ReviewPlan",
    "SameContentQuestions",
    "Top5Questions",
]

Rule = Literal["count", "proportion", "dawid_skene", "gold_calibrated"]
Incomplete = Literal["strict", "proportion"]
ContrastBetween = Literal["classifiers", "arms"]
ExclusionMeasure = Literal["seconds", "median_seconds", "gold_accuracy"]

MAIN_ARM = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersRule:
    """`[answers]`: how many answers a question collects and which of them accept it."""

    required: int = field(
        default=5,
        metadata=about("Independent answers that each question collects (n).", at_least=1, at_most=1000),
    )
    agreement: int = field(
        default=4,
        metadata=about(
            "Positive answers from which the question is agreed (t of the agreement rule).", at_least=1
        ),
    )
    values: tuple[str, ...] = field(
        default=("yes", "no"),
        metadata=about("The answers offered, in the order of the buttons before counterbalancing."),
    )
    positive: tuple[str, ...] = field(
        default=("yes",),
        metadata=about("Those of `values` that speak for the class. `unsure` can not be one of them."),
    )
    stop_when_decided: bool = field(
        default=False,
        metadata=about(
            "Close a question once the rule can no longer change its outcome. Saves about half the "
            "answers; the "
            "histogram, 3/5 and 5/5, alpha and kappa are then withheld or shown as bounds."
        ),
    )
    counterbalance_sides: bool = field(
        default=True,
        metadata=about(
            "Give half of the participants the buttons in reversed order; the order is stored with the "
            "sitting."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm(ArmBase):
    """`[[arm]]`: one way of asking; what it leaves out is as in `[questions]`."""

    form: QuestionForm | None = field(default=None, metadata=about("`form` of this arm (kind `relevance`)."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """`[[contrast]]`: a comparison planned before the data; without any, all pairs of classifiers are."""

    between: ContrastBetween = field(
        default="classifiers", metadata=about("What is compared: two classifiers, or two arms.")
    )
    first: str = field(metadata=about("Name of the first; the difference is first minus second."))
    second: str = field(metadata=about("Name of the second."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """`[[exclusion]]`: answers left out of the filtered tables, declared before the data."""

    measure: ExclusionMeasure = field(
        metadata=about(
            "`seconds` judges each answer by its time; `median_seconds` and `gold_accuracy` judge a "
            "participant, "
            "with all their answers."
        )
    )
    below: float | None = field(default=None, metadata=about("Leave out what lies below this.", at_least=0))
    above: float | None = field(default=None, metadata=about("Leave out what lies above this.", at_least=0))
    reason: str = field(metadata=about("Why, in words that stand under the filtered table."))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisPlan:
    """`[analysis]`: the primary rule and how uncertainty is stated."""

    rule: Rule = field(
        default="count",
        metadata=about(
            "Primary rule: `agreement` of `required` positive answers; the same as a share of the answers "
            "received; "
            "Dawid-Skene posterior of at least 0.5; or the same with confusion matrices from gold answers."
        ),
    )
    incomplete: Incomplete = field(
        default="strict",
        metadata=about(
            "Questions with too few answers under rule `count`: undecided and still wrong, with bounds, "
            "or judged "
            "by the share of positive answers."
        ),
    )
    minimum_answers: int = field(
        default=3,
        metadata=about("Fewest answers that a share of positive answers may be taken of.", at_least=1),
    )
    draws: int = field(
        default=2000, metadata=about("Bootstrap draws, stored.", at_least=100, at_most=100_000)
    )
    confidence: float = field(
        default=0.95, metadata=about("Confidence level of every interval.", at_least=0.5, below=1)
    )


@dataclass(frozen=True, slots=True)
class ArmSetup:
    """How one arm asks, with what it inherits filled in; `plan` is the arm as the protocol has it.

    `several`: more than one of `values` may be chosen; an answer then joins them by commas.
    """

    name: str
    form: QuestionForm
    wording: str
    class_help: ClassHelp
    values: tuple[str, ...]
    positive: tuple[str, ...]
    plan: ArmBase
    several: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One study's plan. `studyapp.protocol.reading` makes it from TOML, `canonical` hashes it."""

    name: str = field(metadata=about("The study's name: letters, digits, dot, dash and underscore."))
    title: str = field(metadata=about("Title for researchers, in tables and exports."))
    kind: str = field(
        metadata=about(
            "`relevance` (top-1 mistakes), `relevance_top5` (the five most probable classes), `adversarial` "
            "(attacked images, whole or explained), `stability` (pictures that a probe changed), "
            "`same_content` (does a changed picture show something else than its siblings), "
            "`prototype_assignment` (which group does a picture belong to), `attributes` (what can be seen) "
            "or `forced_choice` (one of several categories); it decides which keys `[questions]` and "
            "`[[arm]]` have."
        )
    )
    dataset: str = field(metadata=about("Name of the dataset in the catalogue."))
    classifiers: tuple[str, ...] = field(
        metadata=about(
            "Names of the classifiers whose mistakes are judged; an empty list for kind `forced_choice`.",
            blank=True,
        )
    )
    questions: PictureQuestions = field(default_factory=RelevanceQuestions)
    attack: AttackPlan | None = None
    explanation: ExplanationPlan | None = None
    answers: AnswersRule = field(default_factory=AnswersRule)
    participants: ParticipantRules = field(default_factory=ParticipantRules)
    arms: tuple[ArmBase, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    analysis: AnalysisPlan = field(default_factory=AnalysisPlan)
    recruitment: RecruitmentPlan = field(default_factory=RecruitmentPlan)
    review: ReviewPlan = field(default_factory=ReviewPlan)
    rehearsal: RehearsalPlan = field(default_factory=RehearsalPlan)

    @property
    def about_mistakes(self) -> MistakeQuestions | None:
        """The questions where they are about classifiers' mistakes on whole images; None for other kinds."""
        asked = self.questions
        return asked if isinstance(asked, RelevanceQuestions | Top5Questions) else None

    def arm_setups(self) -> tuple[ArmSetup, ...]:
        """Every arm with what it inherits filled in; a protocol without arms has one, named "main"."""
        return tuple(self.arm_setup(arm) for arm in self.arms or (Arm(name=MAIN_ARM),))

    def arm_setup(self, arm: ArmBase) -> ArmSetup:
        """Fill in what `arm` leaves to `[questions]` and `[answers]`."""
        base_form: QuestionForm = (
            self.questions.form if isinstance(self.questions, RelevanceQuestions) else "single"
        )
        form = (arm.form if isinstance(arm, Arm) else None) or base_form
        # The four choices of a two-alternative question have fixed meanings, so an arm needs not repeat them.
        switches = form == "two_alternative" and base_form == "single"
        values, positive = self._choices()
        return ArmSetup(
            name=arm.name,
            form=form,
            wording=arm.wording or self.questions.wording,
            class_help=arm.class_help or self.questions.class_help,
            values=TWO_ALTERNATIVE_VALUES if switches else values,
            positive=TWO_ALTERNATIVE_POSITIVE if switches else positive,
            plan=arm,
            several=isinstance(self.questions, AttributeQuestions),
        )

    def _choices(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The values offered and the positive ones; some kinds have their own."""
        questions = self.questions
        if isinstance(questions, AssignmentQuestions):
            return tuple(str(number) for number in range(1, questions.groups + 1)), ()
        if isinstance(questions, AttributeQuestions):
            return (*questions.attributes, NONE_OF_THEM, CANNOT_TELL), ()
        if isinstance(questions, ForcedChoiceQuestions):
            return questions.categories, ()
        return self.answers.values, self.answers.positive
