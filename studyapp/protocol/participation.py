"""Who may take part, what they read before they agree, and what must have been looked at first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from studyapp.protocol.keys import about

ArmOrder = Literal["least_used", "between", "within", "in_order"]

_INFORMATION = (
    "You are invited to look at pictures and to answer a short question about each. "
    "Your answers help to find out when the label an image classifier gives to a picture makes sense to "
    "people."
)
_CONSENT = (
    "Taking part is voluntary. You may stop at any time by closing the page, without giving a reason. "
    "Your answers are stored under a random name, together with the time they took and the size of your "
    "screen, "
    "and are published only as answers of unnamed people. "
    "I have read this, I am at least 18 years old, and I agree to take part."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantRules:
    """`[participants]`: who may answer, how much, and what they see before."""

    questions_per_sitting: int = field(
        default=20, metadata=about("Questions in one sitting.", at_least=1, at_most=2000)
    )
    max_questions: int | None = field(
        default=None,
        metadata=about("Most questions one participant may answer in the whole study.", at_least=1),
    )
    one_look: bool = field(
        default=True,
        metadata=about(
            "A participant is shown no source image that they have seen before, across labels, arms, clean "
            "and adversarial versions, in any study of the family."
        ),
    )
    family: str | None = field(
        default=None,
        metadata=about(
            "Name shared by studies that belong together for `one_look` and `washout_days`; without it "
            "the study "
            "is its own family."
        ),
    )
    exclude_studies: tuple[str, ...] = field(
        default=(),
        metadata=about("Names of studies whose participants may not take part in this one.", blank=True),
    )
    washout_days: float = field(
        default=0.0,
        metadata=about(
            "Days that must lie between a participant's visits to two arms of this study, or to two "
            "studies of its "
            "family.",
            at_least=0,
            at_most=3650,
        ),
    )
    arm_order: ArmOrder = field(
        default="least_used",
        metadata=about(
            "How arms are given out. `least_used`: a sitting belongs to the arm with the fewest, and goes "
            "on in the "
            "others when nothing is left there. `between`: a participant answers in one arm only. "
            "`within`: every "
            "question comes from the arm that is served least. `in_order`: an arm opens once the one "
            "before it has "
            "all its answers and a person's washout is over."
        ),
    )
    practice_questions: int = field(
        default=0,
        metadata=about(
            "Practice questions with feedback before the first real one.", at_least=0, at_most=100
        ),
    )
    practice_pass: int = field(
        default=0,
        metadata=about(
            "Practice questions that must be answered right to go on; 0 lets everybody go on.",
            at_least=0,
            at_most=100,
        ),
    )
    practice_csv: str | None = field(
        default=None,
        metadata=about(
            "CSV of image, label, expected[, feedback], beside the protocol file. Without it practice is "
            "drawn as "
            "gold is."
        ),
    )
    lease_minutes: float = field(
        default=20.0,
        metadata=about(
            "Minutes for which a question served to a participant is kept for them.",
            at_least=0.05,
            at_most=10080,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecruitmentPlan:
    """`[recruitment]`: what people read before they agree, and how they arrive and leave."""

    title: str = field(default="A short picture study", metadata=about("Title that participants see."))
    information: str = field(
        default=_INFORMATION, metadata=about("What the study is about; plain text, blank lines part.")
    )
    consent: str = field(
        default=_CONSENT, metadata=about("What a participant agrees to; plain text, blank lines part.")
    )
    contact: str = field(
        default="the person who gave you this link", metadata=about("Whom participants can ask.")
    )
    estimated_minutes: float = field(
        default=5.0, metadata=about("Minutes that one sitting takes.", at_least=0.5, at_most=600)
    )
    reward: str = field(
        default="", metadata=about("What participants receive, in words; empty for nothing.", blank=True)
    )
    allow_open_link: bool = field(
        default=True,
        metadata=about(
            "Anybody with the study's link may take part. False: single-use invitations only; then nobody "
            "can "
            "come back as somebody else."
        ),
    )
    ask_comment: bool = field(default=True, metadata=about("Offer a comment box at the end."))
    completion_url: str | None = field(
        default=None,
        metadata=about(
            "Where the last page leads, with `{code}` for the completion code; none shows the code."
        ),
    )
    frame_ancestors: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Sites (https://host) that may show the study inside a frame; none by default.", blank=True
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPlan:
    """`[review]`: what a researcher looks at before people do."""

    required: bool = field(
        default=True,
        metadata=about("The study opens only when every stimulus has been approved or held back."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalPlan:
    """`[rehearsal]`: the trial run with simulated participants."""

    required: bool = field(
        default=True, metadata=about("The study opens only after a passed rehearsal of this very protocol.")
    )
