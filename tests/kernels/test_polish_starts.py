"""Small networks are searched from many codes, so that polishing them ends near the best of all codes there are."""

import itertools

import numpy as np
import pytest
import torch
from quantstudy_kernels.cpu import polish
from quantstudy_kernels.cpu.descent_moves import CODE
from quantstudy_kernels.cpu.descent_search import starts
from quantstudy_kernels.cpu.descent_table import Moves, moves_of
from quantstudy_kernels.cpu.polish import Effort

from tests.kernels.polishing import Case, begun, case, evaluated


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None:
    """More threads than free cores would only make tiny tensors slow."""


def least(own: Case) -> float:
    """The mean squared error of the best of 8⁶ relu networks 2→2→1, from products of what the neurons give."""
    codes = np.array(list(itertools.product(range(-4, 4), repeat=2)), float)
    x, wanted = own.points.double().numpy(), own.labels[0, 0].double().numpy()
    inner, outer = (q.scale[0].double().numpy() for q in own.rounding.weights)
    bias, last = (b[0].double().numpy() for b in own.network.biases)
    one, other = (np.maximum(inner[r] * codes @ x + bias[r], 0) for r in range(2))
    rest = wanted - last[0]
    a, b = (outer[0] * codes).T[:, :, None, None]
    squares = a * a * (one**2).sum(1)[:, None] + b * b * (other**2).sum(1) + 2 * a * b * (one @ other.T)
    return float((squares - 2 * a * (one @ rest)[:, None] - 2 * b * (other @ rest) + rest @ rest).min() / len(rest))


def codes_alone(*arguments) -> Moves:
    moves = moves_of(*arguments)
    codes = moves.table[:, 0] == CODE
    return Moves(moves.table[codes], moves.sizes[codes])


@pytest.mark.parametrize("seed", range(10))
def test_the_codes_of_a_tiny_network_are_nearly_the_best_of_all_there_are(monkeypatch, seed):
    """2 inputs, 2 neurons, 1 output at 3 bits: 8⁶ networks, scales and biases as they are."""
    own = case((2, 2, 1), "relu", "squared", n=64, models=1, bits=3, after="", seed=seed)
    monkeypatch.setattr(polish, "moves_of", codes_alone)
    done = own.polished(Effort())
    for was, now in zip(own.rounding.weights, done.rounding.weights, strict=True):
        assert torch.equal(was.scale, now.scale)
    assert all(map(torch.equal, own.network.biases, done.network.biases))
    assert (np.diff(done.losses) <= 0).all()
    found, best = evaluated(done.network, done.rounding, own, [3])[0], least(own)
    assert found == done.losses[0, -1]
    assert best * (1 - 1e-4) <= found <= best * 1.05  # float32 evaluates with an error of some 1e-5 of so small losses


@pytest.mark.parametrize(
    ("neurons", "weights", "expected"),
    [
        ((1, 1, 1), "row", 30),
        ((2, 2, 1), "row", 30),
        ((2, 8, 1), "tensor", 7),
        ((2, 8, 1), "", 1),  # no codes to begin from
        ((2, 8, 8, 1), "row", 2),
        ((2, 8, 8, 8, 1), "row", 1),
    ],
)
def test_the_smaller_a_network_the_more_starts(neurons, weights, expected):
    assert starts(*begun(case(neurons, n=20, weights=weights))) == expected


def test_many_starts_give_the_same_bytes_for_any_number_of_threads_and_others_for_another_seed():
    own = case((2, 3, 1), loss="squared", models=3, n=800)
    effort = Effort(sweeps=2, attempts=300)
    one, two = own.polished(effort, threads=1), own.polished(effort, threads=2)
    assert one.losses.tobytes() == two.losses.tobytes()
    assert all(map(torch.equal, one.network.weights + one.network.biases, two.network.weights + two.network.biases))
    again = polish.polish(
        own.network, own.rounding, own.points, own.labels, own.loss, seeds=[3, 4, 6], purpose=9, effort=effort
    )
    assert again.losses[:2].tobytes() == one.losses[:2].tobytes()
    assert again.losses[2, 1:].tobytes() != one.losses[2, 1:].tobytes()
