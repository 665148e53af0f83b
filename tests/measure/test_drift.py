import dataclasses
import math

import numpy as np
import pytest
import torch

from quantstudy.drift import contours
from quantstudy.drift.catalogue import (
    COMPLEXITY_METRICS,
    DECISION_METRICS,
    FOLD_METRICS,
    HELDOUT_METRICS,
    RANGE_METRICS,
    VIEWS,
    metric,
)
from quantstudy.engine.worker import quantize
from quantstudy.measure import evaluation
from quantstudy.measure.drift import ANALYSES, code_rows, decision_rows, float_rows, fold_rows, histogram_rows
from quantstudy.measure.evaluation import Effect, Subject, heldout_islands, subject
from quantstudy.quantize.fake_quant import accumulated, isolated
from quantstudy.quantize.plan import build_plan
from quantstudy.quantize.scheme import parse_scheme

ONCE = {"accuracy_float", "heldout_accuracy_float", "logit_margin"}
CODES = {"clip_fraction", "code_occupancy", "code_entropy_bits", "negative_code_share"}
KEY = ["activation", "seed", "scheme", "backend", "scope", "layer", "neuron", "metric"]


@pytest.fixture(scope="module")
def frame(every_row, to_frame):
    return to_frame(every_row)


@pytest.fixture(scope="module")
def value(frame):
    """One recorded value by what it is."""

    def find(**key) -> float:
        found = frame
        for column, wanted in key.items():
            found = found[found[column].isna() if wanted is None else found[column] == wanted]
        (only,) = found["value"]
        return only

    return find


def test_the_analyses_by_name():
    assert list(ANALYSES.items()) == [("decision", decision_rows), ("folds", fold_rows), ("codes", code_rows)]


def test_every_recorded_metric_is_in_the_catalogue_under_its_scope(frame):
    for name, scopes in frame.groupby("metric")["scope"].unique().items():
        assert set(scopes) <= set(metric(name).scope), name


def test_every_metric_of_the_catalogue_is_recorded(frame):
    recorded = set(frame["metric"])
    wanted = {*DECISION_METRICS, *HELDOUT_METRICS, *COMPLEXITY_METRICS, *RANGE_METRICS} - {"heldout_accuracy_trivial"}
    wanted |= {f"{name}{view}" for name in FOLD_METRICS for view in VIEWS}
    wanted |= {f"{name}_undefined{view}" for name in FOLD_METRICS for view in VIEWS}
    assert recorded == wanted


def test_layer_and_neuron_are_null_where_the_scope_has_none(frame):
    for scope, layer, neuron in (("network", False, False), ("layer", True, False), ("neuron", True, True)):
        part = frame[frame["scope"] == scope]
        assert len(part)
        assert part["layer"].notna().all() if layer else part["layer"].isna().all()
        assert part["neuron"].notna().all() if neuron else part["neuron"].isna().all()
    assert set(frame["layer"].dropna()) == {0, 1}
    neurons = frame[frame["scope"] == "neuron"].groupby("layer")["neuron"].unique()
    assert {layer: sorted(found) for layer, found in neurons.items()} == {0: [0, 1, 2], 1: [0, 1]}


def test_no_row_stands_twice(frame):
    assert not frame[KEY].astype(str).duplicated().any()
    assert set(frame["activation"]) == {"leaky_relu"}
    assert set(frame["seed"]) == {0, 1}


def test_float_rows_stand_once_per_seed(frame):
    alone = frame[(frame["scheme"] == "float") | (frame["backend"] == "float")]
    assert set(alone["scheme"]) == set(alone["backend"]) == {"float"}
    assert set(alone["metric"]) == ONCE | {*COMPLEXITY_METRICS} | {*RANGE_METRICS} - CODES
    for name in ONCE:
        part = frame[frame["metric"] == name]
        assert len(part) == 2
        assert set(part["scheme"]) == {"float"}


def test_which_backend_records_what(frame, effects, torchao_schemes):
    torchao = frame[frame["backend"] == "torchao"]
    assert set(torchao["scheme"]) == torchao_schemes
    assert set(torchao["scheme"]) == {name for name, effect in effects.items() if effect.real is not None}
    assert set(torchao["metric"]) == {*DECISION_METRICS, *HELDOUT_METRICS} - ONCE - {"heldout_accuracy_trivial"}
    simulated = frame[frame["backend"] == "simulated"]
    assert set(simulated["scheme"]) == set(effects)
    assert set(frame["backend"]) == {"float", "simulated", "torchao"}


