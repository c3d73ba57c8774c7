"""The iterative fast gradient method (IFGM), with the step at which each prediction flips.

x_{s+1} = clip(x_s + step * d_s), s = 0 .. M - 1; d is the sign of the gradient of the cross-entropy with the
true label, or that gradient with Euclidean length 1. Untargeted; only pictures that are predicted correctly
are attacked. Source: Stock and Cisse, ECCV 2018, section 3.2.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from inference.attack_network import AttackedClassifier
from inference.attack_parameters import AttackParameters, unit_of_space
from inference.attack_results import AttackResult, Judged
from inference.crops import Pixels
from inference.prediction import RANKS


def attack(
    attacked: AttackedClassifier,
    pixels: Pixels,
    labels: NDArray[np.integer],
    parameters: AttackParameters,
    *,
    keep_float: bool = False,
) -> AttackResult:
    """Attack 8-bit RGB crops (n, side, side, 3) with true class indices (n,).

    A picture leaves the batch at the stop rule and the next takes its place; one pass serves the flip check
    of an iterate and the gradient of the next. A picture with gradients or outputs that are not finite is
    reported as failed; the rest goes on. Raises ValueError for shapes or classes that do not fit.
    """
    _check(attacked, pixels, labels)
    state = _State(attacked, pixels, labels, parameters)
    waiting = deque(range(len(pixels)))
    batch: list[int] = []
    while batch or waiting:
        while waiting and len(batch) < attacked.batch_size:
            batch.append(waiting.popleft())
        batch = state.advance(batch)
    return state.result(keep_float=keep_float)


class _State:
    """Every picture of a call: its iterate, how far it is, and what is known of it. Tensors on the device."""

    def __init__(
        self,
        attacked: AttackedClassifier,
        pixels: Pixels,
        labels: NDArray[np.integer],
        parameters: AttackParameters,
    ) -> None:
        self.attacked = attacked
        self.parameters = parameters
        device = attacked.classifier.device
        count, classes = len(pixels), attacked.classifier.spec.classes
        self.clean = torch.from_numpy(np.array(pixels)).to(device)
        self.labels = torch.from_numpy(labels.astype(np.int64)).to(device)
        self.pictures = _unit(self.clean)
        if not attacked.folded:
            # A network as it was loaded gets the memory layout that it would get anywhere else.
            self.pictures = self.pictures.contiguous()
        self.shown = self.clean.clone()
        unit = unit_of_space(parameters, attacked.classifier.preprocessing)
        self.unit = torch.tensor(unit, dtype=torch.float32, device=device).view(1, 3, 1, 1)
        self.step = torch.tensor(
            [parameters.step * each for each in unit], dtype=torch.float32, device=device
        ).view(1, 3, 1, 1)
        self.clean_logits = torch.full((count, classes), torch.nan, device=device)
        self.float_logits = self.clean_logits.clone()
        self.shown_logits = self.clean_logits.clone()
        never = parameters.steps + 1
        self.at = torch.zeros(count, dtype=torch.int64, device=device)
        self.flip = torch.full((count,), never, dtype=torch.int64, device=device)
        self.shown_flip = self.flip.clone()
        self.forwards = torch.zeros(count, dtype=torch.int64, device=device)
        # Judged at its present step already, and waiting for its gradient alone.
        self.judged = torch.zeros(count, dtype=torch.bool, device=device)
        self.failures = [""] * count

    def advance(self, batch: list[int]) -> list[int]:
        """Judge the batch's iterates and take one step with those that go on; who they are."""
        rows = torch.tensor(batch, device=self.at.device)
        fresh = ~self.judged[rows]
        float_decides = self.parameters.stop == "float_flip"
        # Whichever judgement meets the stop rule comes last, so that nothing is forwarded after it.
        if float_decides:
            self._show(rows[fresh])
        pictures = self.pictures[rows]
        last = self.at[rows] >= self.parameters.steps
        with torch.set_grad_enabled(not bool(last.all())):
            pictures.requires_grad_(torch.is_grad_enabled())
            logits = self.attacked.logits(pictures)
        self.forwards[rows] += 1
        self._record(rows[fresh], logits.detach()[fresh])
        if not float_decides:
            self._show(rows[fresh])
        stays = self._stays(rows, logits.detach())
        if not bool(stays.any()):
            return []
        # A pass back costs the whole batch: the few that go on wait for the next batch, but only once.
        if int(stays.sum()) * 2 < len(batch) and not bool(self.judged[rows].any()):
            self.judged[rows[stays]] = True
            kept: list[int] = rows[stays].tolist()
            return kept
        loss = functional.cross_entropy(logits[stays], self.labels[rows[stays]], reduction="sum")
        gradient = self.attacked.gradient(loss, pictures)
        return self._step(rows[stays], gradient[stays])

    def _record(self, rows: torch.Tensor, logits: torch.Tensor) -> None:
        """Note what the network says of iterates, and what that says of their 8-bit pictures."""
        self.float_logits[rows] = logits
        wrong = logits.argmax(dim=1) != self.labels[rows]
        first = self.at[rows] == 0
        starting = rows[first]
        self.clean_logits[starting] = self.shown_logits[starting] = logits[first]
        self.flip[starting[wrong[first]]] = self.shown_flip[starting[wrong[first]]] = 0
        flipped = rows[wrong & ~first & (self.flip[rows] > self.at[rows])]
        self.flip[flipped] = self.at[flipped]
        if self.parameters.grid:
            self.shown_logits[rows] = logits
            self.shown_flip[rows] = self.flip[rows]

    def _show(self, rows: torch.Tensor) -> None:
        """Judge the 8-bit pictures of iterates; one that rounding left as it was is known already."""
        rounded = _rounded(self.pictures[rows])
        changed = (rounded != self.shown[rows]).flatten(1).any(dim=1)
        rows, rounded = rows[changed], rounded[changed]
        self.shown[rows] = rounded
        if self.parameters.grid or not len(rows):
            return
        with torch.no_grad():
            logits = self.attacked.logits(_unit(rounded))
        self.forwards[rows] += 1
        self.shown_logits[rows] = logits
        wrong = logits.argmax(dim=1) != self.labels[rows]
        flipped = rows[wrong & (self.shown_flip[rows] > self.at[rows])]
        self.shown_flip[flipped] = self.at[flipped]

    def _stays(self, rows: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Which of the batch take another step: not failed, wrong at the start, stopped or at the end."""
        finite = torch.isfinite(logits).all(dim=1) & torch.isfinite(self.shown_logits[rows]).all(dim=1)
        for index in rows[~finite].tolist():
            self.failures[index] = f"The network's outputs are not finite after {int(self.at[index])} steps."
        stays = finite & (self.flip[rows] > 0) & (self.at[rows] < self.parameters.steps)
        if self.parameters.stop == "displayed_flip":
            stays &= self.shown_flip[rows] > self.at[rows]
        elif self.parameters.stop == "float_flip":
            stays &= self.flip[rows] > self.at[rows]
        return stays

    def _step(self, rows: torch.Tensor, gradient: torch.Tensor) -> list[int]:
        """Move iterates along their gradients; the indices of those whose gradients are finite."""
        finite = torch.isfinite(gradient).flatten(1).all(dim=1)
        for index in rows[~finite].tolist():
            self.failures[index] = f"The gradient is not finite after {int(self.at[index])} steps."
        rows, gradient = rows[finite], gradient[finite]
        start = _unit(self.clean[rows])
        moved = self.pictures[rows] + self.step * self._direction(gradient)
        self.pictures[rows] = self._confined(moved, start)
        self.at[rows] += 1
        self.judged[rows] = False
        kept: list[int] = rows.tolist()
        return kept

    def _direction(self, gradient: torch.Tensor) -> torch.Tensor:
        """d, in the attacked space; a gradient of zero gives no direction."""
        grey = self.attacked.classifier.preprocessing.channel_order == "grey"
        if grey:
            # What a grey network sees is one channel: the same change in all three.
            gradient = gradient.sum(dim=1, keepdim=True).expand_as(gradient)
        if self.parameters.norm == "linf":
            return gradient.sign()
        # The chain rule: a unit of the space is so many pixel values long.
        scaled = gradient * self.unit
        length = self._length(scaled)
        return scaled / torch.where(length > 0, length, 1)

    def _length(self, vectors: torch.Tensor) -> torch.Tensor:
        """Euclidean length over the picture; a grey network's three equal channels count once."""
        grey = self.attacked.classifier.preprocessing.channel_order == "grey"
        counted = vectors[:, :1] if grey else vectors
        # Scaled by the largest value, because squares of small gradients underflow.
        largest = counted.abs().amax(dim=(1, 2, 3), keepdim=True)
        safe = torch.where(largest > 0, largest, 1)
        return largest * (counted / safe).square().sum(dim=(1, 2, 3), keepdim=True).sqrt()

    def _confined(self, pictures: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Iterates within the radius, within [0, 1], and on the 8-bit grid where that was asked for."""
        radius, grid = self.parameters.radius, self.parameters.grid
        lower, upper = torch.zeros_like(start), torch.ones_like(start)
        if radius is not None and self.parameters.norm == "linf":
            lower, upper = (
                (start - radius * self.unit).clamp(min=0),
                (start + radius * self.unit).clamp(max=1),
            )
            if grid:
                # Rounded inwards, so that rounding does not leave the radius.
                lower, upper = (lower * 255 - 1e-3).ceil() / 255, (upper * 255 + 1e-3).floor() / 255
        elif radius is not None:
            change = pictures - start
            length = self._length(change / self.unit)
            pictures = torch.where(length > radius, start + change * (radius / length), pictures)
        confined = torch.minimum(torch.maximum(pictures, lower), upper)
        return _unit(_rounded(confined)) if grid else confined

    def result(self, *, keep_float: bool) -> AttackResult:
        """Everything that is known, as arrays."""
        reasons = [bool(reason) for reason in self.failures]
        failed = torch.tensor(reasons, dtype=torch.bool, device=self.at.device)
        self.flip[failed] = self.shown_flip[failed] = 0
        kept = min(RANKS, self.shown_logits.shape[1])
        ranking = torch.sort(self.shown_logits, dim=1, descending=True, stable=True).indices[:, :kept]
        shown_linf, shown_l2 = _sizes(self.shown.float() - self.clean.float())
        float_linf, float_l2 = (
            (shown_linf, shown_l2)
            if self.parameters.grid
            else _sizes((self.pictures - _unit(self.clean)) * 255)
        )
        return AttackResult(
            steps=self.parameters.steps,
            steps_to_flip=_int32(self.flip),
            steps_to_displayed_flip=_int32(self.shown_flip),
            steps_taken=_int32(self.at),
            clean=self._said(self.clean_logits, failed),
            float32=self._said(self.float_logits, failed),
            displayed=self._said(self.shown_logits, failed),
            displayed_ranking=_int32(ranking),
            displayed_pixels=self.shown.cpu().numpy(),
            float_linf=float_linf,
            float_l2=float_l2,
            displayed_linf=shown_linf,
            displayed_l2=shown_l2,
            forwards=_int32(self.forwards),
            failures=tuple(self.failures),
            float_pictures=self.pictures.cpu().numpy() if keep_float else None,
        )

    def _said(self, logits: torch.Tensor, failed: torch.Tensor) -> Judged:
        probabilities = logits.softmax(dim=1)
        predicted = logits.argmax(dim=1)
        best = probabilities.gather(1, predicted[:, None])[:, 0]
        true = probabilities.gather(1, self.labels[:, None])[:, 0]
        return Judged(
            predicted=_int32(torch.where(failed, -1, predicted)),
            probability=torch.where(failed, torch.nan, best).cpu().numpy(),
            true_probability=torch.where(failed, torch.nan, true).cpu().numpy(),
        )


def _check(attacked: AttackedClassifier, pixels: Pixels, labels: NDArray[np.integer]) -> None:
    side, classes = attacked.classifier.preprocessing.crop.side, attacked.classifier.spec.classes
    name = attacked.classifier.spec.name
    if pixels.dtype != np.uint8 or pixels.shape[1:] != (side, side, 3):
        raise ValueError(
            f"{name} looks at 8-bit crops of shape (n, {side}, {side}, 3), not {pixels.dtype} {pixels.shape}."
        )
    if labels.shape != (len(pixels),):
        raise ValueError(f"{len(pixels)} pictures need as many labels, not an array of shape {labels.shape}.")
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise ValueError(
            f"Class {int(outside[0])} is not among the {classes:,} classes of {name} (0-{classes - 1}): "
            "labels are indices of the classifier's own list."
        )


def _unit(pixels: torch.Tensor) -> torch.Tensor:
    """8-bit (n, side, side, 3) to [0, 1] (n, 3, side, side)."""
    return pixels.permute(0, 3, 1, 2).to(torch.float32).div(255)


def _rounded(pictures: torch.Tensor) -> torch.Tensor:
    """[0, 1] (n, 3, side, side) to the nearest 8-bit (n, side, side, 3)."""
    return pictures.mul(255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def _sizes(change: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest and Euclidean size of changes in grey levels, (n, ...) each."""
    flat = change.flatten(1)
    linf = flat.abs().amax(dim=1) if flat.numel() else flat.new_zeros(len(flat))
    l2 = flat.square().sum(dim=1).sqrt()
    return linf.cpu().double().numpy(), l2.cpu().double().numpy()


def _int32(values: torch.Tensor) -> NDArray[np.int32]:
    found: NDArray[np.int32] = values.to(torch.int32).cpu().numpy()
    return found
