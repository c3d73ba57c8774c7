"""What people are told who cannot go on: always why, and what to do."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from studyapp.services.participation.barriers import Barrier, Refused
from studyapp.views.participant_frame import Notice

WITHDRAWN = Notice(
    "You have withdrawn",
    "Your answers are no longer used. Nothing more is asked of you. Thank you for letting us know.",
)
NOT_UNDERSTOOD = Notice(
    "That answer did not arrive whole",
    "Nothing is lost. Please go back and answer once more.",
    400,
)

_NOTICES = {
    Barrier.NOT_OPEN: Notice(
        "This study has not opened yet", "Thank you for coming. Please try the same link again later."
    ),
    Barrier.PAUSED: Notice(
        "This study is paused",
        "The researchers have interrupted it for the moment. Please try the same link again later.",
    ),
    Barrier.CLOSED: Notice(
        "This study has ended", "All answers have been collected. Thank you for your interest."
    ),
    Barrier.FULL: Notice(
        "There is nothing left to answer",
        "Every picture you could judge has enough answers now. Thank you for your interest.",
    ),
    Barrier.BUSY: Notice(
        "Every question is with somebody just now",
        "If one of them does not finish, it becomes free again. Please try the same link in some minutes.",
    ),
    Barrier.LATER: Notice(
        "Please come back later",
        "You have judged every picture of this part of the study. Another part follows when other people "
        "have judged these pictures as well.",
    ),
    Barrier.EXCLUDED: Notice(
        "This study needs people who are new to its pictures",
        "You took part in a related study, so your answers here would not be independent. "
        "This is no judgement of your earlier answers. Thank you for your interest.",
    ),
    Barrier.WASHOUT: Notice("Please come back later", "Some days must lie between two visits to this study."),
    Barrier.LIMIT: Notice(
        "You have answered as many questions as one person may",
        "Every further answer has to come from somebody else. Thank you very much for yours.",
    ),
    Barrier.SPENT: Notice(
        "This invitation has been used",
        "An invitation is for one person and one visit. If you have not taken part yet, please ask whoever "
        "sent it to you for another.",
    ),
    Barrier.WITHDRAWN: WITHDRAWN,
}


def notice_for(refused: Refused) -> Notice:
    """The words for a refusal, with the time from which it no longer holds where that is known."""
    notice = _NOTICES[refused.barrier]
    if refused.until is None:
        return notice
    return Notice(notice.heading, f"{notice.text} You are welcome from {_day(refused.until)} on.")


def _day(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M %Z")
