"""Rewrite a network for speed without changing what it computes.

Batch norm is folded into the convolution before it (Ioffe and Szegedy 2015: at evaluation it is a fixed scale
and shift); asymmetric zero padding, as TensorFlow's "same" convolutions need it, is folded into the kernel;
on the CPU a convolution and the ReLU after it become one oneDNN call.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence

import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

_ACTIVATIONS: dict[type[nn.Module], tuple[str, list[float]]] = {
    nn.ReLU: ("relu", []),
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
}


def fold(network: nn.Module) -> nn.Module | None:
    """A copy with padding and batch norm folded in, or None for a network that cannot be traced.

    The copy shares no weights with the original, which stays as it is (attacks and explanations use it).
    """
    copied = copy.deepcopy(network).eval()
    _replace_padded_convolutions(copied)
    try:
        traced = fx.symbolic_trace(copied)
    except (fx.proxy.TraceError, TypeError, RuntimeError, AttributeError, ValueError, NotImplementedError):
        # Control flow that depends on the data, or a compiled module: nothing to fold.
        return None
    _fold_batch_norm(traced)
    return traced


def fuse_activations(traced: nn.Module) -> nn.Module:
    """Let oneDNN apply ReLU and ReLU6 inside the convolution; for traced networks on the CPU.

    Saves one pass over memory per layer. Where this build of PyTorch has no such operator nothing changes.
    """
    if not isinstance(traced, fx.GraphModule) or not _onednn_convolution_available():
        return traced
    modules = dict(traced.named_modules())
    calls = _calls(traced)
    for node in list(traced.graph.nodes):
        convolution = modules.get(str(node.target)) if node.op == "call_module" else None
        if type(convolution) is not nn.Conv2d or calls[str(node.target)] != 1 or len(node.args) != 1:
            continue
        if convolution.padding_mode != "zeros" or isinstance(convolution.padding, str):
            continue
        follower = _only_user(node)
        activation: tuple[str, list[float]] = ("none", [])
        if follower is not None and follower.op == "call_module":
            activation = _ACTIVATIONS.get(type(modules[str(follower.target)]), activation)
        traced.add_submodule(str(node.target), _OneDnnConvolution(convolution, activation))
        if activation[0] != "none" and follower is not None:
            follower.replace_all_uses_with(node)
            traced.graph.erase_node(follower)
    traced.delete_all_unused_submodules()
    traced.graph.lint()
    traced.recompile()
    return traced


class _OneDnnConvolution(nn.Module):
    """A convolution with what follows it, in one call of the operator that torch.compile also generates."""

    def __init__(self, convolution: nn.Conv2d, activation: tuple[str, list[float]]) -> None:
        super().__init__()
        self.weight = convolution.weight
        self.bias = convolution.bias
        self.geometry = (
            list(convolution.padding),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        self.activation = activation

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        name, scalars = self.activation
        result: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            inputs, self.weight, self.bias, *self.geometry, name, scalars, ""
        )
        return result


def _onednn_convolution_available() -> bool:
    # torch.backends has no types.
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _only_user(node: fx.Node) -> fx.Node | None:
    users = list(node.users)
    return users[0] if len(users) == 1 else None


def _replace_padded_convolutions(network: nn.Module) -> None:
    """Turn EfficientNet-Lite's convolution with a padding module of its own into a plain convolution."""
    for name, child in list(network.named_children()):
        padding = getattr(child, "static_padding", None)
        if isinstance(child, nn.Conv2d) and isinstance(padding, nn.Module):
            setattr(network, name, _with_padding(child, padding))
        else:
            _replace_padded_convolutions(child)


def _with_padding(convolution: nn.Conv2d, padding: nn.Module) -> nn.Module:
    if not isinstance(padding, nn.ZeroPad2d):
        return _plain(convolution, convolution.weight, (0, 0))
    left, right, top, bottom = padding.padding
    if any(convolution.padding) or convolution.dilation != (1, 1) or right < left or bottom < top:
        return nn.Sequential(padding, _plain(convolution, convolution.weight, (0, 0)))
    # Padding more at the end by d equals symmetric padding by the larger amount with a kernel that begins
    # with d zeros: the window starts d earlier and ignores what it sees there. Positions stay aligned for any
    # stride.
    weight = functional.pad(convolution.weight.detach(), (right - left, 0, bottom - top, 0))
    return _plain(convolution, weight, (bottom, right))


def _plain(convolution: nn.Conv2d, weight: torch.Tensor, padding: tuple[int, int]) -> nn.Conv2d:
    plain = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        (int(weight.shape[2]), int(weight.shape[3])),
        _pair(convolution.stride),
        padding,
        _pair(convolution.dilation),
        convolution.groups,
        bias=convolution.bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    )
    plain.weight = nn.Parameter(weight.detach(), requires_grad=False)
    if convolution.bias is not None:
        plain.bias = nn.Parameter(convolution.bias.detach(), requires_grad=False)
    return plain.eval()


def _pair(values: Sequence[int]) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)


def _calls(traced: fx.GraphModule) -> Counter[str]:
    """How often each module is called: one that is called twice cannot be changed for one of its calls."""
    return Counter(str(node.target) for node in traced.graph.nodes if node.op == "call_module")


def _fold_batch_norm(traced: fx.GraphModule) -> None:
    modules = dict(traced.named_modules())
    calls = _calls(traced)
    for node in list(traced.graph.nodes):
        norm = modules.get(str(node.target)) if node.op == "call_module" else None
        before = node.args[0] if type(norm) is nn.BatchNorm2d else None
        if not isinstance(norm, nn.BatchNorm2d) or not isinstance(before, fx.Node):
            continue
        name = str(before.target)
        convolution = modules.get(name) if before.op == "call_module" else None
        if type(convolution) is not nn.Conv2d or calls[name] != 1 or len(before.users) != 1:
            continue
        if norm.running_mean is None:
            continue
        modules[name] = fuse_conv_bn_eval(convolution, norm)
        traced.add_submodule(name, modules[name])
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.graph.lint()
    traced.recompile()
