"""Training with rounding in the forward pass, against the same in float64, step by step."""

import math
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from quantstudy_kernels import ACTIVATION_NAMES
from quantstudy_kernels.cpu import trainer
from quantstudy_kernels.cpu.forward import forward
from quantstudy_kernels.cpu.rounded_trainer import USUAL, Schedule, train_rounded
from quantstudy_kernels.cpu.rounded_weights import move_scales
from quantstudy_kernels.cpu.trainer import Examples, Recipe, train
from quantstudy_kernels.draws import numbers
from quantstudy_kernels.forward import FLOAT, Fixed, Network, PerPoint, Rounding
from quantstudy_kernels.reference import quantize_codes
from quantstudy_kernels.reference_forward import rounded

from tests.kernels.qat_twin import train_one
from tests.kernels.twin import first_parameters, some_examples, unpacked
from tests.portable.switches import ROOT, clean
from tests.portable.test_any_processor import ALL_OFF

SHAPES = [
    ("binary", (2, 8, 8, 1)),
    ("binary", (3, 9, 5, 1)),
    ("binary", (1, 1, 1)),
    ("softmax", (9, 17, 7, 3)),
    ("squared", (2, 5, 8, 2)),
    ("squared", (17, 3, 1)),
]
SCHEMES = ["w4a4", "w4a8", "w4", "a4", "w2a3", "w4a8dyn", "w8a8dyn", "w16"]
PLAIN = Schedule(hold_from=1, sharpness=0)


def recipe(name="silu", neurons=(3, 9, 5, 1), loss="binary", batch=40, steps=5, cap=math.inf, epsilon=0.1) -> Recipe:
    """A large ε: where a gradient is all but 0 Adam would make much of its last bits."""
    return Recipe(name, cap, neurons, batch, [0.05 * (step + 1) for step in range(steps)], 0.9, 0.999, epsilon, 2, loss)


def fixed(scales, zeros) -> Fixed:
    return Fixed(torch.tensor(scales).view(1, -1, 1), torch.tensor(zeros, dtype=torch.int32).view(1, -1, 1), -8, 7)


