"""Work ahead of a consumer in threads, in order and with a bound on what is held in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    ahead: int,
    start_thread: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """Yield `function(item)` for every item, in order, while threads work on up to `ahead` later items.

    Threads and not processes: Pillow decodes and resizes without holding the interpreter's lock. With no
    workers everything happens in the caller's thread. `start_thread` runs first in each thread. An exception
    of `function` is raised at its item; when the consumer stops early, what has not begun is cancelled.
    """
    if workers < 1:
        yield from map(function, items)
        return
    source = iter(items)
    start = start_thread or (lambda: None)
    with ThreadPoolExecutor(workers, thread_name_prefix="prefetch", initializer=start) as pool:
        pending: deque[Future[Result]] = deque(
            pool.submit(function, item) for item in islice(source, max(1, ahead))
        )
        try:
            while pending:
                result = pending.popleft().result()
                for item in islice(source, 1):
                    pending.append(pool.submit(function, item))
                yield result
        finally:
            for future in pending:
                future.cancel()
