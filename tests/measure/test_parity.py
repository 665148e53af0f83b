import dataclasses

import numpy as np
import pytest

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.engine.worker import quantize
from quantstudy.measure.evaluation import measured
from quantstudy.measure.parity import plan_rows
from quantstudy.networks.stack import initial_stack
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.quantize.torchao_backend import RealResult
from quantstudy.targets.target import Data, Examples

PARITY = ["weights_equal", "max_abs_logit_difference", "flips"]


@pytest.fixture(scope="module")
def rows_of(on, effects, to_frame):
    return lambda scheme: to_frame(plan_rows(on, effects[scheme]))


def test_a_row_per_scale(on, effects, rows_of):
    rows = rows_of("w4a4")
    assert set(rows["scheme"]) == {"w4a4"}
    assert set(rows["backend"]) == {"simulated"}
    assert set(rows["bits"]) == {4}
    assert set(rows["format"]) == {"int4"}
    assert rows[PARITY].isna().all().all()
    plan = effects["w4a4"].plan
    seen = 0
    for kind, quantizers in (("weight", plan.weights), ("output", plan.outputs)):
        for layer, quantizer in enumerate(quantizers):
            part = rows[rows["tensor"] == f"layers.{layer}.{kind}"]
            seen += len(part)
            for row in part.itertuples():
                channel = 0 if kind == "output" else int(row.channel)
                assert row.scale == quantizer.scale[row.seed, channel, 0].item()
                assert row.zero_point == quantizer.zero_point[row.seed, channel, 0].item()
            if kind == "weight":
                width = len(on.stack.biases[layer][0])
                assert list(zip(part["seed"], part["channel"], strict=True)) == [
                    (seed, channel) for seed in range(2) for channel in range(width)
                ]
            else:
                assert part["channel"].isna().all()
                assert list(part["seed"]) == [0, 1]
    assert seen == len(rows) == 2 * (3 + 2 + 1) + 2 * 2


def test_which_tensors_have_rows(rows_of):
    weights = {f"layers.{k}.weight" for k in range(3)}
    outputs = {f"layers.{k}.output" for k in range(2)}
    simulated = {
        name: set(rows_of(name).query("backend == 'simulated'")["tensor"]) for name in ("w4", "a4", "w4a8dyn", "w8a8")
    }
    assert simulated == {"w4": weights, "a4": outputs, "w4a8dyn": weights | outputs, "w8a8": weights | outputs}


def test_quantizers_at_run_time_have_a_width_and_no_scale(rows_of):
    rows = rows_of("w4a8dyn")
    tokens = rows[rows["tensor"].str.endswith(".output")]
    assert len(tokens) == 4
    assert set(tokens["bits"]) == {8}
    assert set(tokens["format"]) == {"int8"}
    assert tokens[["scale", "zero_point", "channel"]].isna().all().all()
    assert set(rows[rows["tensor"].str.endswith(".weight")]["bits"].dropna()) == {4}


@pytest.mark.parametrize(("scheme", "formats"), [("wf8af8", ["fp8_e4m3"] * 2), ("w4af8e5m2", ["int4", "fp8_e5m2"])])
def test_floats_of_8_bits(scheme, formats, on, tiny, to_frame):
    effect = quantize(on, tiny, parse_scheme(scheme))
    rows = to_frame(plan_rows(on, effect))
    ours = rows[rows["backend"] == "simulated"]
    for kind, name in zip(("weight", "output"), formats, strict=True):
        part = ours[ours["tensor"].str.endswith(kind)]
        assert set(part["format"]) == {name}
        assert set(part["bits"]) == {int(name[-1]) if name[0] == "i" else 8}
        assert set(part["zero_point"]) == {0}
    parity = rows[rows["backend"] == "torchao"]
    assert parity["format"].isna().all()
    if scheme == "wf8af8":
        assert all(equal is True for equal in parity[parity["tensor"] != "logit"]["weights_equal"])
        assert (parity["max_abs_logit_difference"].dropna() < 1e-4).all()
    else:
        assert parity.empty


def test_placements_and_inputs(on, tiny, to_frame):
    wide = tiny.with_options(placement="both", input_bits=8)
    rows = to_frame(plan_rows(on, quantize(on, wide, parse_scheme("w8a8"))))
    assert set(rows["backend"]) == {"simulated"}  # torchao has no such placement
    assert set(rows["tensor"]) == {"inputs"} | {f"layers.{k}.{kind}" for k in range(2) for kind in KINDS} | {
        "layers.2.weight"
    }
    inputs = rows[rows["tensor"] == "inputs"]
    assert list(inputs["seed"]) == [0, 1]
    assert inputs["scale"].nunique() == 1