def scheme(text: str, how: Recipe, flat: np.ndarray, examples: Examples, per="channel") -> Rounding:
    """Scales by the greatest value; of weights 10 % less, so that some are clamped, as are outputs above 2.5."""
    models, hidden = len(flat), len(how.neurons) - 2
    bits = {kind: int(rest) for kind, rest in zip("wa", _bits(text), strict=True) if rest}
    weights: list[Fixed | None] = [None] * (hidden + 1)
    after: list[Fixed | PerPoint | None] = [None] * hidden
    if "w" in bits:
        low, high = -(2 ** (bits["w"] - 1)), 2 ** (bits["w"] - 1) - 1
        for k in range(hidden + 1):
            size = torch.stack([unpacked(torch.from_numpy(own), how.neurons)[0][k].abs() for own in flat])
            size = size.amax((1, 2) if per == "tensor" else 2, keepdim=True)
            scale = 0.9 * size / high
            weights[k] = Fixed(scale, torch.zeros_like(scale, dtype=torch.int32), low, high)
    if "a" in bits:
        low, high = -(2 ** (bits["a"] - 1)), 2 ** (bits["a"] - 1) - 1
        for k in range(hidden):
            rows = how.neurons[k + 1] if per == "neuron" else 1
            spread = 1 + torch.arange(models * rows).view(models, rows, 1) / (10 * rows)
            zero = torch.full((models, rows, 1), low + (high - low) // 4, dtype=torch.int32)
            after[k] = Fixed(2.5 / (high - low) * spread, zero, low, high)
            if text.endswith("dyn"):
                after[k] = PerPoint(low, high, symmetric=text == "w8a8dyn")
    return Rounding(weights=tuple(weights), outputs=tuple(after))


def _bits(text):
    weights, _, outputs = text.removesuffix("dyn").partition("a")
    return weights.removeprefix("w"), outputs


@dataclass(frozen=True)
class Case:
    how: Recipe
    flat: np.ndarray
    rounding: Rounding
    examples: Examples
    schedule: Schedule

    def trained(self, **more):
        seeds = range(len(self.flat))
        return train_rounded(self.how, self.flat, self.rounding, seeds, self.examples, schedule=self.schedule, **more)

    def by_twin(self):
        return [
            train_one(self.how, own, self.rounding, model, self.examples, model, self.schedule)
            for model, own in enumerate(self.flat)
        ]


def case(text="w4a4", schedule=USUAL, per="channel", models=2, **more) -> Case:
    how = recipe(**more)
    flat, examples = first_parameters(how, models), some_examples(how, models)
    return Case(how, flat, scheme(text, how, flat, examples, per), examples, schedule)


def assert_as_the_twin(some: Case, atol=1e-5) -> None:
    """Of 8 bits a value or two always lie so near to a tie that another code is one of the right ones."""
    got, want = some.trained(), some.by_twin()
    loose = 30 if any(q and q.high - q.low >= 255 for q in some.rounding.outputs) else 1
    atol *= loose
    np.testing.assert_allclose(got.losses, [own.losses for own in want], rtol=2e-5 * loose, atol=2e-6 * loose)
    np.testing.assert_allclose(got.parameters, np.stack([own.flat.numpy() for own in want]), rtol=0, atol=atol)
    for kind, quantizers in (("w", got.rounding.weights), ("a", got.rounding.outputs)):
        for k, quantizer in enumerate(quantizers):
            if isinstance(quantizer, Fixed):
                scales = torch.stack([own.scales[kind, k] for own in want])
                torch.testing.assert_close(quantizer.scale.double(), scales, rtol=2e-5 * loose, atol=0)
                zeros = torch.stack([own.zeros[kind, k] for own in want])
                assert torch.equal(quantizer.zero_point.double(), zeros)


def all_of(rounding: Rounding) -> list:
    return [*rounding.weights, *rounding.outputs]


@pytest.mark.parametrize("text", SCHEMES)
@pytest.mark.parametrize(("loss", "neurons"), SHAPES)
def test_the_first_steps_are_those_in_float64(text, loss, neurons):
    assert_as_the_twin(case(text, loss=loss, neurons=neurons, steps=3 if "a8" in text else 5))


@pytest.mark.parametrize("cap", [math.inf, 0.7])
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_of_every_activation_they_are(name, cap):
    for per in ("channel", "tensor", "neuron"):
        assert_as_the_twin(case(name=name, cap=cap, per=per, batch=370, steps=4))


def test_scales_and_zero_points_move_and_are_what_forward_then_uses():
    some = case(steps=12, batch=352, schedule=Schedule(zero_gain=30))
    assert_as_the_twin(some, atol=2e-5)
    learned = some.trained().rounding
    for before, after in zip(some.rounding.outputs, learned.outputs, strict=True):
        assert (before.scale != after.scale).all()
    assert any(
        (a.zero_point != b.zero_point).any() for a, b in zip(some.rounding.outputs, learned.outputs, strict=True)
    )
    still = replace(some, schedule=Schedule(weight_gain=0, output_gain=0, zero_gain=0)).trained().rounding
    for before, after in zip(all_of(some.rounding), all_of(still), strict=True):
        assert torch.equal(before.scale, after.scale)
        assert torch.equal(before.zero_point, after.zero_point)


@pytest.mark.parametrize("per", ["channel", "tensor", "neuron"])
def test_gradients_of_scales_are_those_of_the_formula(per):
    """One step of Adam with a huge ε is one of plain descent: what a scale moved by is its gradient."""
    some = case("w3a3", per=per, steps=1, epsilon=1e6, batch=300, schedule=replace(PLAIN, weight_gain=1.0))
    some = replace(some, how=replace(some.how, rates=[1e6]))
    got, model = some.trained(), 1
    chosen = numbers(np.array(model), 2, np.array(0), 300, some.examples.labels.shape[2])
    weights, biases, _ = unpacked(torch.from_numpy(some.flat[model]).double(), some.how.neurons)
    x, below = torch.from_numpy(some.examples.inputs[0][:, chosen]).double(), []
    rounded = []
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        q = some.rounding.weights[k]
        step = q.scale[model].double()
        rounded.append((weight / step).round().clamp(q.low, q.high) * step)
        z = rounded[k] @ x + bias
        below.append((x, z))
        if k < len(weights) - 1:
            q, h = some.rounding.outputs[k], z * torch.sigmoid(z)
            code = ((h / q.scale[model]).round() + q.zero_point[model]).clamp(q.low, q.high) - q.zero_point[model]
            x = code * q.scale[model].double()
    up = (torch.sigmoid(z) - torch.from_numpy(some.examples.labels[model][:, chosen]).double()) / 300
    for k in reversed(range(len(weights))):
        q, (x, z) = some.rounding.weights[k], below[k]
        if k < len(weights) - 1:
            a, s = some.rounding.outputs[k], torch.sigmoid(z)
            t = z * s / a.scale[model].double()
            code = (t.round() + a.zero_point[model]).clamp(a.low, a.high) - a.zero_point[model]
            inside = code == t.round()
            terms = (up * torch.where(inside, code - t, code)).sum(1, keepdim=True)
            slope = (terms if per == "neuron" else terms.sum(0, keepdim=True)) * a.scale[model]
            moved = got.rounding.outputs[k].scale[model].double() / a.scale[model] - 1
            torch.testing.assert_close(moved, -slope, rtol=1e-4, atol=2e-7)
            up = up * inside * (s + z * s * (1 - s))
        t, g = weights[k] / q.scale[model].double(), up @ x.T
        code = t.round().clamp(q.low, q.high)
        slope = (g * torch.where(code == t.round(), code - t, code)).sum(1, keepdim=True)
        slope = (slope.sum(0, keepdim=True) if per == "tensor" else slope) * q.scale[model]
        moved = got.rounding.weights[k].scale[model].double() / q.scale[model] - 1
        torch.testing.assert_close(moved, -slope, rtol=1e-4, atol=2e-7)
        up = rounded[k].T @ up


def test_weights_that_swing_are_held():
    """Without momentum a weight that is best between two codes turns back at every step."""
    some = case("w3", Schedule(hold_from=0.3), steps=120, batch=300, neurons=(2, 8, 1), loss="squared")
    some = replace(some, how=replace(some.how, rates=[0.1] * 120, beta1=0.0))
    assert_as_the_twin(some)
    got, twins = some.trained(), some.by_twin()
    assert min(sum(w.held for layer in own.watches for row in layer for w in row) for own in twins) >= 10
    for model, own in enumerate(twins):
        for k, layer in enumerate(own.watches):
            weights = unpacked(torch.from_numpy(got.parameters[model]), some.how.neurons)[0][k]
            scale, q = got.rounding.weights[k].scale[model], got.rounding.weights[k]
            held = torch.tensor([[w.held for w in row] for row in layer])
            codes = torch.tensor([[w.code for w in row] for row in layer], dtype=torch.float32)
            assert torch.equal(weights[held], (codes * scale)[held])
            assert torch.equal(
                quantize_codes(weights, scale, q.zero_point[model], q.low, q.high)[held], codes[held].int()
            )
    free = replace(some, schedule=Schedule(hold_from=1)).trained().losses
    assert (free[:, :36] == got.losses[:, :36]).all()
    assert (free[:, -40:].mean(1) > got.losses[:, -40:].mean(1)).all()


def test_scales_are_at_most_doubled_or_halved_in_a_step_and_stay_normal_numbers():
    small = np.finfo(np.float32).tiny
    scales = np.array([[small, 1, 1, 1, math.nan]], np.float32)
    slopes, moments = np.array([[9, 9, -9, 0, 9]], np.float32), np.zeros((2, 1, 5), np.float32)
    constants = tuple(map(np.float32, (0.1, 0.999, 0.001, 1e-8)))
    rows, rate = np.array([5]), np.float32(40)
    move_scales(scales, slopes, moments, rows, np.zeros(1, np.bool_), rate, np.float32(30), constants)
    np.testing.assert_array_equal(scales, [[small, 0.5, 2, 1, math.nan]])


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_with_nothing_rounded_every_bit_is_the_plain_trainers(name, masks):
    for cap in (math.inf, 0.7):
        how = recipe(name, (2, 9, 8, 1), cap=cap, epsilon=1e-8, batch=400)
        first = first_parameters(how, 2)
        data = np.random.default_rng(1).random((2, 9, 9)) < 0.5 if masks else some_examples(how, 2)
        want, losses = train(how, first, range(2), data)
        nothing = Rounding(weights=(None,) * 3, outputs=(None,) * 2)
        for rounding, schedule in ((FLOAT, Schedule()), (nothing, Schedule(weights_from=0.5, hold_from=0.1))):
            got = train_rounded(how, first, rounding, range(2), data, schedule=schedule)
            assert got.parameters.tobytes() == want.tobytes()
            assert got.losses.tobytes() == losses.tobytes()
            assert got.rounding == rounding


@pytest.mark.parametrize("text", ["w4a4", "w4a8dyn"])
def test_no_bit_depends_on_threads_company_or_where_the_loop_stops(text, monkeypatch):
    some = case(text, models=3, steps=20, schedule=Schedule(hold_from=0.2))
    one, two = some.trained(threads=1), some.trained(threads=2)
    monkeypatch.setattr(trainer, "_POINTS_PER_CALL", 120)
    three = some.trained(threads=1)
    alone = only(some, 1)
    own = train_rounded(some.how, alone.flat, alone.rounding, [1], alone.examples, schedule=some.schedule)
    for other in (two, three):
        assert one.parameters.tobytes() == other.parameters.tobytes()
        assert one.losses.tobytes() == other.losses.tobytes()
        for a, b in zip(one.rounding.weights, other.rounding.weights, strict=True):
            assert torch.equal(a.scale, b.scale)
    assert own.parameters.tobytes() == one.parameters[1:2].tobytes()


def only(some: Case, model: int) -> Case:
    def of(quantizer):
        if not isinstance(quantizer, Fixed):
            return quantizer
        return replace(quantizer, scale=quantizer.scale[[model]], zero_point=quantizer.zero_point[[model]])

    rounding = Rounding(tuple(map(of, some.rounding.weights)), outputs=tuple(map(of, some.rounding.outputs)))
    examples = replace(some.examples, labels=some.examples.labels[[model]])
    return Case(some.how, some.flat[[model]], rounding, examples, some.schedule)


def network(how: Recipe, flat: np.ndarray) -> Network:
    parts = [unpacked(torch.from_numpy(own.copy()), how.neurons) for own in flat]
    weights, biases, slopes = (
        tuple(torch.stack(layer) for layer in zip(*(own[part] for own in parts), strict=True)) for part in range(3)
    )
    return Network(how.name, weights, biases, slopes, how.cap)


@pytest.mark.parametrize("text", SCHEMES)
@pytest.mark.parametrize(("name", "per"), [("prelu", "channel"), ("hardgelu", "neuron"), ("relu", "tensor")])
def test_the_forward_pass_gives_the_loss_of_the_last_step(text, name, per):
    """With a rate of 0 the last step leaves everything where it was."""
    some = case(text, replace(PLAIN, sharpness=1), per, name=name, steps=30, batch=353)
    some = replace(some, how=replace(some.how, rates=[0.1] * 29 + [0.0]))
    inputs = PerPoint(-8, 7, symmetric=False) if "dyn" in text else fixed([0.3], [1])
    some = replace(some, rounding=replace(some.rounding, inputs=inputs))
    got = some.trained()
    maps = forward(network(some.how, got.parameters), torch.from_numpy(some.examples.inputs[0]), got.rounding)
    for model, logit in enumerate(maps.logit.double()):
        chosen = numbers(np.array(model), 2, np.array(29), 353, logit.shape[1])
        labels = torch.from_numpy(some.examples.labels[model]).double()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit[:, chosen], labels[:, chosen])
        assert got.losses[model, -1] == pytest.approx(float(loss), rel=1e-6)
    assert (got.losses[:, -1] < got.losses[:, 0]).all()


