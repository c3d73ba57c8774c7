"""Import torchvision also where torch has no compiled torchvision operators.

torchvision's wheels register shape functions for `torchvision::nms` and `torchvision::qnms` on import. Their
compiled half needs the same build of torch; with a CPU-only torch it does not load, the operators are unknown
and `import torchvision` fails. No classifier uses them, so they are declared here, without an implementation.
With a matching torchvision nothing is declared.

Import torchvision only as `from inference.torchvision_ops import torchvision`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")

# A library fragment lives as long as its object.
_fragments: list[torch.library.Library] = []


def _import_torchvision() -> ModuleType:
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    # What the failed import left behind would be reused half-initialised.
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    # torch.library has no types.
    fragment = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in _OPERATORS:
        if not hasattr(torch.ops.torchvision, operator):
            fragment.define(operator + _SIGNATURE)  # type: ignore[no-untyped-call]
    _fragments.append(fragment)
    return importlib.import_module("torchvision")


torchvision = _import_torchvision()