KINDS = ("weight", "preactivation", "output")


@pytest.mark.parametrize("scheme", ["w4", "w4a8dyn", "w8", "w8a8", "w8a8dyn"])
def test_parity_of_the_backends(scheme, on, effects, rows_of, request):
    if scheme.startswith("w8a8"):
        request.getfixturevalue("int8_products")
    rows = rows_of(scheme)
    parity = rows[rows["backend"] == "torchao"]
    weights = parity[parity["tensor"] != "logit"]
    assert list(weights["tensor"]) == [f"layers.{k}.weight" for k in range(3) for _ in range(2)]
    assert list(weights["seed"]) == [0, 1] * 3
    assert all(equal is True for equal in weights["weights_equal"])
    logit = parity[parity["tensor"] == "logit"]
    difference = (effects[scheme].accumulated.logit - effects[scheme].real.logit).abs().amax(dim=(1, 2))
    assert list(logit["max_abs_logit_difference"]) == difference.double().tolist()
    # w8a8dyn: where the largest |x| of a token is negative it lies exactly on the tie −127.5, and the last bit of a
    # float32 sum, which the backends add in another order, decides between two codes
    assert (logit["max_abs_logit_difference"] < (1e-2 if scheme == "w8a8dyn" else 1e-4)).all()
    flips = (effects[scheme].accumulated.logit > 0) != (effects[scheme].real.logit > 0)
    assert list(logit["flips"]) == flips.sum(dim=(1, 2)).tolist()
    assert parity[["scale", "zero_point", "bits", "channel"]].isna().all().all()


@pytest.mark.parametrize("scheme", ["a4", "w4a4", "a8"])
def test_no_parity_where_torchao_has_no_such_scheme(scheme, rows_of):
    assert set(rows_of(scheme)["backend"]) == {"simulated"}


def test_a_difference_between_the_backends_shows(on, effects, to_frame):
    effect = effects["w4"]
    weights = [w.clone() for w in effect.real.weights]
    weights[1][1, 0, 2] += 1e-7
    logit = effect.real.logit.clone()
    logit[0, 0, :5] = -effect.accumulated.logit[0, 0, :5]
    logit[1] += 0.0
    other = dataclasses.replace(effect, real=RealResult(tuple(weights), logit))
    rows = to_frame(plan_rows(on, other)).query("backend == 'torchao'")
    equal = {(r.tensor, r.seed): r.weights_equal for r in rows.itertuples() if r.tensor != "logit"}
    assert [key for key, same in equal.items() if not same] == [("layers.1.weight", 1)]
    parity = rows[rows["tensor"] == "logit"].set_index("seed")
    assert dict(parity["flips"]) == {0: 5, 1: 0}
    moved = 2 * effect.accumulated.logit[0, 0, :5].abs().max().item()
    assert parity["max_abs_logit_difference"][0] == pytest.approx(moved)


def test_scales_survive_as_float32(rows_of):
    scale = rows_of("w8")["scale"].dropna().to_numpy()
    assert np.array_equal(scale, scale.astype(np.float32))
    assert (scale > 0).all()


def test_numbers_differ_where_they_are_more_than_a_twentieth_of_the_range_apart(to_frame):
    draws = np.random.default_rng(3)
    inputs, labels = draws.normal(size=(2, 40)), draws.uniform(-1.0, 1.0, (2, 3, 40))
    labels[:, 0, :2] = -2.0, 2.0  # the range is 4, its twentieth 0.2
    points = Examples(inputs[None].astype(np.float32), labels.astype(np.float32))
    subject = measured(
        initial_stack(parse_activation("relu"), range(2), (3, 2), 2, 3), range(2), Data(points, points, 3)
    )
    effect = quantize(subject, StudyConfig(target="texture", hidden=(3, 2)), parse_scheme("w4"))
    logit = effect.accumulated.logit.clone()
    logit[1, 0, 4], logit[1, 2, 4] = logit[1, 0, 4] + 0.25, logit[1, 2, 4] - 0.25  # one point, two numbers of it
    logit[1, 1, 7] -= 0.15
    logit[1, 1, 9] = np.nan
    effect.accumulated.logit[1, :, 11] = logit[1, :, 11] = np.nan  # in both: nothing differs
    other = dataclasses.replace(effect, real=RealResult(effect.real.weights, logit))
    rows = to_frame(plan_rows(subject, other)).query("backend == 'torchao' and tensor == 'logit'")
    assert dict(zip(rows["seed"], rows["flips"], strict=True)) == {0: 0, 1: 2}
