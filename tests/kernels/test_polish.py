"""Polishing: what it returns is what it found, never worse than what it began with, and what slow searches find."""

import itertools
import math
from dataclasses import dataclass, replace

import numba
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans, composite, integers, lists, sampled_from
from quantstudy_kernels.cpu import descent, polish
from quantstudy_kernels.cpu.descent_moves import BIAS, CODE, SCALE, STEP, ZERO, sweep
from quantstudy_kernels.cpu.descent_start import start
from quantstudy_kernels.cpu.descent_table import Moves, moves_of
from quantstudy_kernels.cpu.forward import forward, logits
from quantstudy_kernels.cpu.losses import LOSSES, loss_rows
from quantstudy_kernels.cpu.point_sums import lane_sum
from quantstudy_kernels.cpu.polish import Effort, Polished
from quantstudy_kernels.cpu.tiles import BLOCK, PITCH
from quantstudy_kernels.cpu.vectors import LANES
from quantstudy_kernels.forward import Fixed, Network, PerPoint, Rounding
from quantstudy_kernels.reference import quantize_codes
from torch import Tensor

NAMES = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu", "hardgelu_uncapped", "gelu_tanh")
PURPOSE = 9
SHORT = Effort(sweeps=2, rounds=2, points=64)
SHAPES = [(2, 8, 8, 1), (1, 1, 1), (3, 9, 2), (2, 5, 17, 3), (20, 7, 10)]


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None:
    """More threads than free cores would only make tiny tensors slow."""


@dataclass
class Case:
    """Arguments of `polish`."""

    network: Network
    rounding: Rounding
    points: Tensor
    labels: Tensor
    loss: str

    def polished(self, effort: Effort = SHORT, threads: int = 1) -> Polished:
        seeds = range(3, 3 + self.network.models)
        return polish.polish(
            self.network, self.rounding, self.points, self.labels, self.loss,
            seeds=seeds, purpose=PURPOSE, effort=effort, threads=threads,
        )  # fmt: skip


def ranged(low: Tensor, high: Tensor, bits: int) -> Fixed:
    """The affine quantizer of a range, whose ends broadcast to its scales."""
    low, high = low.clamp(max=0), high.clamp(min=0)
    ends = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    scale = ((high - low) / (2**bits - 1)).clamp(min=1e-6)
    return Fixed(scale, (ends[0] - (low / scale).round()).clamp(*ends).to(torch.int32), *ends)


def around(values: Tensor, bits: int, kind: str) -> Fixed | PerPoint | None:
    """A quantizer of [models, rows, points]: `tensor`, `neuron`, `dyn`, `dyn symmetric` or ``."""
    if kind.startswith("dyn"):
        return PerPoint(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, kind != "dyn")
    if not kind:
        return None
    axes = (1, 2) if kind == "tensor" else (2,)
    return ranged(values.amin(axes, True), values.amax(axes, True), bits)


def case(
    neurons: tuple[int, ...] = (2, 8, 8, 1), name: str = "relu", loss: str = "binary", n: int = 400, models: int = 2,
    bits: int = 4, weights: str = "row", before: str = "", after: str = "tensor", inputs: str = "", own: bool = False,
    seed: int = 0,
) -> Case:  # fmt: skip
    draw = torch.Generator().manual_seed(seed)
    sizes = list(itertools.pairwise(neurons))
    network = Network(
        name,
        tuple(torch.randn(models, out, into, generator=draw) / into**0.5 for into, out in sizes),
        tuple(torch.randn(models, out, 1, generator=draw) / 3 for _, out in sizes),
        tuple(torch.rand(models, out, 1, generator=draw) for out in neurons[1:-1]) if name == "prelu" else (),
    )
    points = torch.randn(models, neurons[0], n, generator=draw) * 2
    points = points if own else points[0].clone()
    # The labels are what the float networks give: there is something to win back.
    maps = forward(network, points)
    labels = {
        "binary": (maps.logit > 0).float(),
        "softmax": maps.logit.argmax(1, keepdim=True).float(),
        "squared": maps.logit,
    }[loss]
    high = 2 ** (bits - 1) - 1
    axes = (2,) if weights == "row" else (1, 2)
    scales = [w.abs().amax(axes, True) / (high + 0.5) for w in network.weights]
    fixed = tuple(Fixed(s, torch.zeros_like(s, dtype=torch.int32), -high - 1, high) for s in scales)
    rounding = Rounding(
        fixed if weights else (),
        tuple(around(z, bits, before) for z in maps.preactivations) if before else (),
        tuple(around(y, bits, after) for y in maps.outputs) if after else (),
        around(points if own else points[None], bits, inputs),
    )
    return Case(network, rounding, points, labels, loss)


