"""One simulated participant: from the link to the completion code, by the forms the pages offer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from studyapp.management.rehearsal.answering import Answering
from studyapp.management.rehearsal.browser import Browser, ServerTrouble
from studyapp.management.rehearsal.diary import Diary, Surroundings
from studyapp.management.rehearsal.habits import Ending, comes_back, consents_twice, leaves
from studyapp.management.rehearsal.pages import Form, Page

_LOOKS = 4
_LOOK_AGAIN = 0.2
_MOST_PAGES = 20_000
_SCREEN = {"screen_width": "390", "screen_height": "844", "pixel_ratio": "3"}


class Person:
    """One simulated participant with a browser. `steady` people neither leave nor disturb anything.

    `again`: the consent that somebody gave before, who comes once more as the same participant.
    """

    def __init__(
        self,
        number: int,
        around: Surroundings,
        rng: np.random.Generator,
        *,
        steady: bool = False,
        again: Mapping[str, str] | None = None,
    ) -> None:
        self.diary = Diary(number)
        self.consent = dict(again or {})
        self._around = around
        self._steady = steady
        self._tab = Browser(around.server)
        self._answering = Answering(
            tab=self._tab, diary=self.diary, around=around, rng=rng, disturbed=not steady
        )
        self._went_away = steady
        self._left_open: Page | None = None

    def visit(self) -> Diary:
        """Arrive, consent and go on to the end, or to where this person leaves."""
        self._until_the_end(self._arrive)
        return self.diary

    def come_back_late(self) -> Diary:
        """Answer on the page that was left open, after its lease has ended; then go on to the end."""
        page, self._left_open = self._left_open, None
        form = page.asking() if page is not None else None
        if page is not None and form is not None:
            late_page, late_form = page, form
            self.diary.late = True
            self._until_the_end(lambda: self._answering.answer(late_page, late_form))
        return self.diary

    def _until_the_end(self, start: Callable[[], Page | None]) -> None:
        try:
            page = start()
            if page is not None:
                self._go_on(page)
        except ServerTrouble as trouble:
            self.diary.complain(str(trouble))
            self.diary.ending = Ending.TROUBLE
        if self._tab.cookies:
            self.diary.complain("a participant page set a cookie")
        self._tab.close()

    def _arrive(self) -> Page | None:
        """A link preview looks first; then the information is read and consent given, perhaps twice."""
        if self.consent:
            return self._come_again()
        self._tab.head(self._around.join)
        page = self._tab.get(self._around.join).page()
        consent = next((form for form in page.forms if "visitor" in form.fields), None)
        if consent is None:
            self.diary.ending = Ending.REFUSED
            return None
        self.consent = fields = {**consent.fields, **_SCREEN}
        reply = self._tab.post(self._around.join, fields)
        if not reply.path.startswith("/sit/"):
            # Somebody else took the last question between the information and the consent.
            self.diary.ending = Ending.REFUSED
            return None
        self.diary.address = reply.path
        if not self._steady and consents_twice(self.diary.person):
            again = self._tab.post(self._around.join, fields)
            if again.path != reply.path:
                self.diary.complain("the same consent sent twice started two sittings")
        return reply.page()

    def _come_again(self) -> Page | None:
        """Give the same consent once more: a new visit where the study allows one, else a kind page."""
        reply = self._tab.post(self._around.join, self.consent)
        if not reply.path.startswith("/sit/"):
            self.diary.ending = Ending.TURNED_AWAY
            return None
        self.diary.address = reply.path
        return reply.page()

    def _go_on(self, page: Page) -> None:
        looks = 0
        for _ in range(_MOST_PAGES):
            if page.code:
                self._finished(page)
                return
            if self._around.stop.is_set():
                return
            form = page.asking()
            if form is not None:
                if self._goes_away(page, form):
                    return
                page = self._answering.judge(page, form)
                continue
            if page.form("stop") is not None:
                looks += 1
                time.sleep(_LOOK_AGAIN)
            following = self._next(page, patient=looks < _LOOKS)
            if following is None:
                raise ServerTrouble(f'a page without a way on: "{page.heading}"')
            page = following
        raise ServerTrouble(f"a visit of more than {_MOST_PAGES} pages")

    def _next(self, page: Page, *, patient: bool) -> Page | None:
        """Leave a page that asks nothing, by the form or the link that a person would use."""
        steps = ("begin", "practised", "next", "finish")
        for step in steps if patient else ("stop", *steps):
            form = page.form(step)
            if form is not None:
                fields = {**form.fields, **dict.fromkeys(form.boxes, "")}
                return self._tab.post(form.action, fields).page()
        onward = [link for link in page.links if link == self.diary.address]
        return self._tab.get(onward[0]).page() if onward else None

    def _finished(self, page: Page) -> None:
        self.diary.code = page.code
        answered = self.diary.standing or self.diary.undone
        self.diary.ending = Ending.FINISHED if answered else Ending.WITHOUT_ANSWER
        if self._tab.get(self.diary.address).page().code != page.code:
            self.diary.complain("reloading the last page showed another completion code")

    def _goes_away(self, page: Page, form: Form) -> bool:
        """Whether the person closes the page now until after the lease; some come back at once."""
        if self._went_away or form.step != "answer" or not self.diary.standing:
            return False
        if leaves(self.diary.person):
            self._went_away, self._left_open = True, page
            self.diary.ending = Ending.LEFT
            return True
        if comes_back(self.diary.person):
            self._went_away = True
            self._tab.close()
            self.diary.returns += 1
            found = self._tab.get(self.diary.address).page()
            self._answering.expect_same(page, found, "coming back within the lease")
        return False
