"""Arrays as the page holds them come back as they were."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantstudy.show.page.live.networks import parameters, repaired_of
from quantstudy.show.page.live.packed import packed, packed_bits
from tests.page.cases import random_stack


def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<i4", ">i2", "i1"])
def test_numbers_are_little_endian_whatever_they_were(kind: str) -> None:
    numbers = np.array([[1, -2, 3], [100, 5, -6]], kind)
    asked = np.dtype(kind).newbyteorder("<").str
    assert unpacked(packed(numbers, asked), asked).tolist() == numbers.ravel().tolist()
    assert packed(numbers.T) == packed(np.ascontiguousarray(numbers.T))


@given(arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 11))))
def test_bits_follow_one_another_without_gaps(mask: np.ndarray) -> None:
    found = np.unpackbits(unpacked(packed_bits(mask), "u1"), bitorder="little")
    assert found[: mask.size].tolist() == mask.ravel().tolist()
    assert len(found) == -(-mask.size // 8) * 8


def test_networks_are_one_behind_the_other() -> None:
    stack = random_stack("prelu", (2, 3, 4, 1), models=2, seed=0)
    found = parameters(stack.arrays(), (1, 0))
    parts = [part for w, b in zip(stack.weights, stack.biases, strict=True) for part in (w[1], b[1])]
    slopes = [slope[1] for slope in stack.slopes if slope is not None]
    assert found[0].tolist() == np.concatenate([part.numpy().ravel() for part in [*parts, *slopes]]).tolist()


def test_codes_scales_and_ranges_have_the_seed_first() -> None:
    codes = [np.arange(12, dtype=np.int16).reshape(2, 3, 2), -np.arange(6, dtype=np.int16).reshape(2, 1, 3)]
    scales = [np.arange(6, dtype=np.float32).reshape(2, 3), np.float32([[7], [8]])]
    layers = {f"layers.{k}.weight.codes": part for k, part in enumerate(codes)}
    layers |= {f"layers.{k}.weight.scale": part for k, part in enumerate(scales)}
    layers |= {f"layers.{k}.weight": part.astype(np.float32) for k, part in enumerate(codes)}
    layers |= {f"layers.{k}.bias": part[:, :, 0].astype(np.float32) for k, part in enumerate(codes)}
    layers |= {"layers.0.output.scale": np.float32([[1], [2]]), "layers.0.output.zero_point": np.int32([[5], [6]])}
    found = repaired_of(layers, (0, 1))
    assert unpacked(found["codes"], "<i2").tolist() == [*range(6), 0, -1, -2, *range(6, 12), -3, -4, -5]
    assert unpacked(found["scales"], "<f4").tolist() == [0, 1, 2, 7, 3, 4, 5, 8]
    assert unpacked(found["outputs"]["scale"], "<f4").tolist() == [1, 2]
    assert unpacked(found["outputs"]["zero"], "<i4").tolist() == [5, 6]
    one = {**layers, "layers.0.weight.scale": np.float32([[5], [6]])}
    assert unpacked(repaired_of(one, (0, 1))["scales"], "<f4").tolist() == [5, 5, 5, 7, 6, 6, 6, 8]
    assert unpacked(repaired_of(one, (1,))["scales"], "<f4").tolist() == [6, 6, 6, 8]