def test_codes_are_within_their_ends_and_the_scales_given_are_left_alone():
    some = case("w3a3", steps=40, schedule=Schedule(hold_from=0.1))
    before = [q.scale.clone() for q in all_of(some.rounding)]
    got = some.trained()
    for q, was in zip(all_of(some.rounding), before, strict=True):
        assert torch.equal(q.scale, was)
    for weights, q in zip(network(some.how, got.parameters).weights, got.rounding.weights, strict=True):
        codes = quantize_codes(weights, q.scale, q.zero_point, q.low, q.high)
        assert (codes.amin(), codes.amax()) == (-4, 3)
    for q in got.rounding.outputs:
        assert q.scale.dtype == torch.float32
        assert q.zero_point.dtype == torch.int32
        assert ((q.zero_point >= q.low) & (q.zero_point <= q.high)).all()


def test_rounding_sets_in_when_the_schedule_says():
    some = case(steps=50, batch=200)
    late = replace(some, schedule=Schedule(outputs_from=1, weights_from=0.96, hold_from=1)).trained()
    plain, losses = train(some.how, some.flat, range(2), some.examples)
    assert (late.losses[:, :48] == losses[:, :48]).all()
    assert (late.losses[:, 48] != losses[:, 48]).all()
    some = replace(some, schedule=Schedule(weights_from=0.96))
    both, alone = some.trained(), replace(some, rounding=replace(some.rounding, weights=())).trained()
    assert (both.losses[:, :48] == alone.losses[:, :48]).all()
    assert (both.losses[:, 0] != losses[:, 0]).all()
    assert (both.losses[:, 48] != alone.losses[:, 48]).all()
    never = replace(some, schedule=Schedule(outputs_from=1, weights_from=1)).trained()
    assert never.parameters.tobytes() == plain.tobytes()
    assert_as_the_twin(replace(case(steps=8), schedule=Schedule(outputs_from=0.25, weights_from=0.5)))


