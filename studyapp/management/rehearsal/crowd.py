"""Many simulated participants at once: threads that keep bringing people until nothing is left to answer."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial

import numpy as np
from tqdm import tqdm

from studyapp.management.rehearsal.diary import Diary, Surroundings
from studyapp.management.rehearsal.habits import Ending, comes_again
from studyapp.management.rehearsal.person import Person
from studyapp.management.rehearsal.truth import Truth

THREADS = 8
_LOOK_EVERY = 0.1


class Crowd:
    """Everybody who takes part in one rehearsal; `answers` counts what the server has taken.

    `come_again`: some who have finished try at once to take part once more.
    """

    def __init__(
        self, *, server: str, join: str, plan: Truth, rng: np.random.Generator, come_again: bool = False
    ) -> None:
        self.people: list[Person] = []
        self.answers = 0
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._rng = rng
        self._come_again = come_again
        self.around = Surroundings(
            server=server, join=join, plan=plan, stop=threading.Event(), answered=self._count
        )

    @property
    def diaries(self) -> list[Diary]:
        """The diaries of all who came, in the order of their coming."""
        return [person.diary for person in self.people]

    @property
    def arrived(self) -> int:
        """How many people were let in."""
        return sum(bool(diary.address) for diary in self.diaries)

    def fill(self, *, most: int, steady: bool, bar: tqdm[None] | None = None) -> None:
        """Bring up to `most` more people, eight at a time, until somebody finds nothing left to answer."""
        places = threading.Semaphore(most)
        bring = partial(self._bring_people, places, steady)
        self._in_threads([bring] * min(THREADS, most), bar)

    def come_back_late(self, *, every_other: bool = False, bar: tqdm[None] | None = None) -> None:
        """Let those who left in the middle of a question (or half of them) answer it now, and finish."""
        late = [person for person in self.people if person.diary.ending is Ending.LEFT]
        half = late[:: 2 if every_other else 1]
        self._in_threads([person.come_back_late for person in half], bar)

    def _bring_people(self, places: threading.Semaphore, steady: bool) -> None:
        while not self.around.stop.is_set() and places.acquire(blocking=False):
            with self._lock:
                person = Person(next(self._numbers), self.around, self._rng.spawn(1)[0], steady=steady)
                self.people.append(person)
            ending = person.visit().ending
            if ending is Ending.FINISHED and self._come_again and comes_again(person.diary.person):
                ending = self._once_more(person)
            if ending in (Ending.REFUSED, Ending.TROUBLE):
                return

    def _once_more(self, person: Person) -> Ending:
        """The same participant tries to take part again, right after the end of the first visit."""
        with self._lock:
            returned = Person(
                next(self._numbers), self.around, self._rng.spawn(1)[0], steady=True, again=person.consent
            )
            self.people.append(returned)
        return returned.visit().ending

    def _in_threads(self, works: Sequence[Callable[[], object]], bar: tqdm[None] | None) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            pending: set[Future[object]] = {pool.submit(work) for work in works}
            try:
                while pending:
                    done, pending = wait(pending, timeout=_LOOK_EVERY)
                    for future in done:
                        future.result()
                    if bar is not None:
                        bar.update(self.answers - bar.n)
            except BaseException:
                self.around.stop.set()
                raise

    def _count(self) -> None:
        with self._lock:
            self.answers += 1


@contextmanager
def progress_bar(*, total: int, shown: bool) -> Iterator[tqdm[None]]:
    """A bar of answers and answers per second on stderr."""
    with tqdm(total=total, unit=" answers", desc="Rehearsal", file=sys.stderr, disable=not shown) as bar:
        yield bar
