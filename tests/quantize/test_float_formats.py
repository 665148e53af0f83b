"""Quantizers to floats of 8 bits: their scales, against torchao's own and by numpy."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantstudy.quantize.fake_quant import accumulated, quantized_stack
from quantstudy.quantize.formats import FP8_E4M3, FP8_E5M2
from quantstudy.quantize.observers import OBSERVERS
from quantstudy.quantize.plan import build_plan, static_quantizers
from quantstudy.quantize.quantizer import FLOAT32_EPSILON, range_quantizer, weight_quantizer
from quantstudy.quantize.scheme import parse_scheme

both = pytest.mark.parametrize("form", [FP8_E4M3, FP8_E5M2], ids=["e4m3", "e5m2"])
TYPES = {FP8_E4M3: torch.float8_e4m3fn, FP8_E5M2: torch.float8_e5m2}


@both
@pytest.mark.parametrize("observer", ["symmetric", "no_clipping"])
def test_weights_are_torchaos_bit_for_bit(form, observer, stack):
    from torchao.quantization import Float8Tensor
    from torchao.quantization.granularity import PerRow, PerTensor

    for weight in stack.weights:
        rows = weight_quantizer(weight, form, observer=observer)
        whole = weight_quantizer(weight, form, observer=observer, per_channel=False)
        assert rows.scale.shape == (2, weight.shape[1], 1)
        assert whole.scale.shape == (2, 1, 1)
        for model in range(2):
            for own, granularity in ((rows, PerRow()), (whole, PerTensor())):
                theirs = Float8Tensor.from_hp(weight[model], TYPES[form], granularity)
                assert torch.equal(own.scale[model], theirs.scale)
                assert torch.equal(own(weight)[model], theirs.dequantize())
        assert rows.zero_point.dtype == torch.int32
        assert rows.zero_point.abs().max() == 0


@both
def test_ranges_cover_the_farther_end(form):
    low, high = torch.tensor([-2.0, -1.0, 0.5, -3.0]), torch.tensor([1.0, 4.0, 2.0, -1.0])
    quantizer = range_quantizer(low, high, form)
    assert quantizer.scale.shape == (4, 1, 1)
    assert quantizer.scale.flatten().tolist() == [float(np.float32(v) / np.float32(form.largest)) for v in (2, 4, 2, 3)]
    assert quantizer.zero_point.dtype == torch.int32
    assert not quantizer.zero_point.any()
    ends = torch.tensor([-2.0, 4.0, 2.0, -3.0])[:, None, None]
    assert (quantizer(ends) - ends).abs().max() <= 1e-6
    assert quantizer.codes(ends).flatten().tolist() == [-form.high, form.high, form.high, -form.high]


@both
def test_ranges_without_width_and_without_end(form):
    low, high = torch.tensor([0.0, -1e-38, -3e38, np.nan, -np.inf]), torch.tensor([-0.0, 1e-40, 3e38, 1.0, 1.0])
    quantizer = range_quantizer(low, high, form)
    scale = quantizer.scale.flatten()
    assert scale[0] == FLOAT32_EPSILON
    assert scale[1] == torch.finfo(torch.float32).smallest_normal
    assert scale[3:].isnan().all()
    x = torch.tensor([0.0, 1.0, -3e38]).expand(5, 1, 3)
    rounded = quantizer(x)
    assert rounded[:3].isfinite().all()
    assert rounded[3:].isnan().all()
    assert weight_quantizer(torch.zeros(1, 2, 3), form).scale.flatten().tolist() == [FLOAT32_EPSILON] * 2
    assert weight_quantizer(torch.full((1, 1, 2), np.nan), form)(torch.ones(1, 1, 2)).isnan().all()


@both
@pytest.mark.parametrize("observer", list(OBSERVERS))
def test_observers(form, observer):
    values = torch.randn(3, 4, 301, generator=torch.Generator().manual_seed(1)).clamp(min=-0.5)
    values[1, 2, 5] = 60.0
    ranges = OBSERVERS[observer](values)
    (quantizer,) = static_quantizers([values], observer)(form)
    low, high = ranges(form)
    expected = torch.maximum(low.abs(), high.abs()) / form.largest
    assert torch.equal(quantizer.scale.flatten(), expected)
    if observer == "mse":
        for model in range(3):
            errors = {}
            for k in range(1, 41):
                scale = values[model].abs().amax() * np.float32(k / 40) / form.largest
                x = values[model] / scale
                rounded = x.clamp(-form.largest, form.largest).to(TYPES[form]).float() * scale
                errors[k] = float(((rounded - values[model]).double() ** 2).sum())
            of_ours = float(((quantizer(values)[model] - values[model]).double() ** 2).sum())
            assert of_ours <= min(errors.values()) * (1 + 1e-4)
    (per_neuron,) = static_quantizers([values], observer, per_neuron=True)(form)
    assert per_neuron.scale.shape == (3, 4, 1)


@pytest.mark.parametrize("placement", ["post", "pre", "both"])
@pytest.mark.parametrize("scheme", ["wf8", "af8", "wf8af8", "w8af8", "w4a8", "wf8e5m2af8e5m2", "wf8a8dyn"])
def test_a_plan_by_torchs_casts(scheme, placement, stack, maps, points):
    plan = build_plan(stack, maps, parse_scheme(scheme), placement=placement, input_bits=8)
    weights = [w if q is None else plain(w, q) for w, q in zip(stack.weights, plan.weights, strict=True)]
    assert all(map(torch.equal, quantized_stack(stack, plan).weights, weights))
    got = accumulated(stack, plan, points)
    values = got.preactivations[0]
    before, after = plan.preactivations[0], plan.outputs[0]
    values = values if before is None else plain(values, before)
    values = stack.activate(0, values)
    values = values if after is None else plain(values, after)
    assert torch.equal(got.outputs[0], values)
    if plan.inputs is not None:
        assert plan.inputs.format.name == "int8"


def plain(x, quantizer):
    quantizer = quantizer.at(x) if hasattr(quantizer, "at") else quantizer
    if quantizer.format in TYPES:
        largest = quantizer.format.largest
        return (x / quantizer.scale).clamp(-largest, largest).to(TYPES[quantizer.format]).float() * quantizer.scale
    codes = (x * (1 / quantizer.scale)).round() + quantizer.zero_point
    codes = codes.clamp(quantizer.format.low, quantizer.format.high)
    return (codes - quantizer.zero_point) * quantizer.scale


@both
def test_codes_are_in_the_order_of_values(form):
    quantizer = range_quantizer(torch.tensor([-3.0]), torch.tensor([3.0]), form)
    x = torch.linspace(-3, 3, 10_001).view(1, 1, -1)
    codes, values = quantizer.codes(x).flatten(), quantizer(x).flatten()
    assert (codes.diff() >= 0).all()
    assert torch.equal(codes.diff() > 0, values.diff() > 0)
    assert torch.equal(quantizer.codes(quantizer(x)).flatten(), codes)
    assert codes.abs().max() == form.high
    assert replace(quantizer, scale=quantizer.scale * 2).codes(x).abs().max() < form.high
