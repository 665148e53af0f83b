"""The finding about bounds, on made-up networks of known effect and range."""

import doctest
import json
import math
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from experiments import bound_effects, bound_spread, bound_statistics, bound_sweep
from experiments.blocks import with_block
from experiments.bound_effects import BITS, DROP, FULL, PAIRS, RANGE, Bound, bound_of, follows
from experiments.bound_spread import of_networks, taken
from experiments.bound_sweep import MARKS, README, TO
from experiments.bound_sweep_figure import bound_sweep as drawn
from experiments.bound_sweep_words import block
from quantstudy.config.sweep import read_sweep
from quantstudy.errors import StudyFailure
from quantstudy.judge.cliff import SCHEMES
from tests.show.conftest import looks

SHAPES = ("4,4,4", "8,8,8", "16,16,16", "8", "8,8", "8,8,8,8")
SEEDS = 5


def range_of(pair: int, shape: str) -> float:
    return 0.3 + 0.4 * pair + 0.11 * SHAPES.index(shape)


def made(by_width: float = 0.0, missing: bool = False) -> pd.DataFrame:
    """Networks that lose 2 ** −(bits − range): a bit of range is worth one; wider ones lose `by_width` more."""
    rows: list[dict[str, Any]] = []
    for (pair, names), shape, seed in product(enumerate(PAIRS.items()), SHAPES, range(SEEDS)):
        for capped, name in enumerate(names):
            base = {"activation": name, "hidden": shape, "seed": seed}
            wide = int(shape.partition(",")[0])
            span = 0.0 if capped else range_of(pair, shape)
            top = np.nan if missing and (pair, shape, seed) == (0, "4,4,4", 1) else np.log2(3.0) + span
            rows.append(base | {"scheme": "float", "metric": RANGE, "value": top})
            rows.append(base | {"scheme": "float", "metric": FULL, "value": 0.98})
            for part, bits in product(SCHEMES, BITS):
                lost = 2.0 ** -(bits - span - by_width * np.log2(wide)) * (1.0 + 0.01 * seed)
                rows.append(base | {"scheme": SCHEMES[part].format(bits), "metric": DROP, "value": lost})
    return pd.DataFrame(rows).astype(dict.fromkeys(("activation", "hidden", "scheme", "metric"), "category"))


def judged(bound: Bound) -> dict[str, Any]:
    """What is found where half of the range is scale."""
    found: dict[str, Any] = bound_effects.judged(bound, bound.range / 2.0)
    return found


def test_an_effect_that_follows_the_range() -> None:
    bound = bound_of(made())
    found = judged(bound)
    json.dumps(found, allow_nan=False)
    assert found["expected"]["rows"] == len(PAIRS) * len(SHAPES)
    assert found["expected"]["spearman"]["mean"] == pytest.approx(1.0)
    assert found["expected"]["slope"]["low"] > 0
    (point,) = [one for one in found["points"] if (one["pair"], one["hidden"]) == ("silu", "8,8,8")]
    span = range_of(1, "8,8,8")
    assert point["range"]["mean"] == pytest.approx(span)
    assert point["effect"]["both"]["mean"] == pytest.approx((2.0**span - 1.0) / 16.0 * 1.02)
    assert found["expected"]["saved"]["both"]["mean"] == pytest.approx(1.0, abs=0.05)
    assert found["bits"]["both"][0]["mean"] == pytest.approx(4.0 * found["bits"]["both"][2]["mean"])
    assert found["ends"]["both"]["networks"] == 2 * len(PAIRS) * len(SHAPES) * SEEDS
    after, spans = found["afterwards"], [range_of(pair, shape) for pair in range(len(PAIRS)) for shape in SHAPES]
    assert after["range"]["mean"] == pytest.approx(np.mean(spans))
    assert after["taken"]["mean"] == pytest.approx(np.mean(spans) / 2.0)
    assert after["between"] == pytest.approx([min(spans) / 2.0, max(spans) / 2.0])
    assert after["saved"]["both"]["mean"] == pytest.approx(2.0 * found["expected"]["saved"]["both"]["mean"])
    along = found["along"]["width"]
    losses = [2.0 ** (range_of(pair, "4,4,4") - 4.0) * 1.02 for pair in range(len(PAIRS))]
    assert along["loss"][0]["mean"] == pytest.approx(np.mean(losses))
    gains = np.array([one["mean"] for one in along["effect"]])
    assert along["trend"]["mean"] == pytest.approx(np.polyfit([2.0, 3.0, 4.0], gains, 1)[0])


