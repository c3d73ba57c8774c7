"""What computes a run: the device, and the versions of the libraries that matter to it."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def device_name(device: torch.device) -> str:
    """The device and the hardware behind it, such as "cuda NVIDIA H100" or "cpu x86_64"."""
    import torch

    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return f"{device} {hardware}".strip()


def library_versions(*packages: str) -> dict[str, str]:
    """Python's version and those of the installed packages, by name."""
    return {
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in packages},
    }