@pytest.mark.parametrize("backend", ["simulated", "torchao"])
@pytest.mark.parametrize("seed", [0, 1])
def test_decisions_by_slow_loops(backend, seed, on, effects, value):
    effect = effects["w4a8dyn"]
    after = (effect.accumulated.logit if backend == "simulated" else effect.real.logit)[seed, 0].tolist()
    before, target = on.maps.logit[seed, 0].tolist(), on.masks[seed].ravel().tolist()
    flips = right_before = right_after = 0
    for x, y, island in zip(before, after, target, strict=True):
        flips += (x > 0) != (y > 0)
        right_before += (x > 0) == island
        right_after += (y > 0) == island
    key = {"seed": seed, "scheme": "w4a8dyn", "backend": backend}
    assert value(metric="flip_rate", **key) == pytest.approx(flips / 81)
    assert value(metric="accuracy_quantized", **key) == pytest.approx(right_after / 81)
    assert value(metric="accuracy_drop", **key) == pytest.approx((right_before - right_after) / 81)
    assert value(metric="accuracy_float", seed=seed) == pytest.approx(right_before / 81)
    margin = sorted(map(abs, before))[40]
    assert value(metric="logit_margin", seed=seed) == pytest.approx(margin)
    moved = sum(abs(x - y) for x, y in zip(before, after, strict=True)) / 81
    assert value(metric="delta_logit_over_margin", **key) == pytest.approx(moved / margin)


@pytest.mark.parametrize("view", ["isolated", "accumulated"])
@pytest.mark.parametrize(("layer", "neuron"), [(0, 2), (1, 1)])
def test_folds_by_slow_loops(view, layer, neuron, on, effects, value):
    effect = effects["w4a4"]
    x = on.maps.outputs[layer][1, neuron].double().tolist()
    y = getattr(effect, view).outputs[layer][1, neuron].double().tolist()
    step = effect.plan.outputs[layer].scale[1].item()
    energy, noise = sum(a * a for a in x), sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
    key = {"seed": 1, "scheme": "w4a4", "layer": layer, "neuron": neuron}
    assert value(metric=f"sqnr_db_{view}", **key) == pytest.approx(10 * math.log10(energy / noise))
    assert value(metric=f"rmse_over_step_{view}", **key) == pytest.approx(math.sqrt(noise / 81) / step)
    error = sum(abs(a - b) for a, b in zip(x, y, strict=True)) / 81
    assert value(metric=f"mpeir_{view}", **key) == pytest.approx(error / (max(x) - min(x)))
    assert value(metric=f"clipping_share_{view}", **key) == 0  # min-max ranges clip nothing
    assert value(metric=f"rounding_share_{view}", **key) == 1


def test_clipping_begins_half_a_step_beyond_the_last_codes(on, tiny, to_frame):
    effect = quantize(on, tiny.with_options(observer="mse"), parse_scheme("a3"))
    rows = to_frame(fold_rows(on, effect)).query("scope == 'neuron'")
    shares = set()
    for row in rows[rows["metric"] == "clipping_share_isolated"].itertuples():
        quantizer = effect.plan.outputs[row.layer]
        step, zero = quantizer.scale[row.seed].item(), quantizer.zero_point[row.seed].item()
        x = on.maps.outputs[row.layer][row.seed, int(row.neuron)].double().tolist()
        y = effect.isolated.outputs[row.layer][row.seed, int(row.neuron)].double().tolist()
        low, high = (-4 - zero - 0.5) * step, (3 - zero + 0.5) * step
        noise = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
        clipped = sum((a - b) ** 2 for a, b in zip(x, y, strict=True) if not low <= a <= high)
        assert row.value == pytest.approx(clipped / noise)
        shares.add(row.value)
    assert len(shares) > 2


