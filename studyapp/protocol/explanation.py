"""`[explanation]`: how superpixels are made and weighed, and how much of the picture people see.

Source: Ribeiro et al. (KDD 2016) as the `lime` package implements it; Stock and Cissé (ECCV 2018),
section 3.2, for the samples and the eight superpixels. The computing side is `explain`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from studyapp.protocol.keys import about

Method = Literal["lime", "integrated_gradients", "gradcam", "occlusion", "feature_ablation"]
SegmenterName = Literal["quickshift", "slic", "grid"]
Hidden = Literal["mean", "black", "grey", "blur"]
Selection = Literal["all", "lasso_path"]
Rest = Literal["black", "grey", "mean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationPlan:
    """`[explanation]`: superpixels, their weights, and the image with attention."""

    segmenter: SegmenterName = field(
        default="quickshift",
        metadata=about(
            "How superpixels are made; pictures under 32 pixels are cut into a grid by `quickshift`, too."
        ),
    )
    samples: int = field(
        default=1000, metadata=about("Masked pictures that LIME looks at (n).", at_least=10, at_most=100_000)
    )
    kernel_width: float = field(
        default=0.25,
        metadata=about("Width sigma of LIME's kernel over cosine distances.", at_least=1e-6, at_most=100),
    )
    kernel_sqrt: bool = field(
        default=True, metadata=about("Take the square root of the kernel, as the lime package does.")
    )
    hidden: Hidden = field(
        default="mean", metadata=about("What stands in a superpixel that LIME switches off.")
    )
    selection: Selection = field(
        default="all",
        metadata=about(
            "Weigh all superpixels by ridge regression, or choose them along the lasso path first."
        ),
    )
    layer: str | None = field(
        default=None, metadata=about("Layer for `gradcam`; none takes the last convolution.")
    )
    superpixels: int = field(
        default=8,
        metadata=about("Superpixels of positive weight that people see (k).", at_least=1, at_most=1000),
    )
    rest: Rest = field(default="black", metadata=about("What stands in the rest of the picture."))