@pytest.mark.parametrize("text", SCHEMES)
def test_a_dead_network_stays_finite_and_one_that_is_not_harms_no_other(text):
    some = case(text, models=3, name="relu", neurons=(2, 5, 7, 1), steps=20)
    flat = some.flat.copy()
    flat[0], flat[2, 3] = 0, np.nan
    small = torch.finfo(torch.float32).smallest_normal
    factors = torch.tensor([0.0, 1.0, math.nan]).view(3, 1, 1)
    weights = tuple(q and replace(q, scale=(q.scale * factors).clamp(min=small)) for q in some.rounding.weights)
    rounding = replace(some.rounding, weights=weights)
    got = replace(some, flat=flat, rounding=rounding).trained()
    alone = some.trained()
    assert np.isfinite(got.parameters[0]).all()
    assert np.isfinite(got.losses[0]).all()
    assert got.parameters[1].tobytes() == alone.parameters[1].tobytes()
    assert np.isnan(got.losses[2]).all()
    assert set(got.losses[2].view(np.uint32)) == {np.float32(np.nan).view(np.uint32)}
    for q in all_of(got.rounding):
        if isinstance(q, Fixed):
            assert q.scale[:2].isfinite().all()
            assert ((q.zero_point >= q.low) & (q.zero_point <= q.high)).all()


