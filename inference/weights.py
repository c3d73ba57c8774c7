"""Weights files that cannot run code: state dictionaries, safetensors, and pickles of plain arrays."""

from __future__ import annotations

import difflib
import hashlib
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

_BLOCK = 1 << 20

# What a pickled NumPy array of plain numbers needs, and nothing else. `numpy.core` is the name before NumPy
# 2.
_ARRAY_PARTS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


class WeightsError(ValueError):
    """A weights file that is missing, damaged, unsafe, or made for another network."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion for a mistyped name: " Did you mean ...?", or nothing."""
    close = difflib.get_close_matches(name.lower(), list(known), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def state_digest(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, types, shapes and values of a state dictionary: for weights that are no file."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """The state dictionary in a .safetensors, .pt, .pth or .bin file; a file that holds code is refused.

    A checkpoint that wraps it (`state_dict` or `model`) is unwrapped, and the `module.` that
    DataParallel puts before every name is taken off.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file.")
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path, device="cpu"))
        except SafetensorError as error:
            raise WeightsError(f"{path} is no safetensors file: {error}") from error
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} holds more than plain tensors and could run code when loaded, so it is refused. Save "
            "only the network's state_dict(), or convert it to safetensors."
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} is no PyTorch weights file, or is incomplete: {error}") from error
    return _unwrap(loaded, path)


def load_state(network: nn.Module, state: Mapping[str, torch.Tensor], *, source: str) -> None:
    """Put weights into a network; missing, unknown and wrongly shaped ones are all named in one error."""
    wanted = network.state_dict()
    # Counters that old checkpoints lack and that evaluation does not use.
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    unknown = [name for name in state if name not in wanted]
    misshapen = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(wanted[name].shape)}"
        for name in wanted
        if name in state and state[name].shape != wanted[name].shape
    ]
    complaints = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for what, names in (("missing", missing), ("unknown", unknown), ("of another shape", misshapen))
        if names
    ]
    if complaints:
        raise WeightsError(
            f"{source} does not fit the network {type(network).__name__}: {'; '.join(complaints)}. "
            "Check the architecture and the number of classes."
        )
    network.load_state_dict(dict(state), strict=False)


def read_array_pickle(path: Path) -> dict[str, list[NDArray[Any]]]:
    """A pickled dictionary of lists of plain NumPy arrays, read without running anything it may contain."""
    try:
        with path.open("rb") as file:
            loaded = _ArrayUnpickler(file).load()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}).") from error
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise WeightsError(f"{path} is no pickle of plain arrays: {error}") from error
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str)
        and isinstance(arrays, list)
        and all(isinstance(array, np.ndarray) and array.dtype.kind in "fiu" for array in arrays)
        for name, arrays in loaded.items()
    ):
        raise WeightsError(f"{path} holds something else than named lists of numeric arrays.")
    return loaded


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        if (module_name, global_name) not in _ARRAY_PARTS:
            raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}, which is not allowed")
        if global_name == "_reconstruct":
            return _empty_array
        return {"ndarray": np.ndarray, "dtype": np.dtype}[global_name]


def _empty_array(kind: type, shape: tuple[int, ...], typecode: bytes) -> NDArray[Any]:
    # NumPy's own _reconstruct lives in a private module that has moved between versions.
    if kind is not np.ndarray:
        raise pickle.UnpicklingError(f"it asks for an array of type {kind}")
    return np.ndarray.__new__(np.ndarray, shape, typecode.decode())


def _unwrap(loaded: object, path: Path) -> dict[str, torch.Tensor]:
    for wrapper in ("state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not loaded:
        raise WeightsError(f"{path} holds no state dictionary (names with tensors).")
    state: dict[str, torch.Tensor] = {}
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise WeightsError(f"{path}: entry {name!r} is no tensor. Save only the network's state_dict().")
        state[name.removeprefix("module.")] = value
    return state
