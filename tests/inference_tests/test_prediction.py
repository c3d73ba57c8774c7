"""From files to rankings: hand-computed probabilities, order, failures, the same answer however arranged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from inference.crop_cache import CropCache
from inference.images import ImageItem
from inference.prediction import predict
from inference.prefetch import prefetch
from inference.prepared import prepare
from tests.inference_tests.precisions import needs_bfloat16
from tests.inference_tests.toy import brightness_classifier, picture


def test_the_ranking_and_its_probabilities_are_the_softmax_worked_out_by_hand() -> None:
    (batch,) = predict(brightness_classifier(), [ImageItem("a", picture(51, 255, 0))])
    assert batch.keys == ("a",)
    assert batch.ranking.tolist() == [[1, 0, 2]]
    # Logits 1, 0.2 and 0; batch norm divides by sqrt(1 + 1e-5).
    weights = np.exp(np.array([1.0, 0.2, 0.0]) / np.sqrt(1 + 1e-5))
    assert batch.probabilities[0] == pytest.approx(weights / weights.sum(), abs=1e-6)
    assert batch.probabilities.dtype == np.float32


def test_equal_logits_are_ranked_by_class_index() -> None:
    (batch,) = predict(brightness_classifier(), [ImageItem(1, picture(9, 9, 9))])
    assert batch.ranking.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_unreadable_picture_is_reported_and_the_rest_goes_on(workers: int) -> None:
    sources = [picture(255, 0, 0), b"no picture", picture(0, 255, 0), picture(0, 0, 255)]
    items = [ImageItem(index, source) for index, source in enumerate(sources)]
    batches = list(predict(brightness_classifier(), items, batch_size=2, workers=workers))
    assert [batch.keys for batch in batches] == [(0,), (2, 3)]
    assert [(failure.key, failure.problem) for batch in batches for failure in batch.failures] == [
        (1, "not_an_image")
    ]
    assert np.concatenate([batch.ranking for batch in batches])[:, 0].tolist() == [0, 1, 2]


def test_a_batch_of_nothing_but_failures_has_no_rows() -> None:
    (batch,) = predict(brightness_classifier(), [ImageItem(1, b"x")])
    assert batch.ranking.shape == batch.probabilities.shape == (0, 3)
    assert len(batch.failures) == 1


def test_no_pictures_give_no_batches() -> None:
    assert list(predict(brightness_classifier(), [])) == []


def test_a_second_run_reads_the_cache_and_says_the_same(tmp_path: Path) -> None:
    items = [ImageItem(index, picture(10 * index, 100, 200 - index)) for index in range(5)]
    cache = CropCache(tmp_path)
    (first,) = predict(brightness_classifier(), items, cache=cache)
    emptied = [ImageItem(item.key, b"", digest) for item, digest in zip(items, first.digests, strict=True)]
    (second,) = predict(brightness_classifier(), emptied, cache=cache)
    assert (first.probabilities == second.probabilities).all()


def test_predicting_leaves_the_number_of_threads_as_it_was() -> None:
    before = torch.get_num_threads()
    list(predict(brightness_classifier(), [ImageItem(0, picture(1, 2, 3))], workers=2))
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert [torch.get_num_threads(), *found] == [before, before]


def test_outputs_that_are_not_finite_name_the_pictures() -> None:
    class Broken(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs.mean(dim=(2, 3)) * float("nan")

    with pytest.raises(ValueError, match=r"toy .* not finite .* 7"):
        list(predict(brightness_classifier(Broken()), [ImageItem(7, picture(1, 2, 3))]))


def test_the_prepared_network_is_another_one() -> None:
    classifier = brightness_classifier()
    prepared = prepare(classifier)
    assert prepared.folded
    assert any(isinstance(module, nn.BatchNorm2d) for module in classifier.network.modules())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in prepared.network.modules())


def test_a_network_that_cannot_be_rewritten_is_used_as_it_is() -> None:
    class Branching(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            means = inputs.mean(dim=(2, 3))
            return means if means.sum() > 0 else -means

    prepared = prepare(brightness_classifier(Branching()))
    assert not prepared.folded
    (batch,) = predict(prepared, [ImageItem(0, picture(0, 0, 255))])
    assert batch.ranking[0, 0] == 2


@needs_bfloat16
def test_bfloat16_is_close_but_not_the_same() -> None:
    items = [ImageItem(index, picture(37 * index % 256, 91, 255 - 7 * index)) for index in range(8)]
    (exact,) = predict(brightness_classifier(), items)
    (rounded,) = predict(brightness_classifier(), items, precision="bfloat16")
    difference = np.abs(exact.probabilities - rounded.probabilities).max()
    assert 0 < difference < 0.01


def test_bfloat16_is_refused_where_the_processor_has_none() -> None:
    class NotInBfloat16(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            if inputs.dtype == torch.bfloat16:
                raise RuntimeError("bf16 path needs the cpu support\nand more lines")
            means = inputs.mean(dim=(2, 3))
            return means if means.sum() > 0 else -means

    classifier = brightness_classifier(NotInBfloat16())
    assert prepare(classifier).precision == "float32"
    with pytest.raises(ValueError, match=r"in bfloat16 on this cpu \(bf16 path .* support\): use float32"):
        prepare(classifier, "bfloat16")


def test_mixed_precision_is_refused_on_the_cpu() -> None:
    with pytest.raises(ValueError, match="CUDA"):
        prepare(brightness_classifier(), "amp")


def test_prefetching_keeps_the_order_and_reads_no_further_than_it_may() -> None:
    read: list[int] = []

    def source() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            yield number

    results = prefetch(lambda number: number * 2, source(), workers=3, ahead=4)
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    assert len(read) <= 3 + 4
    assert list(results) == [2 * number for number in range(3, 100)]


def test_an_error_while_prefetching_is_raised_at_its_item() -> None:
    def fail_at_three(number: int) -> int:
        if number == 3:
            raise RuntimeError("three")
        return number

    results = prefetch(fail_at_three, range(10), workers=2, ahead=5)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="three"):
        next(results)
