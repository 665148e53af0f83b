"""The analyses beyond the schemes, each against networks that are quantized by hand."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.allowed import OBSERVERS, PLACEMENTS
from quantstudy.config.study import StudyConfig
from quantstudy.drift.decision import decision_measures
from quantstudy.engine.worker import VARIATIONS
from quantstudy.measure import variation
from quantstudy.measure.cause import cause_rows
from quantstudy.measure.cliff import CLIFF_BITS, cliff_rows
from quantstudy.measure.evaluation import subject
from quantstudy.measure.multiverse import multiverse_rows
from quantstudy.measure.placement import placement_rows
from quantstudy.measure.ranges import range_rows
from quantstudy.measure.sensitivity import sensitivity_rows
from quantstudy.measure.variation import effects_of, plan_of
from quantstudy.quantize.fake_quant import accumulated, quantized_stack
from quantstudy.quantize.observers import OBSERVERS as FUNCTIONS
from quantstudy.quantize.plan import GRANULARITIES, build_plan
from quantstudy.quantize.quantizer import range_quantizer
from quantstudy.quantize.scheme import IntFormat, parse_scheme
from quantstudy.records.schemas import CAUSE, CLIFF, PLACEMENT, RANGES, SENSITIVITY

MEASURES = ["accuracy_drop", "accuracy_quantized", "delta_logit_over_margin", "flip_rate"]
HELDOUT = ["heldout_accuracy_drop", "heldout_accuracy_quantized"]  # their values: test_heldout.py
STUDY = StudyConfig(bits=(3,), activations=("leaky_relu", "hardgelu"), seeds=2, grid=9, hidden=(3, 2))


def values(table, **where):
    """Measures of one variant: metric → [seeds]."""
    frame = table.to_pandas() if not isinstance(table, pd.DataFrame) else table
    for key, value in where.items():
        frame = frame[frame[key].isna() if value is None else frame[key] == value]
    found = {str(metric): part.sort_values("seed")["value"].to_numpy() for metric, part in frame.groupby("metric")}
    return {name: array for name, array in found.items() if len(array) and not name.startswith("heldout_")}


def drift(on, logit):
    before = on.logit(on.maps.logit)
    every = decision_measures(before, on.logit(logit), on.masks)
    return {name: every[name] for name in MEASURES}


def same(one, two):
    assert sorted(one) == sorted(two)
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name], err_msg=name)


def by_hand(on, plan, layers):
    """The logit where just some layers are quantized."""
    rounded, floats = quantized_stack(on.stack, plan), on.stack
    values = on.maps.points
    if plan.inputs is not None and 0 in layers:
        values = plan.inputs(values[None])[0]
    for layer in range(floats.hidden):
        z = (rounded if layer in layers else floats).preactivation(layer, values)
        if layer in layers and plan.preactivations[layer] is not None:
            z = plan.preactivations[layer](z)
        values = floats.activate(layer, z)
        if layer in layers and plan.outputs[layer] is not None:
            values = plan.outputs[layer](values)
    return (rounded if floats.hidden in layers else floats).preactivation(floats.hidden, values)


def test_the_brief_measures_are_those_of_the_decision(on):
    plan = build_plan(on.stack, on.maps, parse_scheme("w3a3"))
    logit = accumulated(on.stack, plan, on.maps.points).logit
    (found,) = effects_of(on, [plan])
    assert sorted(found) == MEASURES + HELDOUT
    same({name: found[name] for name in MEASURES}, drift(on, logit))


def test_how_many_logits_are_held_at_once_changes_nothing(on, monkeypatch):
    plans = [build_plan(on.stack, on.maps, parse_scheme(name)) for name in ("w3", "a3", "w3a3", "w8", "w3")]
    want = effects_of(on, plans)
    assert len(want) == 5
    for held in (1, 2 * on.maps.logit.nbytes, 3 * on.maps.logit.nbytes + 1):
        monkeypatch.setattr(variation, "HELD", held)
        for got, expected in zip(effects_of(on, plans), want, strict=True):
            same(got, expected)
    assert effects_of(on, []) == []


@pytest.mark.parametrize(
    "options", [{}, {"placement": "both", "input_bits": 5, "observer": "mse"}, {"placement": "pre"}]
)
def test_every_layer_alone_all_but_it_and_all_up_to_it(on, options):
    config = STUDY.with_options(**options)
    table = sensitivity_rows(on, config)
    assert table.schema == SENSITIVITY
    frame = table.to_pandas()
    assert sorted(frame["scheme"].unique()) == ["a3", "a8", "w3", "w3a3", "w8", "w8a8"]
    for scheme in ("a3", "w3", "w3a3"):
        plan = build_plan(on.stack, on.maps, parse_scheme(scheme), **options)
        layers = [0, 1] if scheme == "a3" else [0, 1, 2]
        assert sorted(frame[(frame["scheme"] == scheme) & (frame["view"] == "isolated")]["layer"].unique()) == layers
        total = values(frame, scheme=scheme, view="total", layer=None)
        same(total, drift(on, accumulated(on.stack, plan, on.maps.points).logit))
        shares = 0
        for layer in layers:
            for view, members in (
                ("isolated", [layer]),
                ("all_but_one", [k for k in layers if k != layer]),
                ("accumulated", layers[: layer + 1]),
            ):
                same(values(frame, scheme=scheme, view=view, layer=layer), drift(on, by_hand(on, plan, members)))
            share = values(frame, scheme=scheme, view="shapley", layer=layer)
            assert list(share) == ["flip_rate"]
            shares = shares + share["flip_rate"]
        np.testing.assert_allclose(shares, total["flip_rate"], atol=1e-12)
        assert total["flip_rate"].max() > 0


def test_the_share_of_a_layer_from_its_definition(on):
    plan = build_plan(on.stack, on.maps, parse_scheme("w3"))
    rate = {
        members: drift(on, by_hand(on, plan, [k for k in range(3) if members >> k & 1]))["flip_rate"]
        for members in range(8)
    }
    first = (rate[1] - rate[0]) / 3 + (rate[3] - rate[2]) / 6 + (rate[5] - rate[4]) / 6 + (rate[7] - rate[6]) / 3
    found = values(sensitivity_rows(on, STUDY), scheme="w3", view="shapley", layer=0)["flip_rate"]
    np.testing.assert_allclose(found, first, atol=1e-12)


def test_every_width_of_every_part(on):
    table = cliff_rows(on, STUDY)
    assert table.schema == CLIFF
    assert CLIFF_BITS == (2, 3, 4, 5, 6, 7, 8, 16)
    for bits, (part, name) in product(
        CLIFF_BITS, {"weights": "w{0}", "activations": "a{0}", "both": "w{0}a{0}"}.items()
    ):
        scheme = name.format(bits)
        plan = build_plan(on.stack, on.maps, parse_scheme(scheme))
        found = values(table, quantized=part, bits=bits, scheme=scheme)
        same(found, drift(on, accumulated(on.stack, plan, on.maps.points).logit))
    assert table.num_rows == 8 * 3 * 6 * 2
    flips = [values(table, quantized="both", bits=bits)["flip_rate"].mean() for bits in (2, 16)]
    assert flips[0] > flips[1]


def test_every_setting_of_placement(on):
    table = placement_rows(on, STUDY)
    assert table.schema == PLACEMENT
    frame = table.to_pandas()
    assert len(frame) == 2 * 57 * 6 * 2
    settings = list(product(PLACEMENTS, (False, True), OBSERVERS, ("tensor", "channel", "neuron"), ("symmetric",)))
    own = (STUDY.placement, False, STUDY.observer)
    settings += [(*own, granularity, "no_clipping") for granularity in GRANULARITIES]
    keys = ("placement", "coordinates", "observer", "granularity", "weight_observer")
    for setting in settings:
        options = dict(zip(keys, setting, strict=True))
        how = {key: value for key, value in options.items() if key != "coordinates"}
        how["input_bits"] = 3 if options["coordinates"] else 0
        plan = build_plan(on.stack, on.maps, parse_scheme("w3a3"), **how)
        found = values(frame, scheme="w3a3", **options)
        same(found, drift(on, accumulated(on.stack, plan, on.maps.points).logit))
    assert GRANULARITIES == ("tensor", "channel", "neuron")
    assert len(frame[list(keys)].drop_duplicates()) == 57


def test_scales_that_clip_nothing_are_tried_where_the_study_quantizes(on):
    config = STUDY.with_options(placement="both", observer="mse", weight_observer="no_clipping")
    frame = placement_rows(on, config).to_pandas()
    frame = frame[frame["weight_observer"] == "no_clipping"]
    assert set(frame["placement"]) == {"both"}
    assert set(frame["observer"]) == {"mse"}
    assert len(frame[["granularity", "coordinates"]].drop_duplicates()) == 3
    (first, *_) = config.bit_widths
    scheme = f"w{first}a{first}"
    plan = plan_of(on.stack, on.maps, config, parse_scheme(scheme))
    assert plan.weight_observer == "no_clipping"
    found = values(frame, scheme=scheme, granularity="channel")
    same(found, drift(on, accumulated(on.stack, plan, on.maps.points).logit))


def test_a_multiverse_takes_the_studys_weight_scales_and_no_others(on):
    symmetric, other = (
        multiverse_rows(on, STUDY.with_options(weight_observer=name)).to_pandas()
        for name in ("symmetric", "no_clipping")
    )
    assert len(symmetric) == len(other) == 9 * 6 * 2
    plan = build_plan(on.stack, on.maps, parse_scheme("w3a3"), placement="pre", weight_observer="no_clipping")
    same(
        values(other, placement="pre", observer="minmax"), drift(on, accumulated(on.stack, plan, on.maps.points).logit)
    )
    assert not symmetric["value"].equals(other["value"])


def test_what_shares_a_scale(on):
    models, width, _ = on.maps.outputs[0].shape
    shapes = {
        granularity: (plan.weights[0].scale.shape, plan.outputs[0].scale.shape, plan.inputs.scale.shape)
        for granularity in GRANULARITIES
        for plan in [build_plan(on.stack, on.maps, parse_scheme("w3a3"), input_bits=3, granularity=granularity)]
    }
    assert shapes == {
        "tensor": ((models, 1, 1), (models, 1, 1), (1, 1, 1)),
        "channel": ((models, width, 1), (models, 1, 1), (1, 1, 1)),
        "neuron": ((models, width, 1), (models, width, 1), (1, 2, 1)),
    }


@pytest.mark.parametrize("observer", OBSERVERS)
def test_a_range_of_its_own_for_every_neuron(on, observer):
    plan = build_plan(on.stack, on.maps, parse_scheme("a3"), observer=observer, granularity="neuron")
    form = IntFormat(3)
    for layer, maps in enumerate(on.maps.outputs):
        for neuron in range(maps.shape[1]):
            alone = range_quantizer(*FUNCTIONS[observer](maps[:, neuron : neuron + 1])(form), form)
            for field in ("scale", "zero_point"):
                assert torch.equal(getattr(plan.outputs[layer], field)[:, neuron], getattr(alone, field)[:, 0]), (
                    layer,
                    neuron,
                    field,
                )


def test_the_scale_of_a_whole_weight_tensor(on):
    plan = build_plan(on.stack, on.maps, parse_scheme("w3"), granularity="tensor")
    for quantizer, weights in zip(plan.weights, on.stack.weights, strict=True):
        largest = weights.flatten(1).abs().amax(dim=1)
        torch.testing.assert_close(quantizer.scale[:, 0, 0], largest / 3.5)


def cause(name, make_subject, **options):
    on = make_subject(name)
    config = STUDY.with_options(activations=("relu", "hardgelu", "gelu", "prelu"), **options)
    return on, cause_rows(on, config)


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        ("relu", {"plain", "capped", "calibrated"}),
        ("hardgelu", {"plain", "calibrated"}),
        ("hardgelu_uncapped", {"plain", "capped"}),
        ("relu@3", {"plain"}),
        ("prelu", {"plain"}),
    ],
)
def test_the_variants_of_every_stack(make_subject, name, variants):
    on, table = cause(name, make_subject)
    assert table.schema == CAUSE
    frame = table.to_pandas()
    assert set(frame["variant"]) == variants
    assert set(frame["activation"]) == {name}
    assert set(frame["scheme"]) == {"float", "w3", "a3", "w3a3"}
    plain = build_plan(on.stack, on.maps, parse_scheme("w3a3"))
    same(values(frame, variant="plain", scheme="w3a3"), drift(on, accumulated(on.stack, plain, on.maps.points).logit))
    right = values(frame, variant="plain", scheme="float")
    np.testing.assert_array_equal(right["accuracy_float"], on.float_logits.accuracy)
    if "calibrated" in variants:
        plan = build_plan(on.stack, on.maps, parse_scheme("w3a3"), observer="mse")
        logit = accumulated(on.stack, plan, on.maps.points).logit
        same(values(frame, variant="calibrated", scheme="w3a3"), drift(on, logit))


def test_a_cap_at_inference_alone(make_subject):
    on, table = cause("gelu", make_subject)
    wide = replace(
        on.stack, weights=tuple(4 * w for w in on.stack.weights)
    )  # as it was trained hardly anything exceeds 3
    on = subject(wide, on.seeds, on.masks)
    table = cause_rows(on, STUDY.with_options(activations=("gelu", "hardgelu")))
    capped = subject(replace(wide, activation=parse_activation("gelu@3")), on.seeds, on.masks)
    assert (on.maps.outputs[0] > 3).any()
    right = values(table, variant="capped", scheme="float")["accuracy_float"]
    np.testing.assert_array_equal(right, capped.float_logits.accuracy)
    plan = build_plan(capped.stack, capped.maps, parse_scheme("w3a3"))
    logit = accumulated(capped.stack, plan, on.maps.points).logit
    same(values(table, variant="capped", scheme="w3a3"), drift(on, logit))  # drift is from the uncapped one
    plain = values(table, variant="plain", scheme="w3a3")["flip_rate"]
    assert not np.array_equal(plain, values(table, variant="capped", scheme="w3a3")["flip_rate"])


def test_the_uncapped_one_capped_at_inference_is_the_bounded_function(make_subject):
    on, table = cause("hardgelu_uncapped", make_subject)
    bounded = subject(replace(on.stack, activation=parse_activation("hardgelu")), on.seeds, on.masks)
    found = values(table, variant="capped", scheme="float")["accuracy_float"]
    np.testing.assert_array_equal(found, bounded.float_logits.accuracy)


def test_no_cause_is_sought_without_the_bounded_activation(make_subject):
    on = make_subject("relu")
    table = cause_rows(on, STUDY.with_options(activations=("relu", "gelu")))
    assert table.schema == CAUSE
    assert table.num_rows == 0


def test_dead_networks(dead):
    for name, analysis in VARIATIONS.items():
        frame = analysis(dead, STUDY).to_pandas()
        flips = frame[frame["metric"] == "flip_rate"]["value"]
        assert (flips == 0).all(), name
        over = frame[frame["metric"] == "delta_logit_over_margin"]["value"]
        assert over.isna().all(), name  # a margin of 0: undefined, not 0


def test_the_ranges_are_those_of_the_plans(on):
    table = range_rows(on, STUDY)
    assert table.schema == RANGES
    frame = table.to_pandas()
    assert len(frame) == 2 * 2 * 4 * 2  # observers, widths, tensors, seeds
    seen = set()
    for observer, bits in product(("percentile", "mse"), (3, 8)):
        plan = build_plan(on.stack, on.maps, parse_scheme(f"a{bits}"), placement="both", observer=observer)
        chosen = frame[(frame["observer"] == observer) & (frame["format"] == f"int{bits}")]
        for layer, name in product(range(2), ("output", "preactivation")):
            part = chosen[chosen["tensor"] == f"layers.{layer}.{name}"]
            quantizer = (plan.outputs if name == "output" else plan.preactivations)[layer]
            assert part["seed"].tolist() == [0, 1]
            assert part["scale"].tolist() == quantizer.scale.flatten().tolist()
            assert part["zero_point"].tolist() == quantizer.zero_point.flatten().tolist()
            seen |= set(part["scale"])
    assert len(seen) > 20
