"""What the package does to the process that imports it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def fresh_process(code: str) -> object:
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(finished.stdout)


def test_no_module_of_the_package_loads_django_or_celery() -> None:
    modules = [
        f"inference.{path.stem}" for path in (ROOT / "inference").glob("*.py") if path.stem != "__init__"
    ]
    assert "inference.prediction" in modules
    code = (
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps([name for name in ('django', 'celery', 'kombu') if name in sys.modules]))"
    )
    assert fresh_process(code) == []


def test_importing_the_package_alone_does_not_load_torch() -> None:
    assert fresh_process("import json, sys, inference; print(json.dumps('torch' in sys.modules))") is False


def test_the_allocator_is_tuned_where_there_is_glibc() -> None:
    import platform

    if platform.libc_ver()[0] != "glibc":
        pytest.skip("This machine's C library is not glibc.")
    code = """if True:
        import ctypes, inference, json
        from pathlib import Path
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        block = libc.malloc(64 * 2**20)
        (heap,) = [line for line in Path("/proc/self/maps").read_text().splitlines() if "[heap]" in line]
        low, high = (int(part, 16) for part in heap.split()[0].split("-"))
        print(json.dumps(low <= block < high))
    """
    assert fresh_process(code) is True
    assert fresh_process(code.replace(", inference", "")) is False


def test_torchvision_works_with_this_torch() -> None:
    code = (
        "import json\n"
        "from inference.torchvision_ops import torchvision\n"
        "import torch\n"
        "model = torchvision.models.squeezenet1_1(weights=None).eval()\n"
        "shape = list(model(torch.zeros(1, 3, 64, 64)).shape)\n"
        "print(json.dumps([shape, hasattr(torch.ops.torchvision, 'nms')]))"
    )
    assert fresh_process(code) == [[1, 1000], True]
