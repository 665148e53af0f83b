"""Which networks of a run are gated, and what of each of them a limit bounds."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantstudy.config.gate import KINDS, GateConfig, gate_of
from quantstudy.config.study import StudyConfig
from quantstudy.deploy.gate.networks import Gated, gated_of, require_limits, values_of, worse_than
from quantstudy.errors import BadInput
from quantstudy.records.run import Run

SEEDS = 3
COLUMNS = ["activation", "seed", "scheme", "backend", "scope", "metric", "value"]


def run_of(tmp_path: Path, name: str = "run", **settings) -> Run:
    folder = tmp_path / name
    folder.mkdir()
    config = StudyConfig(**{"activations": ("relu", "silu", "gelu"), "seeds": SEEDS} | settings)
    verdict = {
        "schemes": {"w4a4": {"best": "silu"}, "w8a8": {"best": "relu"}},
        "recover": {"w4a4": {"chosen": {"activation": "gelu"}}},
    }
    (folder / "verdict.json").write_text(json.dumps(verdict))
    return Run(folder, config, kept={("recovered",): None})


def with_metrics(run: Run, *rows) -> Run:
    """Rows are activation, scheme, backend, metric and the values of all seeds."""
    table = [
        (name, seed, scheme, backend, scope, metric, value if scope == "network" else 0.77)
        for name, scheme, backend, metric, values in rows
        for seed, value in enumerate(values)
        for scope in ("network", "layer")
    ]
    frame = pd.DataFrame(table, columns=COLUMNS).astype(dict.fromkeys(("activation", "scheme", "metric"), "category"))
    run.kept[("summaries",)] = frame
    return run


def with_repairs(run: Run, *rows) -> Run:
    table = [(*row[:4], seed, value) for row in rows for seed, value in enumerate(row[4])]
    columns = ["activation", "scheme", "recipe", "metric", "seed", "value"]
    run.kept[("recovered",)] = pd.DataFrame(table, columns=columns)
    return run


def asked(**more) -> GateConfig:
    return GateConfig(**{"max_accuracy_drop": 0.02} | more)


def test_by_default_the_best_at_the_focus_which_was_chosen_of_all(tmp_path):
    run = run_of(tmp_path)
    assert gated_of(run, asked()) == Gated("silu", "w4a4", "", 3)
    assert gated_of(run, asked(scheme="w8a8")) == Gated("relu", "w8a8", "", 3)
    assert gated_of(run, asked(activation="swish")) == Gated("silu", "w4a4", "", 1)
    assert Gated("silu", "w4a4", "", 3).error == pytest.approx(0.05 / 3)
    alone = run_of(tmp_path, "alone", activations=("silu",))
    assert gated_of(alone, asked()) == Gated("silu", "w4a4", "", 1)
    with pytest.raises(BadInput, match="the verdict names no best there; name one: relu, silu, gelu"):
        gated_of(run, asked(scheme="w4"))


def test_repaired_ones_were_first_chosen_of_all(tmp_path):
    repairs = [(name, "w4a4", "polish", "heldout_accuracy_drop", [0.1] * SEEDS) for name in ("gelu", "silu")]
    run = with_repairs(run_of(tmp_path), *repairs, ("relu", "w4a8", "qat", "heldout_accuracy_drop", [0.0] * SEEDS))
    assert gated_of(run, asked(recipe="polish")) == Gated("gelu", "w4a4", "polish", 3)
    assert gated_of(run, asked(recipe="polish", activation="silu")) == Gated("silu", "w4a4", "polish", 1)
    with pytest.raises(BadInput, match="activation: 'relu' is not allowed; those of the run: silu, gelu"):
        gated_of(run, asked(recipe="polish", activation="relu"))
    with pytest.raises(BadInput, match=r"recipe: 'qat at w4a4' is not allowed; .*: polish at w4a4, qat at w4a8; more"):
        gated_of(run, asked(recipe="qat"))
    with pytest.raises(BadInput, match="the verdict names no best there; name one: relu"):
        gated_of(run, asked(recipe="qat", scheme="w4a8"))
    found = values_of(run, Gated("gelu", "w4a4", "polish", 1), {"max_accuracy_drop": 0.2})
    assert found["max_accuracy_drop"].tolist() == [0.1] * SEEDS


def test_the_worst_of_the_backends_counts_and_a_missing_value_is_none(tmp_path):
    run = with_metrics(
        run_of(tmp_path),
        ("relu", "w8a8", "simulated", "heldout_accuracy_drop", [0.01, 0.03, 0.02]),
        ("relu", "w8a8", "torchao", "heldout_accuracy_drop", [0.02, 0.01, np.nan]),
        ("relu", "w8a8", "simulated", "heldout_accuracy_quantized", [0.9, 0.8, 0.7]),
        ("relu", "w8a8", "torchao", "heldout_accuracy_quantized", [0.8, 0.9, 0.7]),
        ("relu", "w8a8", "simulated", "flip_rate", [0.1, 0.2]),
    )
    limits = {"max_flip_rate": 0.1, "max_accuracy_drop": 0.1, "min_accuracy": 0.5}
    found = values_of(run, Gated("relu", "w8a8", "", 1), limits)
    np.testing.assert_array_equal(found["max_accuracy_drop"], [0.02, 0.03, np.nan])
    np.testing.assert_array_equal(found["min_accuracy"], [0.8, 0.8, 0.7])
    np.testing.assert_array_equal(found["max_flip_rate"], [0.1, 0.2, np.nan])
    with pytest.raises(BadInput, match=r"scheme: 'w4a4' is not allowed; .* holds no flip_rate of relu at it"):
        values_of(run, Gated("relu", "w4a4", "", 1), {"max_flip_rate": 0.1})


def test_worse_than_another_run_is_what_is_lost_against_it_and_flips_more_than_it(tmp_path):
    both = [
        with_metrics(
            run_of(tmp_path, name),
            *(("relu", "w8a8", "simulated", metric, values) for metric, values in measured.items()),
            ("relu", "w8a8", "torchao", "flip_rate", more),
        )
        for name, measured, more in (
            ("a", {"heldout_accuracy_quantized": [0.9, 0.8, 0.7], "flip_rate": [0.1, 0.2, 0.3]}, [0.5, 0.5, 0.5]),
            ("b", {"heldout_accuracy_quantized": [0.95, 0.7, np.nan], "flip_rate": [0.3, 0.1, 0.3]}, [0.4, 0.9, 0.5]),
        )
    ]
    found = worse_than(*both, Gated("relu", "w8a8", "", 1), {"max_flip_rate": 0.1, "max_accuracy_drop": 0.1})
    np.testing.assert_allclose(found["max_accuracy_drop"], [0.05, -0.1, np.nan], atol=1e-12)
    np.testing.assert_allclose(found["max_flip_rate"], [0.1, 0.1, 0.0], atol=1e-12)


def test_numbers_have_psnr_and_no_classes(tmp_path):
    run = with_metrics(
        run_of(tmp_path, target="sine"), ("relu", "w8a8", "simulated", "heldout_psnr_drop", [0.5, 1.0, 2.0])
    )
    limits = asked(max_accuracy_drop=None, max_psnr_drop="1.5").limits
    require_limits(limits, run, "")
    assert values_of(run, Gated("relu", "w8a8", "", 1), limits)["max_psnr_drop"].tolist() == [0.5, 1.0, 2.0]
    for name in set(KINDS) - {"max_psnr_drop"}:
        with pytest.raises(BadInput, match=f"{name}: .*answer numbers and no classes: --max-psnr-drop"):
            require_limits({name: 0.5}, run, "")
    with pytest.raises(BadInput, match="answer classes: --max-flip-rate, --max-accuracy-drop, --min-accuracy"):
        require_limits(limits, run_of(tmp_path, "classes"), "")


def test_divergence_is_no_limit():
    assert list(KINDS) == ["max_flip_rate", "max_accuracy_drop", "max_psnr_drop", "min_accuracy"]
    assert not any("kl" in kind.metric for kind in KINDS.values())


def test_options_override_a_file_and_limits_come_in_one_order(tmp_path):
    file = tmp_path / "gate.toml"
    file.write_text('min_accuracy = 0.9\nmax_flip_rate = 0.1\nnetwork = 3\nscheme = "w4a4"\n')
    found = gate_of(file, {"max_flip_rate": "0.2", "scheme": None, "network": "5"})
    assert list(found.limits.items()) == [("max_flip_rate", 0.2), ("min_accuracy", 0.9)]
    assert (found.scheme, found.network) == ("w4a4", 5)
