"""Chunks of attack runs: crops decoded ahead, pictures stored and judged again behind the network."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Picture

from studyapp.models import AttackRun, Chunk, Classifier, Image, Job
from studyapp.services.attacks import runs as attacks
from studyapp.services.attacks.runs import Attacked, NotAttacked, Perturbation, Said, WrongAtStart
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.jobs import JobFailure
from studyapp.services.stored_files import put_file, read_file
from studyapp.tasks.board_pictures import keep_clean
from studyapp.tasks.chunks import job_stream
from studyapp.tasks.classifiers import load_prepared
from studyapp.tasks.items import crop_cache, image_item
from studyapp.tasks.pngs import png
from studyapp.tasks.provenance import device_name, library_versions

if TYPE_CHECKING:
    from inference.attack_network import AttackedClassifier
    from inference.attack_results import AttackResult, Judged
    from inference.crops import Pixels
    from inference.images import DecodedCrop, DecodeFailure
    from inference.prepared import PreparedClassifier

KIND = "attack"
# Chunks that are attacked together, so that a batch stays full while images leave it.
CHUNKS_TOGETHER = {"cpu": 1, "cuda": 8, "mps": 2}


def load_attacked(classifier: Classifier) -> tuple[AttackedClassifier, PreparedClassifier]:
    """The classifier ready to be attacked, and as it predicts; raises JobFailure without gradients."""
    from inference.attack_network import prepare_attack

    prepared = load_prepared(classifier)
    try:
        return prepare_attack(prepared.classifier), prepared
    except ValueError as problem:
        raise JobFailure(str(problem), "") from problem


def _finish(job: Job) -> None:
    attacks.finish_attack(run=AttackRun.objects.get(pk=job.parameters["run"]))


@dataclass(frozen=True, slots=True)
class _Work:
    """What every chunk of a run needs: the classifier, and category and label of each class index."""

    run: AttackRun
    attacked: AttackedClassifier
    prepared: PreparedClassifier
    categories: dict[int, int]
    label_of: dict[int, int]


@dataclass(frozen=True, slots=True)
class _Group:
    """Chunks that are attacked together, their images, and the crops that are being decoded."""

    chunks: tuple[Chunk, ...]
    images: tuple[Image, ...]
    crops: tuple[Future[DecodedCrop | DecodeFailure], ...]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """An attacked group: rows that are known, and the result whose pictures are being stored."""

    group: _Group
    rows: list[WrongAtStart | NotAttacked]
    images: list[Image]
    result: AttackResult | None
    stored: dict[int, Future[Pixels]]
    digests: dict[int, str]


@job_stream(KIND, finish=_finish)
def attack_chunks(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Attack the chunks of one run; decoding the next and storing the last go on beside the network."""
    first = next(chunks, None)
    if first is None:
        return
    run = AttackRun.objects.select_related("dataset", "classifier").get(pk=first.payload["run"])
    mapping = map_classes(dataset=run.dataset, classifier=run.classifier)
    attacked, prepared = load_attacked(run.classifier)
    work = _Work(
        run=run,
        attacked=attacked,
        prepared=prepared,
        categories=dict(run.classifier.class_list.categories.values_list("index", "pk")),
        label_of=dict(mapping.index_of),
    )
    _describe(run, attacked)
    together = CHUNKS_TOGETHER[attacked.classifier.device.type]
    with ThreadPoolExecutor(max_workers=_cores(), thread_name_prefix="pictures") as pool:
        group: _Group | None = _begin(work, pool, _take(first, chunks, together))
        before: _Outcome | None = None
        while group is not None:
            following = next(chunks, None)
            coming = _begin(work, pool, _take(following, chunks, together)) if following else None
            outcome = _attack(work, pool, group)
            if before is not None:
                yield from _write(work, before)
            before, group = outcome, coming
        if before is not None:
            yield from _write(work, before)


def _take(first: Chunk, chunks: Iterator[Chunk], most: int) -> tuple[Chunk, ...]:
    taken = [first]
    while len(taken) < most and (chunk := next(chunks, None)) is not None:
        taken.append(chunk)
    return tuple(taken)


def _begin(work: _Work, pool: ThreadPoolExecutor, chunks: tuple[Chunk, ...]) -> _Group:
    """Find the images of some chunks that have no row yet and start to decode them."""
    from inference.images import load_crop

    images: list[Image] = []
    for chunk in chunks:
        span = attacks.images_to_attack(run=work.run).filter(
            pk__gte=chunk.payload["first"], pk__lte=chunk.payload["last"]
        )
        images += span.order_by("pk")
    load = partial(
        load_crop,
        crop=work.attacked.classifier.preprocessing.crop,
        cache=crop_cache(work.run.dataset, work.prepared),
    )
    crops = tuple(pool.submit(load, image_item(work.run.dataset, image)) for image in images)
    return _Group(chunks, tuple(images), crops)


