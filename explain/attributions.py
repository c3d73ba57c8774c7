"""Captum's attributions, brought onto the superpixels that LIME weighs.

Integrated Gradients: Sundararajan, Taly and Yan, ICML 2017. GradCAM: Selvaraju et al., ICCV 2017. Occlusion:
Zeiler and Fergus, ECCV 2014. Feature ablation hides one superpixel at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from explain.explanations import ONE_SUPERPIXEL, SuperpixelExplanation, Value, check_class
from explain.layers import find_layer, last_convolution, spatial_layer
from explain.masking import Hidden, hidden_picture
from explain.superpixels import check_segments

#: Pictures (n, 3, h, w) in [0, 1] to logits (n, classes), differentiable for the methods that need gradients.
Forward = Callable[[torch.Tensor], torch.Tensor]

AttributionMethod = Literal["integrated_gradients", "gradcam", "occlusion", "feature_ablation"]
Output = Literal["logit", "probability"]

_GRADIENTS = ("integrated_gradients", "gradcam")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionParameters:
    """What a study reports of a Captum method.

    `output`: what is attributed. `hidden`: where Integrated Gradients begins and what occlusion and ablation
    put in a hidden place; black is Captum's own. `steps`: of Integrated Gradients (Gauss-Legendre). `layer`:
    of GradCAM, by name; None is the last convolution that has more than one place. `relu`: GradCAM keeps only
    what speaks for the class. `window`: side of occlusion's square, as a share of the picture's shorter side;
    it moves by half of itself.
    """

    method: AttributionMethod
    output: Output = "logit"
    hidden: Hidden = "black"
    steps: int = 50
    layer: str | None = None
    relu: bool = True
    window: float = 1 / 8

    def __post_init__(self) -> None:
        for name, given, known in (
            ("Attribution method", self.method, get_args(AttributionMethod)),
            ("Attributed output", self.output, get_args(Output)),
            ("Hiding by", self.hidden, get_args(Hidden)),
        ):
            if given not in known:
                raise ValueError(f"{name} {given!r} is none of {', '.join(known)}.")
        if self.steps < 1:
            raise ValueError(f"Integrated Gradients in {self.steps} steps: give at least 1.")
        if not 0 < self.window <= 1:
            raise ValueError(
                f"Occlusion's window is {self.window} of the side: give more than 0 and up to 1."
            )

    def described(self) -> dict[str, Value]:
        """Every parameter that has a part in the result, JSON can hold it."""
        own: dict[str, dict[str, Value]] = {
            "integrated_gradients": {"hidden": self.hidden, "steps": self.steps},
            "gradcam": {"layer": self.layer, "relu": self.relu},
            "occlusion": {"hidden": self.hidden, "window": self.window},
            "feature_ablation": {"hidden": self.hidden},
        }
        return {"output": self.output, **own[self.method]}


def explain_attribution(
    forward: Forward,
    pixels: NDArray[np.uint8],
    segments: NDArray[np.int32],
    classes: Sequence[int],
    parameters: AttributionParameters,
    *,
    network: nn.Module | None = None,
    device: torch.device | str = "cpu",
    batch: int | None = None,
) -> tuple[SuperpixelExplanation, ...]:
    """One explanation per class in `classes`, by `parameters.method`.

    `pixels`: uint8 (h, w, 3). `segments`: labels 0..d-1 (h, w). `network`: what `forward` runs, needed by
    GradCAM only, to find its layer in. `batch`: pictures in a forward pass (default 8 on a CPU, else 50).

    A superpixel's weight is the sum over its pixels and channels for Integrated Gradients (so that the
    weights add up to output(picture) - output(hidden)), the mean over its pixels for GradCAM and occlusion,
    and what hiding it takes from the output for feature ablation.

    Raises ValueError: outputs without gradients where the method needs them, attributions that are not
    finite, a layer or class that does not exist, segments that do not fit.
    """
    superpixels = check_segments(segments, pixels)
    if not classes:
        raise ValueError("No class to explain: give at least one.")
    where = torch.device(device)
    size = batch or (8 if where.type == "cpu" else 50)
    picture = _unit(pixels, where)
    hidden = _unit(hidden_picture(pixels, segments, parameters.hidden), where)
    # Gradients are needed whatever the caller has switched off.
    with torch.inference_mode(False), torch.enable_grad():
        logits = _logits(forward, picture, parameters.method)
        for explained in classes:
            check_class(explained, logits.shape[1])
        layer = _layer(forward, picture, parameters, network)
        results = [
            _METHODS[parameters.method](
                _Attributed(forward, picture, hidden, segments, explained, parameters, layer, size)
            )
            for explained in classes
        ]
    described = parameters.described() | ({"layer": layer[0]} if layer else {})
    probabilities = logits.detach().softmax(dim=1)[0].float().cpu().numpy()
    explanations = []
    for explained, (weights, details) in zip(classes, results, strict=True):
        if not bool(np.isfinite(weights).all()):
            raise ValueError(
                f"{parameters.method} gives attributions that are not finite for class {explained}: check "
                "the network's weights and preprocessing, or explain with lime, which needs no gradients."
            )
        explanations.append(
            SuperpixelExplanation(
                method=parameters.method,
                explained_class=explained,
                weights=weights,
                probabilities=probabilities,
                flags=(ONE_SUPERPIXEL,) if superpixels == 1 else (),
                parameters=MappingProxyType(described),
                details=MappingProxyType(details),
            )
        )
    return tuple(explanations)


@dataclass(frozen=True, slots=True)
class _Attributed:
    """What a method is asked; `picture` and `hidden` are (1, 3, h, w) in [0, 1]."""

    forward: Forward
    picture: torch.Tensor
    hidden: torch.Tensor
    segments: NDArray[np.int32]
    explained: int
    parameters: AttributionParameters
    layer: tuple[str, nn.Module] | None
    batch: int

    def outputs(self, pictures: torch.Tensor) -> torch.Tensor:
        """Logits, or probabilities where those are attributed, (n, classes)."""
        logits = self.forward(pictures)
        return logits if self.parameters.output == "logit" else logits.softmax(dim=1)


_Weighed = tuple[NDArray[np.float64], dict[str, float]]


def _unit(pixels: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """uint8 (h, w, 3) to float32 (1, 3, h, w) in [0, 1]."""
    planes = torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(2, 0, 1)
    return planes.unsqueeze(0).to(torch.float32).div(255.0).contiguous()


def _logits(forward: Forward, picture: torch.Tensor, method: str) -> torch.Tensor:
    inputs = picture.clone().requires_grad_(method in _GRADIENTS)
    logits = forward(inputs)
    if logits.ndim != 2 or len(logits) != 1:
        raise ValueError(
            f"The forward function gave outputs of shape {tuple(logits.shape)} for one picture: let it "
            "return logits (pictures, classes)."
        )
    if method in _GRADIENTS and not logits.requires_grad:
        raise ValueError(
            f"{method} needs gradients, and this classifier's outputs have none: explain with lime, "
            "occlusion or feature_ablation."
        )
    if not bool(torch.isfinite(logits).all()):
        raise ValueError(
            "The network gives outputs that are not finite for this picture: check its weights and its "
            "preprocessing."
        )
    return logits


def _layer(
    forward: Forward, picture: torch.Tensor, parameters: AttributionParameters, network: nn.Module | None
) -> tuple[str, nn.Module] | None:
    """GradCAM's layer by name, after a look that its output has places; None for other methods."""
    if parameters.method != "gradcam":
        return None
    if network is None:
        raise ValueError("gradcam looks into a layer: give the network that the forward function runs.")
    inputs = picture.clone().requires_grad_(True)
    if parameters.layer is None:
        return last_convolution(forward, inputs, network)
    layer = find_layer(network, parameters.layer)
    spatial_layer(forward, inputs, layer, parameters.layer)
    return parameters.layer, layer


