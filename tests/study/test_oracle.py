"""An independent oracle in plain numpy, fed with a run's own weights and masks."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf

from quantstudy.records.run import Run

Arrays = dict[str, NDArray[Any]]


ONE = np.float32(1)


def activate(name: str, x: NDArray[np.float32], slope: NDArray[np.float32] | None) -> NDArray[np.float32]:
    zero = np.float32(0)
    match name:
        case "relu" | "relu@1000000":
            out = np.maximum(x, zero)
        case "leaky_relu":
            out = np.where(x > 0, x, np.float32(0.01) * x)
        case "prelu":
            assert slope is not None
            out = np.where(x > 0, x, slope[:, None] * x)
        case "silu":
            out = x / (1 + np.exp(-x.astype(np.float64)))
        case "gelu":
            out = x * 0.5 * (1 + erf(x.astype(np.float64) / np.sqrt(2)))
        case "hardswish":
            out = x * np.clip(x + 3, 0, 6) / 6
        case "hardgelu":
            out = np.minimum(3, np.where(x > 1.5, x, np.where(x < -1.5, 0, x / 3 * (x + 1.5))))
        case _:
            raise AssertionError(name)
    return np.asarray(out, dtype=np.float32)


def rounded(x: NDArray[np.float32], scale: Any, zero: Any, bits: int) -> NDArray[np.float32]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    codes = np.clip(np.rint(x * (ONE / scale)) + zero, low, high)
    return ((codes - zero) * scale).astype(np.float32)


def rounded_weights(w: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    scale = np.abs(w).max(axis=1, keepdims=True) / np.float32((2**bits - 1) / 2)
    return rounded(w, scale, np.float32(0), bits)


def rounded_outputs(values: NDArray[np.float32], of: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    low, high = np.minimum(of.min(), np.float32(0)), np.maximum(of.max(), np.float32(0))
    scale = (high - low) / np.float32(2**bits - 1)
    zero = np.clip(-(2 ** (bits - 1)) - np.rint(low / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return rounded(values, scale, zero.astype(np.float32), bits)


def logits(
    name: str, arrays: Arrays, model: int, grid: int, *, weight_bits: int | None = None, bits: int | None = None
) -> NDArray[np.float32]:
    """The logit [grid, grid] of one model, as DESIGN §4 says it, with no code of the package."""
    centres = ((2 * np.arange(grid) + 1) / grid - 1).astype(np.float32)
    floats = values = np.stack([np.tile(centres, grid), np.repeat(centres, grid)])
    last = max(int(key.split(".")[1]) for key in arrays if key.startswith("layers"))
    for k in range(last + 1):
        w, b = arrays[f"layers.{k}.weight"][model], arrays[f"layers.{k}.bias"][model]
        slope = arrays[f"prelu.{k}.slope"][model] if f"prelu.{k}.slope" in arrays else None
        floats = w @ floats + b[:, None]
        values = (rounded_weights(w, weight_bits) if weight_bits else w) @ values + b[:, None]
        if k < last:
            floats, values = activate(name, floats, slope), activate(name, values, slope)
            values = rounded_outputs(values, floats, bits) if bits else values
    return values.reshape(grid, grid)


@pytest.mark.parametrize("which", ["tiny", pytest.param("seven", marks=pytest.mark.slow)])
def test_an_independent_oracle_gives_the_same_rates(which: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(which)
    grid, b = run.config.grid, run.config.focus_bits
    with np.load(run.folder / "masks.npz") as stored:
        masks = stored["mask"]
    table = run.metrics()
    table = table[(table["scope"] == "network") & table["backend"].isin(["float", "simulated"])]
    value = table.set_index(["activation", "seed", "scheme", "metric"])["value"].sort_index()
    schemes: dict[str, dict[str, int]] = {
        f"w{b}": {"weight_bits": b},
        f"a{b}": {"bits": b},
        f"w{b}a{b}": {"weight_bits": b, "bits": b},
        "w8a8": {"weight_bits": 8, "bits": 8},
    }
    pixel = 1.001 / grid**2
    for name in run.config.activations:
        arrays = load_file(run.folder / "weights" / f"{name}.safetensors")
        for seed in range(run.config.seeds):
            before = logits(name, arrays, seed, grid) > 0
            got = (before == masks[seed]).mean()
            assert got == pytest.approx(value[name, seed, "float", "accuracy_float"], abs=pixel)
            for scheme, widths in schemes.items():
                after = logits(name, arrays, seed, grid, **widths) > 0
                assert (before != after).mean() == pytest.approx(value[name, seed, scheme, "flip_rate"], abs=pixel)
                accuracy = value[name, seed, scheme, "accuracy_quantized"]
                assert (after == masks[seed]).mean() == pytest.approx(accuracy, abs=pixel)
    rates = value.xs("flip_rate", level="metric")
    assert rates.max() > 10 * pixel  # otherwise the comparison would say nothing


def test_training_learns_something(seven: Run) -> None:
    metrics = seven.metrics()
    accuracy = metrics[metrics["metric"] == "accuracy_float"].groupby("activation", observed=True)["value"].mean()
    assert (accuracy > 0.55).all()
