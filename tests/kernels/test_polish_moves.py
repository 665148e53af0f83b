"""Polishing makes the moves that slow, obvious searches make, and undoes those that do not pay."""

import math

import numpy as np
import pytest
from quantstudy_kernels.cpu import descent
from quantstudy_kernels.cpu.descent_moves import BIAS, CODE, SCALE, SLOPE, STEP, ZERO, attempt, attempt_pair, sweep
from quantstudy_kernels.cpu.descent_start import parameters
from quantstudy_kernels.reference import quantize_codes

from tests.kernels.polishing import Case, begun, case


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None:
    """More threads than free cores would only make tiny tensors slow."""


@pytest.mark.parametrize("how", [("row", "neuron", "tensor"), ("tensor", "", "dyn"), ("", "dyn symmetric", "neuron")])
def test_an_attempt_that_does_not_pay_leaves_everything_as_it_is(how):
    state, moves = begun(case((3, 9, 4, 1), "prelu", n=360, weights=how[0], before=how[1], after=how[2]))
    assert {BIAS, SLOPE} < set(moves.table[:, 0].tolist())
    kept, loss = [numbers.copy() for numbers in parameters(state)], descent.loss_of(state, descent.KEPT)
    for move, size in zip(moves.table, moves.sizes, strict=True):
        for change in (size, -size) if move[0] not in (STEP, SCALE) else (1 + size, 1 - size):
            assert not attempt(state, move, np.float32(change), 0, -math.inf, math.inf)
            assert all(np.array_equal(a, b) for a, b in zip(kept, parameters(state), strict=True)), move
    assert descent.loss_of(state, descent.KEPT) == loss == descent.settle(state)


def test_scales_stay_numbers_whose_reciprocals_are_numbers():
    state, moves = begun(case(n=20))
    for numbers, what in ((state.steps, STEP), (state.scales, SCALE)):
        move = moves.table[moves.table[:, 0] == what][0]
        for least, factor in ((1.1754944e-38, 0.99), (9.99e32, 1.01)):
            numbers[:] = least
            assert not attempt(state, move, np.float32(factor), 0, math.inf, math.inf)


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
    own = case((2, 3, 3, 2), "relu", "squared", n=800, models=1, bits=4, seed=seed)  # 3 blocks
    slow = Slow(own)
    state, moves = begun(own)
    assert {CODE, STEP, BIAS, SCALE, ZERO} <= set(moves.table[:, 0].tolist())
    assert descent.settle(state) == pytest.approx(slow.loss(), rel=1e-5)
    fast_sizes, slow_sizes = moves.sizes.copy(), moves.sizes.astype(float)
    for number in range(3):
        paid = sweep(state, moves.table, fast_sizes, number % 2 == 0, 0, math.inf)
        assert paid == slow.sweep(moves.table.tolist(), slow_sizes, number % 2 == 0)
        assert paid > 0 or number > 0
        for k, codes in enumerate(slow.codes):
            assert state.codes[k, : len(codes), : codes.shape[1]].tolist() == codes.tolist()
            assert np.allclose(state.steps[k, : len(codes)], slow.steps[k], rtol=1e-5)
        assert [state.zeros[k, 1, 0] for k in range(2)] == list(slow.zeros)
        assert np.allclose(fast_sizes, slow_sizes, rtol=1e-5)
        assert descent.loss_of(state, descent.KEPT) == pytest.approx(slow.loss(), rel=1e-4)


@pytest.mark.parametrize("how", [("row", "neuron", "tensor"), ("tensor", "", "dyn")])
def test_a_pair_of_codes_is_moved_at_once_or_left_as_it_is(how):
    state, moves = begun(case((3, 9, 4, 1), n=360, bits=3, weights=how[0], before=how[1], after=how[2]))
    codes = moves.table[moves.table[:, 0] == CODE]
    draw = np.random.default_rng(0)
    both = 0
    for pair in codes[draw.integers(0, len(codes), (60, 2))]:
        kept, loss = [numbers.copy() for numbers in parameters(state)], descent.loss_of(state, descent.KEPT)
        changes = draw.choice([-1, 1], 2).astype(np.float32)
        assert not attempt_pair(state, pair, changes, 0, -math.inf, math.inf)
        assert all(np.array_equal(a, b) for a, b in zip(kept, parameters(state), strict=True)), pair
        assert descent.loss_of(state, descent.KEPT) == loss == descent.settle(state)
        wanted = kept[1].copy()
        for (_, k, r, i), change in zip(pair.tolist(), changes, strict=True):
            wanted[k, r, i] += int(change)
        fits = wanted.min() >= -4 and wanted.max() <= 3
        if len({tuple(code) for code in pair.tolist()}) == 2:
            assert attempt_pair(state, pair, changes, 0, math.inf, math.inf) == fits
            assert np.array_equal(state.codes, wanted if fits else kept[1])
            assert descent.loss_of(state, descent.KEPT) == descent.settle(state)
            both += fits
    assert both > 9
