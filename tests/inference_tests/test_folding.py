"""The rewritten network computes what the original computes, and leaves the original alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from inference.folding import fold, fuse_activations
from inference.torchvision_ops import torchvision


class SamePaddedConvolution(nn.Conv2d):
    """Like EfficientNet-Lite's: a convolution with a padding module of its own."""

    def __init__(self, channels: int, kernel: int, stride: int, padding: tuple[int, int, int, int]) -> None:
        super().__init__(channels, channels, kernel, stride, groups=channels, bias=False)
        self.static_padding = nn.ZeroPad2d(padding)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(self.static_padding(inputs))


def randomised(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    for tensor in [*network.parameters(), *network.buffers()]:
        if tensor.dtype.is_floating_point:
            # Positive, because variances are among them.
            tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    return network.eval()


def outputs(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        result: torch.Tensor = network(inputs)
    return result


def test_a_one_pixel_network_is_folded_to_the_hand_computed_weights() -> None:
    convolution = nn.Conv2d(1, 1, 1)
    norm = nn.BatchNorm2d(1, eps=0.0)
    convolution.weight.data.fill_(2.0)
    convolution.bias = nn.Parameter(torch.tensor([1.0]))
    norm.weight.data.fill_(3.0)
    norm.bias.data.fill_(5.0)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.fill_(4.0)
    norm.running_var.fill_(4.0)
    folded = fold(nn.Sequential(convolution, norm))
    assert folded is not None
    # 3 * (2x + 1 - 4) / 2 + 5 = 3x + 0.5
    (rewritten,) = [module for module in folded.modules() if isinstance(module, nn.Conv2d)]
    assert rewritten.weight.item() == pytest.approx(3.0)
    assert rewritten.bias is not None
    assert rewritten.bias.item() == pytest.approx(0.5)
    assert not [module for module in folded.modules() if isinstance(module, nn.BatchNorm2d)]
    assert convolution.weight.item() == 2.0


@pytest.mark.parametrize("size", [7, 8, 11])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        (3, 2, (0, 1, 0, 1)),
        (5, 2, (1, 2, 1, 2)),
        (3, 1, (1, 1, 1, 1)),
        (3, 2, (1, 0, 1, 0)),
        (3, 3, (0, 2, 1, 1)),
    ],
)
def test_asymmetric_padding_is_folded_into_the_kernel(
    size: int, kernel: int, stride: int, padding: tuple[int, int, int, int]
) -> None:
    network = randomised(nn.Sequential(SamePaddedConvolution(2, kernel, stride, padding), nn.BatchNorm2d(2)))
    inputs = torch.randn(3, 2, size, size, generator=torch.Generator().manual_seed(size))
    folded = fold(network)
    assert folded is not None
    assert torch.allclose(outputs(folded, inputs), outputs(network, inputs), atol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1", "shufflenet_v2_x0_5"])
def test_torchvisions_networks_say_the_same_after_folding_and_fusing(name: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = torchvision.models.get_model(name, weights=None, num_classes=7).eval()
    inputs = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    folded = fold(network)
    assert folded is not None
    fused = fuse_activations(folded)
    for batch in (inputs, inputs[:1]):
        expected = outputs(network, batch).softmax(dim=1)
        assert torch.allclose(outputs(fused, batch).softmax(dim=1), expected, atol=1e-5)


def test_a_convolution_that_is_called_twice_is_not_folded() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(1, 1, 1)
            self.norm = nn.BatchNorm2d(1)
            self.activation = nn.ReLU()

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            once: torch.Tensor = self.norm(self.convolution(inputs))
            again: torch.Tensor = self.activation(self.convolution(once))
            return again - self.convolution(inputs)

    network = randomised(Twice())
    inputs = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    folded = fold(network)
    assert folded is not None
    assert torch.allclose(outputs(fuse_activations(folded), inputs), outputs(network, inputs), atol=1e-5)


def test_a_network_whose_path_depends_on_the_data_is_left_alone() -> None:
    class Branching(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs if inputs.sum() > 0 else -inputs

    assert fold(Branching()) is None