def _attack(work: _Work, pool: ThreadPoolExecutor, group: _Group) -> _Outcome:
    from inference.attack_parameters import AttackParameters
    from inference.attacks import attack
    from inference.images import DecodeFailure

    rows: list[WrongAtStart | NotAttacked] = []
    images, pixels = [], []
    for image, future in zip(group.images, group.crops, strict=True):
        crop = future.result()
        if isinstance(crop, DecodeFailure):
            rows.append(NotAttacked(image.pk, _true(work, image), f"Could not be read. {crop.message}"))
        else:
            images.append(image)
            pixels.append(crop.pixels)
    if not images:
        return _Outcome(group, rows, images, None, {}, {})
    labels = np.array([work.label_of[image.category_id] for image in images])
    parameters = AttackParameters.from_dict(work.run.parameters)
    result = attack(work.attacked, np.stack(pixels), labels, parameters)
    stored: dict[int, Future[Pixels]] = {}
    digests: dict[int, str] = {}
    for place, image in enumerate(images):
        if result.failures[place]:
            rows.append(NotAttacked(image.pk, _true(work, image), result.failures[place]))
        elif result.steps_to_flip[place] == 0:
            rows.append(WrongAtStart(image.pk, _true(work, image), _said(work, result.clean, place)))
        else:
            key = attacks.adversarial_key(run_id=work.run.pk, image_id=image.pk)
            shown = result.displayed_pixels[place]
            stored[place] = pool.submit(_store_both, key, pixels[place], shown, digests, place)
    return _Outcome(group, rows, images, result, stored, digests)


def _store_both(key: str, clean: Pixels, shown: Pixels, digests: dict[int, str], place: int) -> Pixels:
    """Store the crop before the attack, for boards, and the picture after it; see `_store`."""
    keep_clean(adversarial_key=key, pixels=clean)
    return _store(attacks.adversarial_name(key), shown, digests, place)


def _store(name: str, pixels: Pixels, digests: dict[int, str], place: int) -> Pixels:
    """Store a picture without loss; the pixels that are read back, which are what is judged."""
    # Noise hardly compresses: more than the lowest level only costs time.
    put_file(name, png(pixels, quickly=True))
    content = read_file(name)
    if content is None:
        raise JobFailure(f"The adversarial picture {name} was not in storage after it was put there.", "")
    digests[place] = hashlib.sha256(content).hexdigest()
    with Picture.open(io.BytesIO(content)) as picture:
        return np.array(picture.convert("RGB"))


def _write(work: _Work, outcome: _Outcome) -> Iterator[Chunk]:
    """Judge the stored pictures of a group, write its rows, then let its chunks be marked done."""
    rows: list[Attacked | WrongAtStart | NotAttacked] = list(outcome.rows)
    if outcome.result is not None and outcome.stored:
        places = list(outcome.stored)
        shown = np.stack([outcome.stored[place].result() for place in places])
        judged, ranking, finite = _judge(work, shown, [outcome.images[place] for place in places])
        for row, place in enumerate(places):
            image = outcome.images[place]
            if finite[row]:
                said = _said(work, judged, row)
                rows.append(_attacked(work, outcome, place, said, ranking[row], outcome.digests[place]))
            else:
                reason = "The network's outputs for the stored picture are not finite."
                rows.append(NotAttacked(image.pk, _true(work, image), reason))
    attacks.write_attack(run=work.run, rows=rows)
    yield from outcome.group.chunks


def _judge(
    work: _Work, shown: Pixels, images: Sequence[Image]
) -> tuple[Judged, list[tuple[int, ...]], list[bool]]:
    """What the classifier says of stored pictures, by the path that predictions take."""
    import torch

    from inference.attack_results import Judged
    from inference.prediction import RANKS

    parts = torch.split(torch.from_numpy(shown), work.attacked.batch_size)
    logits = torch.cat([work.prepared.logits(part).cpu() for part in parts])
    order = torch.sort(logits, dim=1, descending=True, stable=True).indices
    probabilities = logits.softmax(dim=1)
    labels = torch.tensor([work.label_of[image.category_id] for image in images])
    judged = Judged(
        predicted=order[:, 0].to(torch.int32).numpy(),
        probability=probabilities.gather(1, order[:, :1])[:, 0].numpy(),
        true_probability=probabilities.gather(1, labels[:, None])[:, 0].numpy(),
    )
    ranking = [tuple(ranks) for ranks in order[:, :RANKS].tolist()]
    return judged, ranking, torch.isfinite(logits).all(dim=1).tolist()


def _attacked(
    work: _Work, outcome: _Outcome, place: int, displayed: Said, ranking: tuple[int, ...], sha256: str
) -> Attacked:
    result = outcome.result
    assert result is not None
    image = outcome.images[place]
    return Attacked(
        image_id=image.pk,
        true=_true(work, image),
        steps_taken=int(result.steps_taken[place]),
        steps_to_flip=int(result.steps_to_flip[place]),
        steps_to_displayed_flip=int(result.steps_to_displayed_flip[place]),
        clean=_said(work, result.clean, place),
        float32=_said(work, result.float32, place),
        displayed=displayed,
        displayed_ranking=ranking,
        perturbation=Perturbation(
            float_linf=float(result.float_linf[place]),
            float_l2=float(result.float_l2[place]),
            displayed_linf=float(result.displayed_linf[place]),
            displayed_l2=float(result.displayed_l2[place]),
        ),
        sha256=sha256,
        side=result.displayed_pixels.shape[1],
    )


def _said(work: _Work, judged: Judged, place: int) -> Said:
    return Said(
        predicted=work.categories[int(judged.predicted[place])],
        probability=float(judged.probability[place]),
        true_probability=float(judged.true_probability[place]),
    )


def _true(work: _Work, image: Image) -> int:
    """The image's label, in the classifier's list."""
    return work.categories[work.label_of[image.category_id]]


def _describe(run: AttackRun, attacked: AttackedClassifier) -> None:
    attacks.describe_attack(
        run=run,
        device=device_name(attacked.classifier.device),
        versions=library_versions("torch", "torchvision", "pillow", "numpy"),
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
