"""Accuracy at the held-out points against the noise itself and a network written out in numpy."""

import numpy as np
import pytest
from noise import pnoise2

from quantstudy.measure.answers import TWO_CLASSES, Wanted, in_halves
from quantstudy.measure.cause import cause_rows
from quantstudy.measure.cliff import cliff_rows
from quantstudy.measure.placement import placement_rows
from quantstudy.quantize.fake_quant import quantized_stack
from quantstudy.targets.islands import heldout_centres, heldout_plane, island_mask, plane
from quantstudy.targets.randomness import stream

GRID, FREQUENCY = 9, 2.0


def labels(seed: int) -> np.ndarray:
    """Islands half a pixel to the right and above, against the median over the pixel centres; [y, x]."""
    dx, dy = stream(seed, "mask").uniform(0.0, 256.0, size=2)

    def noise(shift: float) -> np.ndarray:
        places = [((2 * i + 1) / GRID - 1 + shift + 1) / 2 * FREQUENCY for i in range(GRID)]
        return np.array([[pnoise2(dx + x, dy + y) for x in places] for y in places])

    return noise(1 / GRID) > np.median(noise(0.0))


def logits(stack, model: int, points: np.ndarray) -> np.ndarray:
    values = points.astype(np.float64)
    for layer in range(stack.hidden + 1):
        weight, bias = (part[layer][model].double().numpy() for part in (stack.weights, stack.biases))
        values = weight @ values + bias
        if layer < stack.hidden:
            values = np.where(values > 0, values, 0.01 * values)  # leaky_relu
    return values[0]


def test_points_lie_half_a_pixel_beside_those_of_the_plane():
    np.testing.assert_allclose(heldout_plane(GRID), plane(GRID) + 1 / GRID, atol=1e-6)
    assert not set(map(tuple, heldout_plane(GRID).T.tolist())) & set(map(tuple, plane(GRID).T.tolist()))
    assert heldout_centres(GRID)[-1] == 1.0


@pytest.mark.parametrize("seed", [0, 1])
def test_the_target_is_the_noise_there_against_the_level_of_the_plane(seed, on):
    expected = labels(seed)
    assert (on.heldout.asked.labels[seed] == expected).all()
    assert (expected != island_mask(seed, GRID, FREQUENCY)).any()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("backend", ["simulated", "torchao"])
def test_accuracy_of_weights_alone_by_numpy(seed, backend, on, effects, every_row, to_frame):
    points = np.array([[x + 1 / GRID, y + 1 / GRID] for y, x in on_lattice()]).T
    frame = to_frame(every_row)
    rows = frame[(frame["seed"] == seed) & (frame["scope"] == "network")]

    def recorded(metric: str, of: str, scheme: str) -> float:
        chosen = rows[(rows["metric"] == metric) & (rows["backend"] == of) & (rows["scheme"] == scheme)]
        return float(chosen["value"].iloc[0])

    right = (logits(on.stack, seed, points) > 0) == labels(seed).ravel()
    assert recorded("heldout_accuracy_float", "float", "float") == pytest.approx(right.mean(), abs=1e-4)
    after = (logits(quantized_stack(on.stack, effects["w4"].plan), seed, points) > 0) == labels(seed).ravel()
    assert recorded("heldout_accuracy_quantized", backend, "w4") == pytest.approx(after.mean(), abs=1e-4)
    drop = right.mean() - after.mean()
    assert recorded("heldout_accuracy_drop", backend, "w4") == pytest.approx(drop, abs=1e-4)
    for start, name in enumerate(("even", "odd")):  # of an odd number of columns, row after row is a checkerboard
        half = after[start::2].mean()
        assert recorded(f"heldout_accuracy_quantized_{name}", backend, "w4") == pytest.approx(half, abs=1e-4)


def on_lattice() -> list[tuple[float, float]]:
    centres = [(2 * i + 1) / GRID - 1 for i in range(GRID)]
    return [(y, x) for y in centres for x in centres]


@pytest.mark.parametrize("rows", [cliff_rows, placement_rows])
def test_the_tables_beyond_the_schemes_agree_with_the_scheme_itself(rows, on, tiny, every_row, to_frame):
    scheme = to_frame(every_row).query("scheme == 'w4a4' and metric == 'heldout_accuracy_quantized'")
    frame = to_frame([rows(on, tiny)]).query("scheme == 'w4a4' and metric == 'heldout_accuracy_quantized'")
    if rows is placement_rows:
        usual = "placement == 'post' and not coordinates and observer == 'minmax' and granularity == 'channel'"
        frame = frame.query(f"{usual} and weight_observer == 'symmetric'")
    assert frame["value"].tolist() == scheme["value"].tolist()
    assert len(frame) == 2


def test_what_a_cap_costs_is_part_of_the_drop(make_subject, tiny, to_frame):
    study = tiny.with_options(activations=("relu", "hardgelu"))
    frame = to_frame([cause_rows(make_subject("relu"), study)])
    full = frame.query("variant == 'plain' and metric == 'heldout_accuracy_float'").set_index("seed")["value"]
    capped = frame.query("variant == 'capped' and scheme == 'w4a4'").pivot(
        index="seed", columns="metric", values="value"
    )
    lost = capped["heldout_accuracy_drop"] + capped["heldout_accuracy_quantized"]
    np.testing.assert_allclose(lost, full)


def test_logits_that_are_not_finite_have_no_value():
    bad = np.array([[[1.0, np.nan], [1.0, -1.0]]])
    asked = Wanted(bad > 0, np.full(1, np.nan))
    found = in_halves(TWO_CLASSES, bad, asked) | {"whole": TWO_CLASSES.score(bad, asked)}
    assert all(np.isnan(value).all() for value in found.values())