def _integrated(asked: _Attributed) -> _Weighed:
    # Captum loads matplotlib: over a second, which only these methods should wait for.
    from captum.attr import IntegratedGradients

    attributions, gap = IntegratedGradients(asked.outputs).attribute(
        asked.picture,
        baselines=asked.hidden,
        target=asked.explained,
        n_steps=asked.parameters.steps,
        internal_batch_size=asked.batch,
        return_convergence_delta=True,
    )
    return _sums(attributions.sum(dim=1), asked.segments), {"convergence_gap": float(gap.item())}


def _occluded(asked: _Attributed) -> _Weighed:
    from captum.attr import Occlusion

    side = max(1, round(asked.parameters.window * min(asked.segments.shape)))
    stride = math.ceil(side / 2)
    attributions = Occlusion(asked.outputs).attribute(
        asked.picture,
        sliding_window_shapes=(3, side, side),
        strides=(3, stride, stride),
        baselines=asked.hidden,
        target=asked.explained,
        perturbations_per_eval=asked.batch,
    )
    # A window covers all three channels, which so have the same values.
    return _means(attributions[:, 0], asked.segments), {}


def _ablated(asked: _Attributed) -> _Weighed:
    from captum.attr import FeatureAblation

    labels = torch.from_numpy(asked.segments.astype(np.int64)).to(asked.picture.device)
    attributions = FeatureAblation(asked.outputs).attribute(
        asked.picture,
        baselines=asked.hidden,
        target=asked.explained,
        feature_mask=labels.expand(1, 3, -1, -1),
        perturbations_per_eval=asked.batch,
    )
    # Every pixel of a superpixel has its superpixel's value.
    return _means(attributions[:, 0], asked.segments), {}


def _gradcam(asked: _Attributed) -> _Weighed:
    from captum.attr import LayerAttribution, LayerGradCam

    assert asked.layer is not None
    coarse = LayerGradCam(asked.outputs, asked.layer[1]).attribute(
        asked.picture.clone().requires_grad_(True),
        target=asked.explained,
        relu_attributions=asked.parameters.relu,
    )
    fine = LayerAttribution.interpolate(coarse, tuple(asked.segments.shape), interpolate_mode="bilinear")
    return _means(fine[:, 0], asked.segments), {}


_METHODS: dict[AttributionMethod, Callable[[_Attributed], _Weighed]] = {
    "integrated_gradients": _integrated,
    "gradcam": _gradcam,
    "occlusion": _occluded,
    "feature_ablation": _ablated,
}


def _sums(values: torch.Tensor, segments: NDArray[np.int32]) -> NDArray[np.float64]:
    """(1, h, w) added up over each superpixel."""
    flat = values.detach().reshape(-1).cpu().numpy().astype(np.float64)
    return np.bincount(segments.reshape(-1), weights=flat).astype(np.float64)


def _means(values: torch.Tensor, segments: NDArray[np.int32]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = _sums(values, segments) / np.bincount(segments.reshape(-1))
    return means
