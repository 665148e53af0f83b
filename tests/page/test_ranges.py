"""Scales and zero points of ranges of every kind are those that Python has, to the last bit."""

import base64
from pathlib import Path

import numpy as np
import pytest
import torch

from quantstudy.quantize.formats import FORMATS
from quantstudy.quantize.quantizer import range_quantizer
from tests.page.cases import HERE, JS, bits_of, node

LARGEST = float(np.finfo(np.float32).max)
ENDS = (0.0, -0.0, 1.0, 0.5, 3.0, 1e-45, 1e-38, 2.0**-126, 1e-30, 7e-5, 1e30, 2e38, LARGEST, np.inf, np.nan)


def ranges() -> np.ndarray:
    """[ranges, 2] float32: every pair of the ends above, of either sign, and random ones of one and of both signs."""
    signed = [sign * end for end in ENDS for sign in (1, -1)]
    pairs = [(low, high) for low in signed for high in signed if not low > high]
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(4000, 2)) * 2.0 ** rng.integers(-20, 20, (4000, 1))
    steps = rng.integers(-300, 300, (4000, 2)) / 2.0 ** rng.integers(0, 8, (4000, 1))  # zero points are often ties
    return np.concatenate([pairs, np.sort(drawn), np.sort(steps)]).astype(np.float32)


@pytest.mark.usefixtures("node")
def test_scales_and_zero_points_are_the_same_bits(tmp_path: Path) -> None:
    given = ranges()
    (tmp_path / "ranges.bin").write_bytes(given.tobytes())
    forms = list(FORMATS.values())
    names = [form.in_scheme for form in forms]
    told = node(str(HERE / "run_ranges.mjs"), str(JS), str(tmp_path / "ranges.bin"), *names)
    for form, line in zip(forms, told.splitlines(), strict=True):
        found = np.frombuffer(base64.b64decode(line), np.float32).reshape(-1, 2)
        q = range_quantizer(torch.from_numpy(given[:, 0].copy()), torch.from_numpy(given[:, 1].copy()), form)
        wanted = np.stack([q.scale.numpy().ravel(), q.zero_point.numpy().ravel().astype(np.float32)], axis=1)
        wrong = np.flatnonzero((bits_of(found + 0) != bits_of(wanted + 0)).reshape(-1, 2).any(axis=1))  # −0 is 0
        assert not len(wrong), (form.name, given[wrong[0]], found[wrong[0]], wanted[wrong[0]])
