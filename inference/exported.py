"""Networks in TorchScript or torch.export files: trusted files only, because loading them can run code."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from inference.weights import WeightsError

EXPORTED = ("torchscript", "torch_export")


def load_exported(path: Path, *, architecture: str, trusted: bool) -> nn.Module:
    """The network in a local file; `trusted` is the researcher's word that its origin is known."""
    if not trusted:
        raise WeightsError(
            f"{path} is a {architecture} file, which can run code when it is loaded. If you know where it "
            "comes from, say so (trusted = true); otherwise use a state dictionary or safetensors."
        )
    if not path.is_file():
        raise WeightsError(f"{path}: no such {architecture} file.")
    try:
        if architecture == "torchscript":
            # torch.jit has no types.
            scripted: nn.Module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
            return scripted.eval()
        # An exported program is in evaluation mode already and refuses eval().
        return torch.export.load(path).module()
    except (RuntimeError, ValueError, OSError, KeyError) as error:
        raise WeightsError(
            f"{path} is no {architecture} file, or another version made it: {error}"
        ) from error


class FixedBatch(nn.Module):
    """Runs a network that accepts one batch size only: larger batches in parts, smaller ones padded."""

    def __init__(self, network: nn.Module, batch: int) -> None:
        super().__init__()
        if batch < 1:
            raise ValueError(f"A fixed batch size is {batch}; give at least 1.")
        self.network = network
        self.batch = batch

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits for any number of inputs, in order; what the padding gives is thrown away."""
        outputs = []
        for part in torch.split(inputs, self.batch):
            lacking = self.batch - len(part)
            if lacking:
                part = torch.cat([part, part.new_zeros((lacking, *part.shape[1:]))])
            outputs.append(self.network(part)[: self.batch - lacking])
        return torch.cat(outputs)
