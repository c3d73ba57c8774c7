"""Layers of a network by name, as GradCAM needs them: with an output that still has places."""

from __future__ import annotations

import difflib
from collections.abc import Callable

import torch
from torch import nn

Forward = Callable[[torch.Tensor], torch.Tensor]


def find_layer(network: nn.Module, name: str) -> nn.Module:
    """The layer of this name; ValueError with the nearest names if there is none."""
    modules: dict[str, nn.Module] = {known: module for known, module in network.named_modules() if known}
    if name in modules:
        return modules[name]
    near = difflib.get_close_matches(name, modules, n=3, cutoff=0.3)
    remedy = f"the nearest are {', '.join(near)}" if near else f"it has {', '.join(list(modules)[:8])} …"
    raise ValueError(f"The network has no layer {name!r}: {remedy}.")


def spatial_layer(forward: Forward, picture: torch.Tensor, layer: nn.Module, name: str) -> None:
    """Raise ValueError unless `forward` runs the layer and its output has places and gradients."""
    seen: list[object] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        forward(picture)
    finally:
        handle.remove()
    if not seen:
        raise ValueError(f"Layer {name!r} takes no part in the forward pass: choose one that does.")
    output = seen[-1]
    if not isinstance(output, torch.Tensor) or output.ndim != 4:
        shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise ValueError(
            f"Layer {name!r} gives {shape}, which has no places: choose a convolution, whose output is "
            "(pictures, channels, height, width)."
        )
    if not output.requires_grad:
        raise ValueError(
            f"Layer {name!r} gives no gradients: choose another, or explain with lime, occlusion or "
            "feature_ablation."
        )


def last_convolution(forward: Forward, picture: torch.Tensor, network: nn.Module) -> tuple[str, nn.Module]:
    """Name and module of the convolution that runs last among those with more than one place."""
    ran: list[tuple[str, nn.Module]] = []
    handles = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(_remember(name, ran)))
    try:
        forward(picture)
    finally:
        for handle in handles:
            handle.remove()
    if not ran:
        raise ValueError(
            "The network has no convolution whose output has more than one place for a picture of "
            f"{picture.shape[2]} x {picture.shape[3]} pixels: name another layer, or explain with lime."
        )
    return ran[-1]


def _remember(
    name: str, ran: list[tuple[str, nn.Module]]
) -> Callable[[nn.Module, object, torch.Tensor], None]:
    def hook(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        if output.ndim == 4 and output.shape[2] * output.shape[3] > 1 and output.requires_grad:
            ran.append((name, module))

    return hook