def test_an_effect_that_depends_on_the_width_as_well() -> None:
    alone, wide = (judged(bound_of(made(by_width))) for by_width in (0.0, 2.0))
    assert not follows(wide)
    assert wide["expected"]["width"]["left"]["mean"] > 0.5 > alone["expected"]["width"]["left"]["mean"]
    assert wide["expected"]["depth"]["values"] == [1, 2, 3, 4]
    assert wide["expected"]["width"]["values"] == [4, 8, 16]


def test_the_rule_that_was_written_down_before() -> None:
    found = judged(bound_of(made()))
    expected = found["expected"]
    for axis in ("width", "depth"):
        expected[axis]["left"]["mean"] = 0.0
    assert follows(found)
    for path, key, value in (
        (expected["spearman"], "mean", 0.69),
        (expected["slope"], "low", 0.0),
        (expected["width"]["left"], "mean", -0.3),
        (expected["depth"]["left"], "mean", 0.3),
    ):
        kept, path[key] = path[key], value
        assert not follows(found)
        path[key] = kept


def test_a_layer_without_a_range_is_left_out_and_counted() -> None:
    found = judged(bound_of(made(missing=True)))
    assert found["expected"]["left_out"] == 1
    assert found["expected"]["rows"] == len(PAIRS) * len(SHAPES) - 1
    assert found["expected"]["spearman"]["mean"] == pytest.approx(1.0)
    (point,) = [one for one in found["points"] if (one["pair"], one["hidden"]) == ("relu", "4,4,4")]
    assert point["range"]["mean"] is None
    assert point["effect"]["both"]["mean"] is not None


def test_the_range_against_the_spread_is_that_of_the_definition() -> None:
    random = np.random.default_rng(3)
    layers = [random.exponential(size=(2, 3, 50)), 7.0 * random.normal(size=(2, 4, 50)) + 1.0]
    outputs = [torch.tensor(layer, dtype=torch.float32) for layer in layers]
    subject = SimpleNamespace(calibration=SimpleNamespace(outputs=outputs))
    for model, found in enumerate(of_networks(subject)):  # type: ignore[arg-type]
        bits = []
        for layer in outputs:
            rows = layer[model].numpy().astype(float)
            spread = math.sqrt(sum(sum((x - row.mean()) ** 2 for x in row) / len(row) for row in rows) / len(rows))
            bits.append(math.log2((max(0.0, rows.max()) - min(0.0, rows.min())) / spread))
        assert found == pytest.approx(sum(bits) / 2)
    known = {("relu", (8,)): np.array([3.0, 2.0]), ("relu@3", (8,)): np.array([1.5, 1.0])}
    assert taken(known, {"relu": "relu@3"}, [(8,)]).tolist() == [[[1.5, 1.0]]]


def test_the_lines_of_the_readme_are_made_from_what_is_kept() -> None:
    found = json.loads((TO / "bound.json").read_text())
    text = README.read_text()
    assert with_block(text, MARKS, block(found)) == text
    found["expected"]["spearman"]["mean"] += 0.1
    assert with_block(text, MARKS, block(found)) != text
    found["afterwards"]["saved"]["activations"]["low"] = 0.1
    with pytest.raises(StudyFailure, match="write it anew"):
        block(found)


def test_the_figure_is_whole() -> None:
    bound = bound_of(made(missing=True))
    assert looks(drawn(bound, judged(bound))) == []


def test_the_sweep_has_what_is_compared() -> None:
    sweep = read_sweep(Path(bound_sweep.__file__).parent / "sweeps" / "bound.toml")
    assert {name for pair in PAIRS.items() for name in pair} == {*sweep.base.activations}
    assert set(BITS) == {*sweep.base.bits}
    assert sweep.base.focus_scheme == "w4a4"


@pytest.mark.parametrize("module", [bound_effects, bound_statistics, bound_spread])
def test_examples(module: Any) -> None:
    assert doctest.testmod(module).failed == 0
