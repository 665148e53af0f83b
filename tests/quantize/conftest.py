"""The oracle of DESIGN §4 in plain numpy float32, and one tiny stack. Nothing here looks at quantstudy's quantizers."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.quantize.plan import FloatMaps, float_maps
from quantstudy.targets.islands import plane

F32 = np.float32
EPSILON = F32(2.0**-23)
SMALLEST_NORMAL = F32(2.0**-126)


class Oracle:
    """The formulas of DESIGN §4, one line each; every array float32, codes whole numbers in float32."""

    EPSILON, SMALLEST_NORMAL = EPSILON, SMALLEST_NORMAL

    @staticmethod
    def ends(bits: int) -> tuple[int, int]:
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    @classmethod
    def codes(cls, x, scale, zero, bits: int):
        low, high = cls.ends(bits)
        reciprocal = F32(1) / np.asarray(scale, F32)
        with np.errstate(over="ignore"):  # far beyond a narrow range: infinity, then the last code
            free = np.rint(np.asarray(x, F32) * reciprocal) + np.asarray(zero, F32)
        return np.clip(free, F32(low), F32(high))

    @classmethod
    def values(cls, x, scale, zero, bits: int):
        return (cls.codes(x, scale, zero, bits) - np.asarray(zero, F32)) * np.asarray(scale, F32)

    @classmethod
    def symmetric(cls, x, axis: int, bits: int, least):
        low, high = cls.ends(bits)
        scale = np.abs(x).max(axis=axis, keepdims=True) / F32((high - low) / 2)
        scale = np.maximum(scale, least)
        return scale, np.zeros(scale.shape, np.int32)

    @classmethod
    def affine(cls, smallest, largest, bits: int, least):
        low, high = cls.ends(bits)
        bottom, top = np.minimum(smallest, F32(0)), np.maximum(largest, F32(0))
        scale = np.maximum((top - bottom) / F32(high - low), least)
        return scale, np.clip(low - np.rint(bottom / scale), low, high).astype(np.int32)

    @classmethod
    def range(cls, smallest, largest, bits: int):
        """Static: affine, the least scale is the smallest normal float, and float32's epsilon without any width."""
        scale, zero = cls.affine(smallest, largest, bits, SMALLEST_NORMAL)
        dead = np.minimum(smallest, F32(0)) == np.maximum(largest, F32(0))
        return np.where(dead, EPSILON, scale), zero

    @classmethod
    def weights(cls, w, bits: int, observer: str = "symmetric"):
        """One scale per row of the last axis; torchao's 8-bit config, which is symmetric, has another least scale."""
        if observer == "symmetric":
            return cls.symmetric(w, -1, bits, EPSILON if bits == 8 else SMALLEST_NORMAL)
        low, high = cls.ends(bits)
        below, above = (np.clip(-w, 0, None) / F32(-low), np.clip(w, 0, None) / F32(high))
        scale = np.maximum(np.maximum(below, above).max(axis=-1, keepdims=True), SMALLEST_NORMAL)
        return scale, np.zeros(scale.shape, np.int32)

    @classmethod
    def rounded_weights(cls, w, bits: int, observer: str = "symmetric"):
        return cls.values(w, *cls.weights(w, bits, observer), bits)

    @classmethod
    def per_tensor(cls, x, bits: int):
        """Static: one affine range per model of x [models, width, points], zero included."""
        smallest, largest = x.min(axis=(1, 2), keepdims=True), x.max(axis=(1, 2), keepdims=True)
        return cls.range(smallest, largest, bits)

    @classmethod
    def per_token(cls, x, weight_bits: int, bits: int = 8):
        """Dynamic: symmetric beside weights of 8 bits and more (max|x|/127.5), affine beside narrower ones."""
        if weight_bits >= 8:
            return cls.symmetric(x, 1, bits, EPSILON if weight_bits == 8 else SMALLEST_NORMAL)
        return cls.affine(x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True), bits, SMALLEST_NORMAL)


@pytest.fixture(scope="session")
def oracle() -> type[Oracle]:
    return Oracle


@pytest.fixture(scope="session")
def stack() -> Stack:
    """Two leaky_relu networks of odd widths whose biases are not 0; leaky: its outputs have both signs."""
    return tiny_stack("leaky_relu", (5, 7, 3))


@pytest.fixture(scope="session")
def points() -> torch.Tensor:
    return torch.from_numpy(plane(5))


@pytest.fixture(scope="session")
def maps(stack: Stack, points: torch.Tensor) -> FloatMaps:
    return float_maps(stack, points)


@pytest.fixture(scope="session")
def make_stack():
    return tiny_stack


def tiny_stack(activation: str, hidden: tuple[int, ...]) -> Stack:
    drawn = initial_stack(parse_activation(activation), [0, 1], hidden)
    generator = torch.Generator().manual_seed(7)
    return replace(drawn, biases=tuple(0.3 * torch.randn(b.shape, generator=generator) for b in drawn.biases))


@pytest.fixture(scope="session", autouse=True)
def quiet_import() -> Iterator[subprocess.Popen[str]]:
    """Import torchao through quantstudy in another process, which runs beside the other tests."""
    code = "from quantstudy.quantize.torchao_import import quantization; quantization().quantize_"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True) as process:
        yield process
        process.kill()


@pytest.fixture(scope="session", autouse=True)
def these_tensors_are_tiny(one_thread: None) -> None:
    """More threads than free cores would only make them slow."""
