"""AdaIN by its laws, with small random weights in files that have the published names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from inference.perturbations.stylise import (
    DECODER,
    ENCODER,
    Stylist,
    adain,
    build_decoder,
    build_encoder,
    load_stylist,
)
from inference.resampling import area_resized, area_weights
from inference.weights import WeightsError
from tests.inference_tests.adain_files import write_adain

SIDE = 16


@pytest.fixture(scope="module")
def stylist(tmp_path_factory: pytest.TempPathFactory) -> Stylist:
    encoder, decoder = write_adain(tmp_path_factory.mktemp("adain"))
    return load_stylist(encoder, decoder, torch.device("cpu"))


def pictures(seed: int, count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, SIDE, SIDE, 3), dtype=torch.uint8, generator=generator)


def features(seed: int) -> torch.Tensor:
    return torch.randn(2, 5, 7, 7, generator=torch.Generator().manual_seed(seed)) * 3 + 1


def test_the_result_has_the_statistics_of_the_style_whatever_the_content() -> None:
    content, style = features(1), features(2) * 0.5 - 4
    mixed = adain(content, style)
    torch.testing.assert_close(mixed.mean((2, 3)), style.mean((2, 3)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mixed.std((2, 3)), style.std((2, 3)), atol=1e-4, rtol=1e-4)


def test_by_hand_on_four_places() -> None:
    content = torch.tensor([[[[0.0, 2.0], [4.0, 6.0]]]])
    style = torch.tensor([[[[10.0, 10.0], [14.0, 14.0]]]])
    # Deviations with n - 1: sqrt(20/3) and sqrt(16/3); means 3 and 12.
    expected = np.sqrt(16 / 20) * (np.array([0, 2, 4, 6]) - 3) + 12
    assert adain(content, style).flatten().numpy() == pytest.approx(expected, abs=1e-4)


def test_the_content_as_its_own_style_keeps_the_contents_features() -> None:
    content = features(3)
    torch.testing.assert_close(adain(content, content), content, atol=1e-5, rtol=1e-5)


def test_a_picture_in_its_own_style_and_alpha_zero_are_both_the_reconstruction(stylist: Stylist) -> None:
    content, style = pictures(1), pictures(2)
    with torch.inference_mode():
        encoded = stylist.encoder(content.permute(0, 3, 1, 2) / 255.0)
        decoded = (stylist.decoder(encoded) * 255).clamp(0, 255).add(0.5).to(torch.uint8)
    reconstruction = decoded.permute(0, 2, 3, 1)
    assert len(reconstruction.unique()) > 20
    assert torch.equal(stylist.stylised(content, style, alpha=0.0), reconstruction)
    itself = stylist.stylised(content, content).int() - reconstruction.int()
    assert int(itself.abs().max()) <= 1
    assert not torch.equal(stylist.stylised(content, style), reconstruction)


def test_each_picture_has_its_own_style_wherever_it_stands_in_a_batch(stylist: Stylist) -> None:
    content, style = pictures(1), pictures(2)
    together = stylist.stylised(content, style, alpha=0.7)
    alone = torch.cat([stylist.stylised(content[i : i + 1], style[i : i + 1], alpha=0.7) for i in range(2)])
    assert int((together.int() - alone.int()).abs().max()) <= 1


def test_the_smaller_set_is_the_mean_over_areas() -> None:
    weights = area_weights(7, 2)
    assert weights.tolist() == pytest.approx(
        np.array([[2, 2, 2, 1, 0, 0, 0], [0, 0, 0, 1, 2, 2, 2]]) / 7, abs=1e-12
    )
    planes = torch.arange(36.0).view(1, 1, 6, 6)
    assert torch.equal(area_resized(planes, 3), torch.nn.functional.avg_pool2d(planes, 2))
    assert area_resized(planes, 6) is planes


def test_the_smaller_set_comes_from_the_larger_before_it_is_rounded(stylist: Stylist) -> None:
    content, style = pictures(1), pictures(2)
    large = stylist.stylised(content, style).permute(0, 3, 1, 2).float()
    small = stylist.stylised(content, style, size=4).permute(0, 3, 1, 2).float()
    assert float((small - torch.nn.functional.avg_pool2d(large, 4)).abs().max()) <= 1.0


def test_layers_have_the_published_numbers_and_shapes() -> None:
    encoder = build_encoder({number: (inputs, outputs) for number, (inputs, outputs, _) in ENCODER.items()})
    decoder = build_decoder({number: (inputs, outputs) for number, (inputs, outputs, _) in DECODER.items()})
    for network, layers in ((encoder, ENCODER), (decoder, DECODER)):
        shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        assert shapes == {
            **{f"{n}.weight": (outputs, inputs, side, side) for n, (inputs, outputs, side) in layers.items()},
            **{f"{n}.bias": (outputs,) for n, (_, outputs, _) in layers.items()},
        }
    assert len(encoder) == 31


def test_layers_of_the_encoder_behind_relu4_1_are_not_needed(tmp_path: Path) -> None:
    encoder, decoder = write_adain(tmp_path, behind=True)
    assert len(load_stylist(encoder, decoder, torch.device("cpu")).encoder.state_dict()) == 2 * len(ENCODER)


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    encoder, decoder = write_adain(tmp_path)
    device = torch.device("cpu")
    with pytest.raises(WeightsError, match="no such weights file"):
        load_stylist(tmp_path / "nowhere.pth", decoder, device)
    with pytest.raises(WeightsError, match=r"no convolution 0\.weight; it needs 0\.weight \(3, 3, 1, 1\)"):
        load_stylist(decoder, decoder, device)
    other = tmp_path / "other"
    other.mkdir()
    _, wide = write_adain(other, deepest=12)
    with pytest.raises(WeightsError, match="no pair"):
        load_stylist(encoder, wide, device)
    unsafe = tmp_path / "unsafe.pth"
    torch.save({"0.weight": Path("code")}, unsafe)
    with pytest.raises(WeightsError, match="could run code"):
        load_stylist(unsafe, decoder, device)
    save_file({"nothing": torch.zeros(1)}, str(tmp_path / "empty.safetensors"))
    with pytest.raises(WeightsError, match=r"no convolution 1\.weight"):
        load_stylist(encoder, tmp_path / "empty.safetensors", device)
