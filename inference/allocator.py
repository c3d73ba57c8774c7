"""Keep large buffers inside the process instead of returning them to the kernel.

glibc serves a buffer of some megabytes with its own mmap and gives it back on free. A network allocates and
frees such buffers for every layer of every batch, so that over half of the time of a forward pass on the CPU
goes to page faults. With these settings freed memory stays in the heap and is used again.
"""

from __future__ import annotations

import ctypes
import platform

# Parameters of mallopt(3), from glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8

_LARGEST_INT = 2**31 - 1
_TOP_PAD_BYTES = 64 * 2**20


def keep_memory() -> bool:
    """Tune the C allocator of this process, for all its threads; True where that was possible.

    One arena (so that threads share what is freed), no mmap for large buffers, nothing trimmed from the top
    of the heap, and the heap grown by 64 MiB at a time. Without glibc nothing happens.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    mallopt.restype = ctypes.c_int
    settings = (
        # glibc refuses an mmap threshold above 32 MiB; allowing no mmap at all is the same as none.
        (_M_MMAP_MAX, 0),
        (_M_ARENA_MAX, 1),
        (_M_TRIM_THRESHOLD, _LARGEST_INT),
        (_M_TOP_PAD, _TOP_PAD_BYTES),
    )
    accepted = [mallopt(parameter, value) == 1 for parameter, value in settings]
    return all(accepted)