@dataclass(frozen=True)
class OfFloats(Fixed):
    float8: str = "e4m3"


def test_what_cannot_be_trained_is_refused():
    some = case()
    weights, after, one = some.rounding.weights, some.rounding.outputs, fixed([1.0], [0])
    of_floats = OfFloats(one.scale, one.zero_point, -8, 7)
    for shape in ((2, 7, 1), (2, 9, 1), (3, 1, 1), (1, 9), (1, 1, 2)):
        with pytest.raises(ValueError, match=rf"rounding.outputs\[1\]: scales \[{', '.join(map(str, shape))}\]"):
            replace(some, rounding=Rounding(outputs=(None, replace(one, scale=torch.ones(shape))))).trained()
    wrong = [
        (Rounding(preactivations=(one, None)), "rounding.preactivations"),
        (Rounding(weights=weights[:2]), "rounding.weights: 2 of them; allowed: 0 or 3"),
        (Rounding(outputs=after[:1]), "rounding.outputs: 1 of them"),
        (Rounding(weights=(fixed([1.0], [1]), None, None)), r"rounding.weights\[0\]: a zero point"),
        (Rounding(outputs=(None, of_floats)), r"rounding.outputs\[1\]: codes of floating"),
        (Rounding(weights=(of_floats, None, None)), r"rounding.weights\[0\]: codes of floating"),
        (Rounding(inputs=of_floats), "rounding.inputs: codes of floating"),
    ]
    for rounding, message in wrong:
        with pytest.raises(ValueError, match=message):
            replace(some, rounding=rounding).trained()
    with pytest.raises(ValueError, match="parameters: shape"):
        replace(some, flat=some.flat[:, 1:]).trained()
    how = recipe(neurons=(2, 3, 1))
    masks = np.ones((1, 4, 4), np.bool_)
    with pytest.raises(ValueError, match=r"rounding.inputs: rounded; allowed with masks: None"):
        train_rounded(how, first_parameters(how, 1), Rounding(inputs=one), [0], masks)
    with pytest.raises(ValueError, match="softmax"):
        train_rounded(replace(how, loss="softmax"), first_parameters(how, 1), FLOAT, [0], masks)