def test_layers_summarize_their_neurons(frame, value):
    for view in ("isolated", "accumulated"):
        part = frame[(frame["scheme"] == "w4a4") & (frame["seed"] == 0) & (frame["layer"] == 0)]
        neurons = part[(part["scope"] == "neuron") & (part["metric"] == f"nmse_{view}")]["value"]
        key = {"scheme": "w4a4", "seed": 0, "layer": 0, "scope": "layer"}
        assert value(metric=f"nmse_{view}", **key) == pytest.approx(neurons.mean())
        neurons = part[(part["scope"] == "neuron") & (part["metric"] == f"sqnr_db_{view}")]["value"]
        assert value(metric=f"sqnr_db_{view}", **key) == pytest.approx(neurons.median())
        assert value(metric=f"nmse_undefined_{view}", **key) == 0


def test_without_an_output_quantizer_steps_and_codes_are_nan(frame):
    weights_only = frame[frame["scheme"].isin(["w4", "w8"])]
    for name in ("rmse_over_step_isolated", "clipping_share_accumulated", "rounding_share_isolated", *CODES):
        part = weights_only[weights_only["metric"] == name]
        assert len(part)
        assert part["value"].isna().all()
    static = frame[frame["scheme"].isin(["a4", "w4a4", "w8a8"]) & frame["metric"].isin(CODES)]
    assert static["value"].notna().all()
    dynamic = frame[frame["scheme"].isin(["w4a8dyn", "w8a8dyn"])]
    assert dynamic[dynamic["metric"] == "rmse_over_step_isolated"]["value"].isna().all()
    # each token has its own scale: codes can be counted, but there is no one range to clip at and no one zero
    assert set(dynamic["metric"]) & CODES == {"code_occupancy", "code_entropy_bits"}
    assert dynamic[dynamic["metric"] == "code_occupancy"]["value"].notna().all()


@pytest.mark.parametrize("placement", ["post", "both"])
def test_codes_are_those_of_what_the_output_quantizer_was_given(placement, on, tiny, to_frame):
    effect = quantize(on, tiny.with_options(placement=placement), parse_scheme("w4a4"))
    rows = to_frame(code_rows(on, effect))
    for layer, quantizer in enumerate(effect.plan.outputs):
        z = effect.accumulated.preactivations[layer]
        before = effect.plan.preactivations[layer]
        given = on.stack.activate(layer, z if before is None else before(z))
        for seed in range(2):
            step, zero = quantizer.scale[seed].item(), quantizer.zero_point[seed].item()
            free = np.rint(given[seed].numpy() * (np.float32(1) / np.float32(step))) + zero
            codes = np.clip(free, -8, 7)
            _, count = np.unique(codes, return_counts=True)
            share = count / count.sum()
            expected = {
                "clip_fraction": (free != codes).mean(),
                "code_occupancy": len(count) / 16,
                "code_entropy_bits": -(share * np.log2(share)).sum(),
                "negative_code_share": (zero + 8) / 16,
            }
            found = rows[(rows["layer"] == layer) & (rows["seed"] == seed)].set_index("metric")["value"]
            assert found.to_dict() == pytest.approx(expected)