@composite
def cases(draw) -> Case:
    hidden = draw(lists(integers(1, 18), min_size=1, max_size=3))
    loss = draw(sampled_from(LOSSES))
    outputs = {"binary": 1, "softmax": draw(integers(2, 9)), "squared": draw(integers(1, 9))}[loss]
    kinds = sampled_from(["", "tensor", "neuron", "dyn", "dyn symmetric"])
    weights, before, after = draw(sampled_from(["row", "tensor", ""])), draw(kinds), draw(kinds)
    return case(
        (draw(integers(1, 18)), *hidden, outputs), draw(sampled_from(NAMES)), loss,
        n=draw(sampled_from([1, 15, 17, 352, 353, 800])), models=draw(integers(1, 3)), bits=draw(integers(2, 8)),
        weights=weights, before=before, after=after, inputs=draw(sampled_from(["", "tensor", "neuron", "dyn"])),
        own=draw(booleans()), seed=draw(integers(0, 99)),
    )  # fmt: skip


@numba.njit
def block_loss(b, which, outputs, rows, valid, points):
    z, labels, rest = 0, outputs * PITCH, (outputs + rows) * PITCH
    loss_rows(
        b, which, outputs, z, labels, rest, rest + LANES, rest + LANES + outputs * PITCH, valid, points, np.float32(1)
    )
    return lane_sum(b, rest)


