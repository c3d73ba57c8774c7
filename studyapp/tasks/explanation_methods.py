"""The methods of explanation on a registered classifier: `explain` gets its functions, never its registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from studyapp.services.refusals import Refused

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from explain.attributions import AttributionParameters
    from explain.explanations import SuperpixelExplanation
    from explain.lime import LimeParameters
    from explain.pictures import ExplanationPath
    from explain.superpixels import Segmenter
    from inference.prepared import PreparedClassifier

# Masked pictures of 224 x 224 that a CPU works at together; of smaller ones as many as have the same pixels.
CPU_BATCH = 8
LARGEST_BATCH = 256
# Threads that mask and classify batches of their own on a CPU: beyond this they only wait for memory.
MOST_STREAMS = 4


def segmenter_of(parameters: Mapping[str, Any]) -> Segmenter:
    """How a run's parameters cut pictures."""
    from explain.superpixels import Segmenter

    return Segmenter(method=parameters["segmenter"])


def method_parameters(method: str, parameters: Mapping[str, Any]) -> LimeParameters | AttributionParameters:
    """A run's parameters as its method takes them."""
    from explain.attributions import AttributionParameters
    from explain.lime import LimeParameters

    if method != "lime":
        layer = {"layer": parameters["layer"]} if method == "gradcam" else {}
        return AttributionParameters(method=method, **layer)  # type: ignore[arg-type]
    names = ("samples", "kernel_width", "kernel_sqrt", "hidden", "selection", "features")
    return LimeParameters(**{name: parameters[name] for name in names if name in parameters})


class Explainer:
    """One classifier, ready to be explained by every method. Pictures are uint8 (side, side, 3)."""

    def __init__(self, prepared: PreparedClassifier) -> None:
        self._prepared = prepared
        self._device = prepared.classifier.device
        self._batch: int | None = None
        self._streams = 1
        if self._device.type == "cpu":
            import torch

            side = prepared.classifier.preprocessing.crop.side
            together = max(CPU_BATCH, min(LARGEST_BATCH, CPU_BATCH * (224 // side) ** 2))
            self._streams = max(1, min(MOST_STREAMS, torch.get_num_threads()))
            self._batch = max(2, together // self._streams)

    @property
    def classes(self) -> int:
        """Classes of the classifier's list."""
        return len(self._prepared.classifier.classes)

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Softmax probabilities (classes,) of the whole picture."""
        import torch

        found: NDArray[np.float32] = self._predict(torch.from_numpy(pixels.copy())[None])[0].cpu().numpy()
        return found

    def explain(
        self,
        parameters: LimeParameters | AttributionParameters,
        pixels: NDArray[np.uint8],
        segments: NDArray[np.int32],
        classes: Sequence[int],
        *,
        seed: int,
    ) -> tuple[SuperpixelExplanation, ...]:
        """One explanation per class, from shared passes where the method allows it; ValueError on failure."""
        from explain.attributions import explain_attribution
        from explain.lime import LimeParameters, explain_lime

        if isinstance(parameters, LimeParameters):
            return explain_lime(
                self._predict,
                pixels,
                segments,
                classes,
                parameters,
                seed=seed,
                device=self._device,
                batch=self._batch,
                streams=self._streams,
            )
        return explain_attribution(
            self._forward,
            pixels,
            segments,
            classes,
            parameters,
            network=self._prepared.classifier.network,
            device=self._device,
        )

    def path(
        self,
        pixels: NDArray[np.uint8],
        segments: NDArray[np.int32],
        weights: NDArray[np.float64],
        explained: int,
        *,
        most: int,
        rest: str,
    ) -> ExplanationPath:
        """The explanation path of up to `most` frames."""
        from explain.pictures import explanation_path

        return explanation_path(
            self._predict,
            pixels,
            segments,
            weights,
            explained,
            most,
            rest=rest,  # type: ignore[arg-type]
            device=self._device,
        )

    def check(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Try a method on random pixels; the parameters with everything filled in that it decides itself.

        Raises Refused where the classifier gives it no gradients, or its layer does not exist or is no map.
        """
        import numpy as np

        from explain.lime import LimeParameters

        chosen = method_parameters(method, parameters)
        if isinstance(chosen, LimeParameters):
            return dict(chosen.described())
        side = self._prepared.classifier.preprocessing.crop.side
        pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        segments = (np.arange(side * side).reshape(side, side) * 2 // (side * side)).astype(np.int32)
        name = self._prepared.classifier.spec.name
        try:
            # Without relu nothing is cut off; two steps are enough to see whether gradients come through.
            quick = replace(chosen, relu=False, steps=2)
            (tried,) = self.explain(quick, pixels, segments, [0], seed=0)
        except (ValueError, RuntimeError) as problem:
            said = str(problem).strip().splitlines()[-1]
            raise Refused(f"{name} can not be explained by {method}: {said}") from problem
        if method == "integrated_gradients" and not tried.weights.any():
            raise Refused(
                f"{name} can not be explained by {method}: its gradients are zero for every pixel. Explain "
                "with lime, occlusion or feature_ablation."
            )
        return {**chosen.described(), **({"layer": tried.parameters["layer"]} if method == "gradcam" else {})}

    def _predict(self, pixels: torch.Tensor) -> torch.Tensor:
        return self._prepared.logits(pixels).softmax(dim=1)

    def _forward(self, pictures: torch.Tensor) -> torch.Tensor:
        from inference.prepared import numerics

        loaded = self._prepared.classifier
        with numerics(self._device, "float32"):
            logits: torch.Tensor = loaded.network(loaded.preprocessing.normalise_unit(pictures))
            return logits
