"""How a simulated participant answers one question, undisturbed or with a habit of real people."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from studyapp.management.rehearsal.browser import Browser, Reply, ServerTrouble
from studyapp.management.rehearsal.diary import Diary, Surroundings
from studyapp.management.rehearsal.habits import Habit, habit_at
from studyapp.management.rehearsal.pages import Form, Page

_NOT_OFFERED = "perhaps"


class Answering:
    """Answers what it sees by the planted truth, and errs at the stated rate."""

    def __init__(
        self,
        *,
        tab: Browser,
        diary: Diary,
        around: Surroundings,
        rng: np.random.Generator,
        disturbed: bool,
    ) -> None:
        self._tab = tab
        self._diary = diary
        self._around = around
        self._rng = rng
        self._has_habits = disturbed
        self._decided: dict[str, str] = {}

    def judge(self, page: Page, form: Form) -> Page:
        """Look at the question, answer it, and return the page that comes next."""
        self._look_at(page)
        if form.step == "practice":
            return self._submit(form, self._choice(page, form)).page()
        self._decide(page, form)
        answered = len(self._diary.standing)
        habit = habit_at(person=self._diary.person, answered=answered) if self._has_habits else None
        if habit is None:
            return self.answer(page, form)
        self._diary.habits[habit] += 1
        return self._disturbed(habit, page, form)

    def answer(self, page: Page, form: Form) -> Page:
        """Send the answer that this person has decided on."""
        reply = self._submit(form, self._decide(page, form))
        if not self._note(reply, page):
            return self._here()
        return reply.page()

    def expect_same(self, before: Page, after: Page, when: str) -> None:
        """Complain unless both pages show the same question."""
        if after.presentation != before.presentation or after.sight() != before.sight():
            self._diary.complain(f"{when} showed another question")

    def _disturbed(self, habit: Habit, page: Page, form: Form) -> Page:
        if habit is Habit.DOUBLE_CLICK:
            value = self._decide(page, form)
            with self._beside(lambda tab: self._submit(form, value, tab)):
                return self.answer(page, form)
        if habit is Habit.TWO_TABS:
            return self._two_tabs(page, form)
        if habit is Habit.LOST_REPLY:
            return self._lost_reply(page, form)
        if habit is Habit.UNDO:
            return self._undo(page, self.answer(page, form))
        if habit is Habit.RELOAD:
            self._tab.head(self._diary.address)
            self.expect_same(page, self._here(), "a reload")
        elif habit is Habit.DOUBLE_POST:
            self._note(self._submit(form, self._decide(page, form)), page)
        elif habit is Habit.FORGE:
            self._forge(page, form)
        return self.answer(page, form)

    def _two_tabs(self, page: Page, form: Form) -> Page:
        """The same question in two tabs: the second one's later, opposite answer must change nothing."""
        value = self._decide(page, form)
        other = next((button.value for button in form.offered if button.value != value), value)
        tab = Browser(self._around.server)
        try:
            seen = tab.get(self._diary.address).page()
            self.expect_same(page, seen, "a second tab")
            self.answer(page, form)
            stale = seen.asking()
            if stale is not None and seen.presentation == page.presentation:
                self._submit(stale, other, tab)
        finally:
            tab.close()
        return self._here()

    def _lost_reply(self, page: Page, form: Form) -> Page:
        self._tab.post_unheard(form.action, self._filled(form, self._decide(page, form)))
        found = self._here()
        again = found.asking()
        if again is not None and found.presentation == page.presentation:
            return self.answer(found, again)
        # The answer arrived although nobody heard so: it is one of those that must be there.
        self._took(page)
        return found

    def _undo(self, page: Page, after: Page) -> Page:
        offer = after.form("undo")
        if after.final:
            return after
        if offer is None:
            self._diary.complain("no undo was offered after an answer")
            return after
        back = self._tab.post(offer.action, offer.fields).page()
        form = back.asking()
        if form is None or back.presentation != page.presentation:
            self._diary.complain("undo did not show the undone question again")
            return back
        self._diary.standing.pop(page.presentation, None)
        self._decided.pop(page.presentation, None)
        self._diary.undone += 1
        return self.answer(back, form)

    def _forge(self, page: Page, form: Form) -> None:
        """Submissions that must be refused: no such answer, another person's question, a forged token."""
        value = form.offered[0].value
        self._expect_refused(self._tab.post(form.action, self._filled(form, _NOT_OFFERED)), 400)
        foreign = [key for key in self._around.presentations[-100:] if key not in self._decided]
        if foreign:
            fields = {**self._filled(form, value), "presentation": foreign[0]}
            self._expect_refused(self._tab.post(form.action, fields), 400)
        token = self._diary.address.split("/")[2]
        forged = token[:-1] + ("A" if token[-1] != "A" else "B")
        self._expect_refused(
            self._tab.post(form.action.replace(token, forged), self._filled(form, value)), 404
        )

    def _expect_refused(self, reply: Reply, status: int) -> None:
        if reply.status != status:
            self._diary.complain(f"a forged submission was answered {reply.status}, not {status}")

    @contextmanager
    def _beside(self, act: Callable[[Browser], object]) -> Iterator[None]:
        """Do something in another tab at the same moment as the body."""
        tab = Browser(self._around.server)

        def run() -> None:
            try:
                act(tab)
            except ServerTrouble as trouble:
                self._diary.complain(str(trouble))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            thread.join()
            tab.close()

    def _look_at(self, page: Page) -> None:
        """Fetch the pictures unless a cache would have them, and say that they are on the screen."""
        for picture in (page.picture, *page.beside):
            if picture in self._around.pictures:
                continue
            reply = self._tab.get(picture)
            arrived = reply.status == 200 and reply.kind == "image/png"
            self._around.pictures[picture] = len(reply.body) if arrived else 0
        if page.served:
            self._around.presentations.append(page.presentation)
            if self._tab.post(page.served, {"presentation": page.presentation}).status != 204:
                self._diary.complain("the page could not say that it shows its picture")

    def _decide(self, page: Page, form: Form) -> str:
        """This person's answer to a presentation, which stays the same until it is undone."""
        if page.presentation not in self._decided:
            self._decided[page.presentation] = self._choice(page, form)
        return self._decided[page.presentation]

    def _choice(self, page: Page, form: Form) -> str:
        return self._around.plan.choose(page, form, self._rng)

    def _submit(self, form: Form, value: str, tab: Browser | None = None) -> Reply:
        return (tab or self._tab).post(form.action, self._filled(form, value))

    def _filled(self, form: Form, value: str) -> dict[str, str | list[str]]:
        """The fields as a browser sends them: every line that is chosen, and how long it took."""
        active = f"{self._around.plan.seconds(self._rng):.3f}"
        seconds = {name: active for name in ("active_seconds", "idle_seconds") if name in form.fields}
        return {**form.fields, **seconds, "value": value.split(",") if form.choices else value}

    def _note(self, reply: Reply, page: Page) -> bool:
        """Whether the server took the answer: then it sent us on to the sitting's own page."""
        # Where people are told the labels, what is told stands behind the address.
        if reply.status == 200 and reply.path.partition("?")[0] == self._diary.address:
            self._took(page)
            return True
        self._diary.complain(f"an answer was answered with status {reply.status}")
        return False

    def _took(self, page: Page) -> None:
        if page.presentation not in self._diary.standing:
            self._around.answered()
        self._diary.standing[page.presentation] = self._decided[page.presentation]

    def _here(self) -> Page:
        return self._tab.get(self._diary.address).page()