@pytest.mark.parametrize(
    ("field", "value"), [("hold_from", 1.1), ("sharpness", -0.1), ("zero_gain", math.inf), ("weights_from", math.nan)]
)
def test_a_schedule_that_is_none_is_refused(field, value):
    with pytest.raises(ValueError, match=f"{field}: {value}; allowed: 0"):
        Schedule(**{field: value})


@pytest.mark.parametrize("symmetric", [False, True])
def test_inputs_are_rounded_as_the_forward_pass_rounds_them(symmetric):
    x = np.random.default_rng(0).standard_normal((1, 3, 200)).astype(np.float32)
    x[0, :, 5] = 0
    x[0, 1, 6] = np.inf
    how = recipe(neurons=(3, 1, 1))
    flat = np.zeros((1, 6), np.float32)
    flat[0, 0] = flat[0, 3] = 1
    for quantizer in (PerPoint(-8, 7, symmetric), fixed([0.1, 0.2, 0.3], [1, 0, -3])):
        got = rounded(quantizer, torch.from_numpy(x)).numpy()
        for row in range(3):
            own = flat.copy()
            own[0, :3] = 0
            own[0, row] = 1
            maps = forward(network(how, own), torch.from_numpy(x[0]), Rounding(inputs=quantizer))
            want = maps.preactivations[0][0, 0].numpy()
            fine = np.isfinite(got).all(1)[0]
            np.testing.assert_array_equal(got[0, row][fine], want[fine])
            assert np.isnan(want[~fine]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"), [("hardgelu", "w4a4"), ("prelu", "w4a8"), ("relu", "a4"), ("silu", "w4a8dyn")]
)
def test_the_end_of_a_training_is_as_good_as_in_float64(name, text):
    """Codes that fall the other way at a tie make two trainings of one: what they lead to is compared."""
    some = case(text, name=name, steps=300, batch=256, neurons=(2, 8, 8, 1), models=4, epsilon=1e-8)
    rates = [0.05 * (1 + math.cos(math.pi * step / 300)) / 2 for step in range(300)]
    x = np.random.default_rng(3).uniform(-1, 1, (1, 2, 900)).astype(np.float32)
    inside = np.stack([np.hypot(x[0, 0] - shift, x[0, 1]) < 0.6 for shift in (-0.3, 0, 0.2, 0.4)])[:, None]
    some = replace(some, how=replace(some.how, rates=rates), examples=Examples(x, inside.astype(np.float32)))
    got, want = some.trained().losses, np.array([own.losses for own in some.by_twin()])
    np.testing.assert_allclose(got[:, :5], want[:, :5], rtol=1e-4)
    ends = got[:, -40:].mean(), want[:, -40:].mean()
    assert ends[0] == pytest.approx(ends[1], rel=0.25)
    assert ends[0] < 0.4 * got[:, :20].mean()


DIGEST = """
import hashlib
from tests.kernels.test_qat import Schedule, all_of, case

for text, name in (("w4a4", "hardgelu"), ("w4a8dyn", "prelu")):
    got = case(text, Schedule(hold_from=0.1), name=name, neurons=(3, 17, 5, 1), steps=60, batch=370).trained()
    learned = [q.scale.numpy().tobytes() for q in all_of(got.rounding) if hasattr(q, "scale")]
    print(hashlib.sha256(b"".join([got.parameters.tobytes(), got.losses.tobytes(), *learned])).hexdigest())
"""


@pytest.mark.slow
def test_with_instruction_sets_turned_off_every_bit_is_the_same():
    def digests(switches):
        own = clean() | switches
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], env=own, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    native = digests({})
    assert len(set(native)) == 2
    assert digests(ALL_OFF) == native