@pytest.mark.parametrize("narrow", [1.0, 0.4])
@pytest.mark.parametrize("scheme", ["wf8af8", "af8e5m2"])
def test_floats_of_8_bits_have_codes_and_ends_and_no_step(scheme, narrow, on, tiny, to_frame):
    plan = quantize(on, tiny, parse_scheme(scheme)).plan
    plan = dataclasses.replace(
        plan, outputs=tuple(dataclasses.replace(q, scale=q.scale * narrow) for q in plan.outputs)
    )
    effect = Effect(plan, isolated(on.stack, plan, on.maps), accumulated(on.stack, plan, on.maps.points), None, {})
    rows = to_frame(code_rows(on, effect)).set_index(["layer", "seed", "metric"])["value"]
    folds = to_frame(fold_rows(on, effect))
    steps = folds[folds["metric"].str.startswith("rmse_over_step") & (folds["scope"] == "neuron")]
    assert len(steps)
    assert steps["value"].isna().all()
    clipped = folds[(folds["metric"] == "clipping_share_isolated") & (folds["scope"] == "neuron")]
    levels, beyond = (253, 464.0) if scheme == "wf8af8" else (247, 61440.0)
    for layer, quantizer in enumerate(effect.plan.outputs):
        values = on.stack.activate(layer, effect.accumulated.preactivations[layer])
        position = (values / quantizer.scale).flatten(1)
        for seed in range(2):
            found = {
                name: rows[layer, seed, name] for name in ("clip_fraction", "code_occupancy", "negative_code_share")
            }
            used = len(quantizer(values)[seed].unique())
            assert found["code_occupancy"] == used / levels
            assert found["clip_fraction"] == (position[seed].abs() > beyond).double().mean().item()
            assert found["negative_code_share"] == (levels // 2) / levels
            error = (on.maps.outputs[layer][seed] - effect.isolated.outputs[layer][seed]).double() ** 2
            outside = on.maps.outputs[layer][seed].abs().double() > beyond * quantizer.scale[seed].double()
            share = ((error * outside).sum(1) / error.sum(1)).numpy()
            own = clipped[(clipped["layer"] == layer) & (clipped["seed"] == seed)].sort_values("neuron")["value"]
            np.testing.assert_allclose(own.to_numpy(dtype=float), share, rtol=1e-9)
    assert (clipped["value"].max() > 0) == (narrow < 1)  # the range of the float outputs is covered


@pytest.mark.parametrize("scheme", ["w4a8dyn", "w8a8dyn"])
def test_codes_of_tokens_are_counted_over_all_of_them(scheme, on, effects, value):
    tokens = effects[scheme].plan.outputs[1]
    given = on.stack.activate(1, effects[scheme].accumulated.preactivations[1])
    codes = tokens.at(given).codes(given)
    for seed in range(2):
        key = {"scheme": scheme, "seed": seed, "layer": 1, "metric": "code_occupancy"}
        assert value(**key) == len(codes[seed].unique()) / 256


def test_quantization_before_the_activation_function_only_has_no_output_codes(on, tiny, to_frame):
    effect = quantize(on, tiny.with_options(placement="pre"), parse_scheme("w4a4"))
    assert effect.real is None
    assert to_frame(code_rows(on, effect))["value"].isna().all()


def test_float_layers_are_measured_on_their_outputs(on, value):
    for layer in range(2):
        outputs = on.maps.outputs[layer][1].numpy()
        key = {"seed": 1, "layer": layer, "scope": "layer", "scheme": "float"}
        assert value(metric="value_max", **key) == outputs.max()
        assert value(metric="value_min", **key) == outputs.min()
        assert value(metric="value_std", **key) == pytest.approx(outputs.astype(np.float64).std())
        assert value(metric="dead_share", **key) == 0
        for neuron in range(len(outputs)):
            assert value(metric="total_variation", **key | {"scope": "neuron"}, neuron=neuron) > 0


def test_histograms_count_every_output_of_every_model(on, to_frame):
    rows = to_frame(histogram_rows(on))
    for layer, outputs in enumerate(on.maps.outputs):
        part = rows[rows["layer"] == layer]
        assert part["count"].sum() == outputs.numel()
        assert np.allclose(part["bin_right"] - part["bin_left"], 1 / 16)
        for row in part.itertuples():
            inside = (outputs >= row.bin_left) & (outputs < row.bin_right)
            assert inside.sum() == row.count
    assert set(rows["activation"]) == {"leaky_relu"}
    assert set(rows["layer"]) == {0, 1}


def test_each_crease_map_is_measured_once_and_as_if_it_were_not_remembered(on, effects, monkeypatch, every_row):
    """Without the memo, straight from the maps; and the memo must save something."""
    fresh = Subject(on.seeds, on.stack, on.data, on.maps, on.whole)
    calls = []
    plain = contours.crease_measures
    monkeypatch.setattr(evaluation, "crease_measures", lambda x, y: calls.append(1) or plain(x, y))
    recorded = [table.to_pylist() for effect in effects.values() for table in fold_rows(fresh, effect)]
    asked = len(effects) * 2 * 2  # schemes, layers, views
    assert 2 < len(calls) == sum(key[0] == "displacements" for key in fresh._kept) < asked
    bends = on.stack.activation.bends
    checked = 0
    flat = [row for table in recorded for row in table if row["scope"] == "neuron"]
    for name, effect in effects.items():
        for view in ("isolated", "accumulated"):
            for layer in range(2):
                before = contours.contours(on.on_plane(on.maps.preactivations[layer]), bends)
                after = contours.contours(on.on_plane(getattr(effect, view).preactivations[layer]), bends)
                direct = plain(before, after)["crease_displacement_mean"]
                for row in flat:
                    if (row["scheme"], row["layer"]) == (name, layer) and row[
                        "metric"
                    ] == f"crease_displacement_mean_{view}":
                        np.testing.assert_equal(row["value"], direct[row["seed"], row["neuron"]])
                        checked += 1
    assert checked == len(effects) * 2 * 2 * 5  # schemes, views, seeds, neurons


def test_activations_only_move_no_isolated_crease(frame):
    part = frame[(frame["scheme"] == "a4") & (frame["metric"] == "crease_displacement_mean_isolated")]
    values = part[part["scope"] == "neuron"]["value"].dropna()
    assert len(values)
    assert (values == 0).all()


def without_names(rows: list[dict]) -> str:
    return repr([{key: value for key, value in row.items() if key != "activation"} for row in rows])


def test_a_cap_that_never_binds_has_the_same_rows(make_subject, measure_all):
    plain, capped = make_subject("relu"), make_subject("relu@1000000")
    for ours, theirs in zip(measure_all(plain), measure_all(capped), strict=True):
        assert without_names(ours) == without_names(theirs)  # as text, so that NaN is NaN
        assert {row["activation"] for row in theirs} == {"relu@1000000"}


def test_one_seed_has_the_rows_of_that_seed(on, measure_all):
    alone = subject(on.stack.select(slice(1, 2)), range(1, 2), on.masks[1:2], heldout_islands([1], 9, 2.0))
    ours, both = measure_all(alone)[0], measure_all(on)[0]
    theirs = [row for row in both if row["seed"] == 1]
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert {k: a[k] for k in KEY} == {k: b[k] for k in KEY}
        assert a["value"] == pytest.approx(b["value"], rel=1e-4, abs=1e-4, nan_ok=True), a


UNDEFINED_WHEN_DEAD = [
    *("logit_sqnr_db", "delta_logit_over_margin", "island_iou", "boundary_displacement_mean"),
    *("boundary_displacement_p95", "sqnr_db_isolated", "nmse_accumulated", "cosine_isolated", "mpeir_accumulated"),
    *("crease_displacement_mean_isolated", "crease_displacement_p95_accumulated", "value_skew"),
]


def test_a_dead_network_is_undefined_and_not_perfect(dead, measure_all):
    rows, plans = measure_all(dead)
    found: dict[str, set] = {}
    for row in rows:
        found.setdefault(row["metric"], set()).add(row["value"])
    for name in UNDEFINED_WHEN_DEAD:
        assert all(math.isnan(value) for value in found[name]), name
    assert found["dead_share"] == {1.0}
    assert found["newly_dead_accumulated"] == {0.0}
    assert found["flip_rate"] == {0.0}
    assert found["sqnr_db_undefined_isolated"] == {3.0, 2.0}
    assert {value for value in found["code_occupancy"] if not math.isnan(value)} == {1 / 16, 1 / 256}
    assert found["code_entropy_bits"] >= {0.0}
    assert all(row["weights_equal"] is not False for row in plans)
    assert all(math.isfinite(row["scale"]) for row in plans if row["scale"] is not None)


def test_the_last_layers_weights_do_not_touch_the_folds(on, tiny):
    """What is called the fold of layer K is its own output: only the logit knows the last layer."""
    changed = on.stack.with_weights([*on.stack.weights[:-1], on.stack.weights[-1] + 1])
    other = subject(changed, on.seeds, on.masks, on.data.heldout)
    assert all(torch.equal(a, b) for a, b in zip(on.maps.outputs, other.maps.outputs, strict=True))
    assert not torch.equal(on.maps.logit, other.maps.logit)
    plan = build_plan(other.stack, other.maps, parse_scheme("w4a4"))
    assert plan.outputs[0].scale.shape == (2, 1, 1)
    assert [t.num_rows for t in float_rows(other)] == [t.num_rows for t in float_rows(on)]
