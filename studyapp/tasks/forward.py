"""A network at work in a thread of its own, so that the database never makes it wait."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.crop_cache import CropCache
    from inference.images import ImageItem
    from inference.prediction import PredictedBatch
    from inference.prepared import PreparedClassifier


class ForwardThread:
    """Feed it images, read batches of predictions; decoding and the forward pass go on in between.

    All rows are read and written by the caller's thread, on the caller's database connection.
    """

    def __init__(
        self, prepared: PreparedClassifier, *, batch_size: int, cache: CropCache | None = None
    ) -> None:
        self._prepared = prepared
        self._batch_size = batch_size
        self._cache = cache
        self._items: queue.SimpleQueue[ImageItem | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[PredictedBatch | BaseException | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forward", daemon=True)
        self._thread.start()

    def feed(self, item: ImageItem) -> None:
        """Add an image to be predicted."""
        self._items.put(item)

    def no_more(self) -> None:
        """Say that nothing more will be fed: the last batch need not wait to be full."""
        self._items.put(None)

    def next_batch(self) -> PredictedBatch | None:
        """The next batch, waited for; None after the last. What went wrong in the thread is raised here."""
        result = self._results.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def close(self) -> None:
        """Stop after the batch under way, whatever is still queued."""
        self._stopped.set()
        self._items.put(None)
        self._thread.join()

    def _fed(self) -> Iterator[ImageItem]:
        while not self._stopped.is_set():
            item = self._items.get()
            if item is None:
                return
            yield item

    def _run(self) -> None:
        from inference.prediction import predict

        try:
            for batch in predict(self._prepared, self._fed(), batch_size=self._batch_size, cache=self._cache):
                self._results.put(batch)
                if self._stopped.is_set():
                    break
            self._results.put(None)
        except BaseException as problem:  # raised again in the thread that asks for the batch
            self._results.put(problem)