def evaluated(network: Network, rounding: Rounding, case: Case, seeds) -> list[float]:
    """The mean losses of networks, from their logits by the forward pass, block by block in polish's own order."""
    found, n = [], case.points.shape[-1]
    for model, seed in enumerate(seeds):
        order = torch.from_numpy(polish.shuffled(seed, PURPOSE, n))
        own = case.points if case.points.ndim == 2 else case.points[model]
        points = own[:, order].expand(network.models, -1, -1) if case.points.ndim == 3 else own[:, order]
        z, labels, total = (
            logits(network, points, [rounding])[0, model].numpy(),
            case.labels[model][:, order].numpy(),
            0.0,
        )
        for begin in range(0, n, BLOCK):
            valid, (outputs, rows) = min(BLOCK, n - begin), (len(z), len(labels))
            b = np.zeros((2 * outputs + rows + 2) * PITCH + LANES, np.float32)
            for row, values in enumerate([*z, *labels]):
                b[row * PITCH : row * PITCH + valid] = values[begin : begin + valid]
            total += float(block_loss(b, LOSSES.index(case.loss), outputs, rows, valid, -(-valid // LANES) * LANES))
        found.append(total / (n * (network.outputs if case.loss == "squared" else 1)))
    return found


def finite(case: Case, model: int) -> bool:
    z = logits(case.network, case.points, [case.rounding])[0, model]
    return bool(z.isfinite().all())


def assert_consistent(case: Case, done: Polished, codes: list[list[np.ndarray]]) -> None:
    seeds = range(3, 3 + case.network.models)
    assert (np.diff(done.losses) <= 0).all()
    assert done.losses[:, 0].tolist() == evaluated(case.network, case.rounding, case, seeds)
    assert done.losses[:, -1].tolist() == evaluated(done.network, done.rounding, case, seeds)
    for k, (q, was) in enumerate(zip(done.rounding.weights, case.rounding.weights, strict=True)):
        weights = done.network.weights[k]
        assert q.scale.shape[1:] == was.scale.shape[1:]
        assert (q.scale > 0).all()
        assert q.scale.isfinite().all()
        assert not q.zero_point.any()
        found = quantize_codes(weights, q.scale, 0, q.low, q.high)
        assert found.numpy().tolist() == [own[k].tolist() for own in codes]
        assert torch.equal(found * q.scale, weights)
    if not case.rounding.weights:
        assert all(map(torch.equal, done.network.weights, case.network.weights))
    for name in ("preactivations", "outputs"):
        pairs = zip(getattr(done.rounding, name), getattr(case.rounding, name), strict=True)
        for q, was in pairs:
            if not isinstance(was, Fixed):
                assert q == was
            else:
                assert (q.low, q.high, q.scale.shape[1:]) == (was.low, was.high, was.scale.shape[1:])
                assert (q.scale > 0).all()
                assert q.scale.isfinite().all()
                assert q.zero_point.dtype is torch.int32
                assert (q.low <= q.zero_point).all()
                assert (q.zero_point <= q.high).all()
    assert done.rounding.inputs is case.rounding.inputs


@pytest.fixture
def caught(monkeypatch):
    """The codes that descents end with, [models][layers]."""
    found = []

    def finish(network, rounding, states, moved):
        shapes = [w.shape[1:] for w in network.weights]
        found[:] = [[s.codes[k, :rows, :inputs].copy() for k, (rows, inputs) in enumerate(shapes)] for s in states]
        return was(network, rounding, states, moved)

    was = polish.finish
    monkeypatch.setattr(polish, "finish", finish)
    return found


@pytest.mark.parametrize("neurons", SHAPES)
@pytest.mark.parametrize(
    "how", [("row", "", "tensor"), ("tensor", "neuron", ""), ("row", "dyn", "neuron"), ("", "", "dyn")]
)
def test_what_is_returned_has_the_codes_and_the_loss_that_were_found(caught, neurons, how):
    loss = "binary" if neurons[-1] == 1 else "softmax" if neurons[-1] == 3 else "squared"
    own = case(neurons, "hardgelu", loss, weights=how[0], before=how[1], after=how[2], n=400)
    done = own.polished()
    assert_consistent(own, done, caught)
    assert (done.losses[:, -1] < done.losses[:, 0]).all()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(own=cases())
def test_for_any_network_and_rounding_the_loss_never_rises_and_is_that_of_what_is_returned(caught, own):
    assert_consistent(own, own.polished(), caught)


@pytest.mark.slow
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(own=cases())
def test_so_it_is_for_many_networks(caught, own):
    assert_consistent(own, own.polished(), caught)


@pytest.mark.parametrize("name", NAMES)
def test_every_activation_is_polished(caught, name):
    own = case(name=name, n=100)
    done = own.polished(Effort(2, 4, 100))
    assert_consistent(own, done, caught)
    assert done.losses[:, -1].mean() < 0.9 * done.losses[:, 0].mean()
    assert bool(done.network.slopes) == (name == "prelu")


def test_threads_and_company_change_no_byte():
    own = case(models=3, inputs="tensor")
    one, two = own.polished(threads=1), own.polished(threads=2)
    assert one.losses.tobytes() == two.losses.tobytes()
    assert all(map(torch.equal, one.network.weights + one.network.biases, two.network.weights + two.network.biases))
    alone = replace(
        own.network,
        weights=tuple(w[1:2] for w in own.network.weights),
        biases=tuple(b[1:2] for b in own.network.biases),
    )
    cut = [
        Fixed(q.scale[1:2], q.zero_point[1:2], q.low, q.high) for q in (*own.rounding.weights, *own.rounding.outputs)
    ]
    rounding = Rounding(tuple(cut[:3]), (), tuple(cut[3:]), own.rounding.inputs)
    single = polish.polish(
        alone, rounding, own.points, own.labels[1:2], "binary", seeds=[4], purpose=PURPOSE, effort=SHORT
    )
    assert single.losses[0].tobytes() == one.losses[1].tobytes()


def test_a_network_that_is_not_finite_is_returned_as_it_is_and_the_others_are_polished():
    own = case(models=3)
    own.network.weights[1][0, 3, 2], own.network.biases[0][2, 1] = math.nan, math.nan
    done = own.polished()
    for m in (0, 2):
        assert np.isnan(done.losses[m]).all()
        for one, other in zip(
            done.network.weights + done.network.biases, own.network.weights + own.network.biases, strict=True
        ):
            assert np.array_equal(one[m].numpy(), other[m].numpy(), equal_nan=True)
        for one, other in zip(
            done.rounding.weights + done.rounding.outputs, own.rounding.weights + own.rounding.outputs, strict=True
        ):
            assert torch.equal(one.scale[m], other.scale[m])
            assert torch.equal(one.zero_point[m], other.zero_point[m])
    assert done.losses[1, -1] < done.losses[1, 0]


def test_dead_networks_and_scales_of_nothing_are_no_problem():
    own = case(models=1, n=50)
    for k, w in enumerate(own.network.weights):
        w[0] = 0
        own.rounding.weights[k].scale.fill_(1.1754944e-38)
    done = own.polished()
    assert (np.diff(done.losses) <= 0).all()
    assert all((q.scale > 0).all() and (1 / q.scale).isfinite().all() for q in done.rounding.weights)


def test_scales_shared_by_models_become_each_models_own(caught):
    own = case(models=2)
    shared = tuple(Fixed(q.scale[:1], q.zero_point[:1], q.low, q.high) for q in own.rounding.outputs)
    own.rounding = replace(own.rounding, outputs=shared)
    done = own.polished()
    assert_consistent(own, done, caught)
    assert done.rounding.outputs[0].scale.shape == (2, 1, 1)


def test_no_search_is_a_descent_that_stops_where_nothing_pays():
    own = case(models=1, n=200)
    done = own.polished(Effort(sweeps=400, rounds=0, points=200))
    steps = np.diff(done.losses[0])
    assert steps[-1] == 0
    assert done.losses[0, -1] < 0.5 * done.losses[0, 0]


# --- against slow searches ---


def quantized(codes, steps, biases, scales, zeros, low, high, x):
    """The outputs of a relu network [rows, n] in float64."""
    for k, (c, step, bias) in enumerate(zip(codes, steps, biases, strict=True)):
        x = (c * step[:, None]) @ x + bias[:, None]
        if k < len(codes) - 1:
            x = np.maximum(x, 0)
            if scales:
                x = (np.clip(np.rint(x / scales[k]) + zeros[k], low, high) - zeros[k]) * scales[k]
    return x


class Slow:
    """Coordinate descent on float64 numbers in the obvious way: the oracle of `sweep`."""

    def __init__(self, own: Case) -> None:
        wq, oq = own.rounding.weights, own.rounding.outputs
        self.codes = [
            quantize_codes(w, q.scale, 0, q.low, q.high)[0].double().numpy()
            for w, q in zip(own.network.weights, wq, strict=True)
        ]
        self.steps = [q.scale[0, :, 0].double().numpy() for q in wq]
        self.biases = [b[0, :, 0].double().numpy() for b in own.network.biases]
        self.scales = [q.scale[0, 0, 0].double().numpy().copy() for q in oq]
        self.zeros = [q.zero_point[0, 0, 0].double().numpy().copy() for q in oq]
        self.ends = wq[0].low, wq[0].high
        self.x, self.t = own.points.double().numpy(), own.labels[0].double().numpy()

    def loss(self) -> float:
        z = quantized(self.codes, self.steps, self.biases, self.scales, self.zeros, *self.ends, self.x)
        return float(((z - self.t) ** 2).sum())

    def change(self, move, size: float) -> bool:
        """Change a number and say whether it could be."""
        what, k, r, i = move
        size = float(round(size)) if what in (CODE, ZERO) else size
        if what == CODE:
            self.codes[k][r, i] += size
            return self.ends[0] <= self.codes[k][r, i] <= self.ends[1]
        if what == ZERO:
            self.zeros[k] += size
            return self.ends[0] <= self.zeros[k] <= self.ends[1]
        if what == STEP:
            self.steps[k][r] *= 1 + size
        elif what == SCALE:
            self.scales[k] *= 1 + size
        else:
            self.biases[k][r] += size
        return True

    def pays(self, move, size: float) -> bool:
        before, kept = (
            self.loss(),
            [np.copy(a) for a in (*self.codes, *self.steps, *self.biases, *self.scales, *self.zeros)],
        )
        if self.change(move, size) and self.loss() < before:
            return True
        for group in (self.codes, self.steps, self.biases, self.scales, self.zeros):
            for n in range(len(group)):
                group[n] = kept.pop(0)
        return False

    def sweep(self, moves, sizes, backwards: bool) -> int:
        paid = 0
        for n in reversed(range(len(moves))) if backwards else range(len(moves)):
            what, before = moves[n][0], paid
            for sign in (1, -1):
                while paid == before and self.pays(moves[n], sign * sizes[n]):
                    paid += 1
                    while what == CODE and self.pays(moves[n], sign * sizes[n]):
                        paid += 1
            if what not in (CODE, ZERO):
                sizes[n] *= 1.5 if paid > before else 0.5
        return paid


@pytest.mark.parametrize("seed", range(4))
def test_a_sweep_makes_the_moves_that_a_slow_descent_makes(seed):
    own = case((2, 3, 3, 2), "relu", "squared", n=60, models=1, bits=4, seed=seed)
    slow = Slow(own)
    state = start(own.network, own.rounding, own.points.numpy(), own.labels[0].numpy(), "squared", 0)
    moves = moves_of(own.network, own.rounding, state)
    assert {CODE, STEP, BIAS, SCALE, ZERO} <= set(moves.table[:, 0].tolist())
    assert descent.settle(state) == pytest.approx(slow.loss(), rel=1e-5)
    fast_sizes, slow_sizes = moves.sizes.copy(), moves.sizes.astype(float)
    for number in range(3):
        paid = sweep(state, moves.table, fast_sizes, number % 2 == 0, 0, math.inf)
        assert paid == slow.sweep(moves.table.tolist(), slow_sizes, number % 2 == 0) > 0
        for k, codes in enumerate(slow.codes):
            assert state.codes[k, : len(codes), : codes.shape[1]].tolist() == codes.tolist()
            assert np.allclose(state.steps[k, : len(codes)], slow.steps[k], rtol=1e-5)
        assert [state.zeros[k, 1, 0] for k in range(2)] == list(slow.zeros)
        assert np.allclose(fast_sizes, slow_sizes, rtol=1e-5)
        assert descent.loss_of(state, descent.KEPT) == pytest.approx(slow.loss(), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_the_codes_of_a_tiny_network_are_nearly_the_best_of_all_there_are(seed):
    """2 inputs, 2 neurons, 1 output at 3 bits: 8⁶ networks, scales and biases as they are."""
    own = case((2, 2, 1), "relu", "squared", n=64, models=1, bits=3, after="", seed=seed)
    slow, every = Slow(own), np.array(list(itertools.product(range(-4, 4), repeat=2)), float)
    rows = [np.maximum(every * slow.steps[0][r] @ slow.x + slow.biases[0][r], 0) for r in range(2)]
    best = math.inf
    for last in every * slow.steps[1][0]:
        z = last[0] * rows[0][:, None] + last[1] * rows[1][None] + slow.biases[1][0]
        best = min(best, float(((z - slow.t) ** 2).sum(axis=-1).min()))
    found, draw = [], torch.Generator().manual_seed(seed)
    for restart in range(40):
        scaled = zip(own.network.weights, own.rounding.weights, strict=True)
        drawn = tuple(torch.randint(-4, 4, w.shape, generator=draw) * q.scale for w, q in scaled)
        network = replace(own.network, weights=drawn) if restart else own.network
        state = start(network, own.rounding, own.points.numpy(), own.labels[0].numpy(), "squared", 0)
        moves = moves_of(network, own.rounding, state)
        codes = moves.table[:, 0] == CODE
        moves = Moves(moves.table[codes], moves.sizes[codes])
        found.append(list(polish._polished(state, moves, Effort(sweeps=9, rounds=300, heat=0.3), restart, PURPOSE)))
        assert (np.diff(found[-1]) <= 0).all()
    assert best * (1 - 1e-5) <= min(losses[-1] for losses in found) <= best * 1.05


# --- what is refused ---


REFUSED = {
    "loss: 'hinge'": lambda c: replace(c, loss="hinge"),
    "labels: shape": lambda c: replace(c, labels=c.labels[:, :, 1:]),
    "allowed with loss softmax": lambda c: replace(c, loss="softmax"),
    "points: shape": lambda c: replace(c, points=c.points[:1]),
    "points: torch.float64": lambda c: replace(c, points=c.points.double()),
    "labels: torch.int64": lambda c: replace(c, labels=c.labels.long()),
    "at least one point": lambda c: replace(c, points=c.points[:, :0], labels=c.labels[:, :, :0]),
    r"rounding.outputs\[0\]: 3 scales": lambda c: replace(
        c, rounding=replace(c.rounding, outputs=(Fixed(torch.ones(2, 3, 1), torch.zeros(2, 3, 1), -8, 7),) * 2)
    ),
    r"rounding.outputs\[0\]: str": lambda c: replace(c, rounding=replace(c.rounding, outputs=("fp8", "fp8"))),
    r"rounding.weights\[1\]": lambda c: replace(
        c,
        rounding=replace(
            c.rounding, weights=(None, replace(c.rounding.weights[1], zero_point=torch.ones(2, 8, 1)), None)
        ),
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message](case()).polished()


def test_another_number_of_seeds_is_refused():
    own = case()
    with pytest.raises(ValueError, match="seeds: 1 of them; allowed: 2"):
        polish.polish(own.network, own.rounding, own.points, own.labels, own.loss, seeds=[0], purpose=PURPOSE)
