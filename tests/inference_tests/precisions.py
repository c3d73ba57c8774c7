"""What this machine's processor can compute."""

from __future__ import annotations

import pytest
import torch

#: PyTorch has convolutions in bfloat16 only for processors with certain vector instructions.
needs_bfloat16 = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="needs a processor with bfloat16 convolutions"
)
