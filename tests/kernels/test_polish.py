"""What polishing returns is what it found, and never worse than what it began with."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from quantstudy_kernels.cpu import polish
from quantstudy_kernels.cpu.polish import Effort, Polished
from quantstudy_kernels.forward import Fixed, Rounding
from quantstudy_kernels.reference import quantize_codes

from tests.kernels.polishing import NAMES, PURPOSE, SHAPES, SHORT, Case, case, cases, evaluated


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None:
    """More threads than free cores would only make tiny tensors slow."""


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
    done = own.polished(Effort(2, 1000, 100))
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
    assert all((q.scale >= 1.1754943e-38).all() for q in done.rounding.weights)


def test_what_is_better_on_some_points_alone_is_given_up(caught):
    own = case(models=3, n=3000, bits=8)
    own.labels = torch.randint(0, 2, own.labels.shape, generator=torch.Generator().manual_seed(1)).float()
    best = own.polished(Effort(sweeps=30, attempts=0, points=3000))
    own = replace(own, network=best.network, rounding=best.rounding)
    done = own.polished(Effort(sweeps=1, attempts=10_000, points=1))
    assert_consistent(own, done, caught)
    assert (done.losses[:, 1] == done.losses[:, 0]).any()


def test_scales_shared_by_models_become_each_models_own(caught):
    own = case(models=2)
    shared = tuple(Fixed(q.scale[:1], q.zero_point[:1], q.low, q.high) for q in own.rounding.outputs)
    own.rounding = replace(own.rounding, outputs=shared)
    done = own.polished()
    assert_consistent(own, done, caught)
    assert done.rounding.outputs[0].scale.shape == (2, 1, 1)


def test_no_search_is_a_descent_that_stops_where_nothing_pays():
    own = case(models=1, n=200)
    done = own.polished(Effort(sweeps=400, attempts=0, points=200))
    steps = np.diff(done.losses[0])
    assert steps[-1] == 0
    assert done.losses[0, -1] < 0.5 * done.losses[0, 0]


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
