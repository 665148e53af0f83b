"""The compiled training loop as a kernel: where things lie, what no number depends on, what it refuses."""

import hashlib
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from quantstudy_kernels import ACTIVATION_NAMES
from quantstudy_kernels.arithmetic import REVISION
from quantstudy_kernels.cpu.formulas import KINDS
from quantstudy_kernels.cpu.layout import FIELD, layout
from quantstudy_kernels.cpu.tiles import PITCH, TILE
from quantstudy_kernels.cpu.trainer import Recipe, train, train_and_keep
from quantstudy_kernels.cpu.vectors import LANES

NEURONS = [(2, 8, 8, 8, 1), (2, 1, 1), (2, 5, 7, 3, 1), (2, 9, 1), (2, 17, 24, 1), (2, 8, 1)]
OTHERS = [(1, 8, 3), (64, 32, 32, 10), (3, 5, 1), (9, 256, 17, 256)]
SINGLE = (LANES, TILE * TILE * LANES, LANES)  # the sum of the losses, the sums of one tile, what nobody reads


def recipe(name: str = "relu", neurons=(2, 5, 9, 1), steps: int = 6, batch: int = 40, cap: float = math.inf) -> Recipe:
    return Recipe(name, cap, neurons, batch, [0.05] * steps, 0.9, 0.999, 1e-8, 2)


def start(how: Recipe, models: int, seed: int = 0) -> np.ndarray:
    plan = layout(how.neurons, how.name == "prelu")
    values = np.random.default_rng(seed).standard_normal((models, len(plan.places))).astype(np.float32) / 2
    values[:, plan.slopes[0] : plan.slopes[1]] = 0.25
    return values


def masks(models: int, grid: int = 9) -> np.ndarray:
    return np.random.default_rng(1).random((models, grid, grid)) < 0.5


def test_every_activation_has_a_kind():
    assert set(KINDS) == set(ACTIVATION_NAMES)


@pytest.mark.parametrize("neurons", [*NEURONS, *OTHERS])
@pytest.mark.parametrize("learned", [False, True])
def test_every_parameter_and_all_else_has_a_place_of_its_own(neurons, learned):
    plan = layout(neurons, learned)
    weights = sum(a * b for a, b in itertools.pairwise(neurons))
    slopes = sum(neurons[1:-1]) if learned else 0
    assert len(plan.places) == weights + sum(neurons[1:]) + slopes
    assert plan.slopes.tolist() == [len(plan.places) - slopes, len(plan.places)]
    begin, floats, shift = plan.parameters
    assert len(np.unique(plan.places)) == len(plan.places)
    assert begin <= plan.places.min()
    assert plan.places.max() < begin + floats <= begin + shift
    table = {name: plan.layers[:, number] for name, number in FIELD.items()}
    wide, high = table["tiles_in"] * table["tile_inputs"], table["tiles_out"] * table["tile_outputs"]
    taken = [(begin, 3 * shift + floats), (plan.common[0], neurons[-1] * PITCH), (table["x"][0], wide[0] * PITCH)]
    taken += zip(plan.common[1:], SINGLE, strict=True)
    taken += [(at, wide.max() * PITCH) for at in set(table["g"][:-1])] + [(table["g"][-1], high[-1] * PITCH)]
    for name, sizes in (
        *(("z", high * PITCH), ("d", high * PITCH), ("slope", high)),
        *(("sum_weights", wide * high * LANES), ("sum_bias", high * LANES), ("sum_slope", high * LANES)),
        *([("h", high * PITCH)] if learned else []),
    ):
        taken += zip(table[name], sizes, strict=True)
    taken += [(at, size) for at, size, one in zip(table["turned"], wide * high, high == 1, strict=True) if not one]
    taken.sort()
    assert all(at + size <= after for (at, size), (after, _) in itertools.pairwise(taken))
    assert taken[-1][0] + taken[-1][1] <= plan.floats
    cleared = [(plan.common[1], LANES), *zip(table["sum_bias"], high * LANES, strict=True)]
    assert all(plan.summed[0] <= at and at + size <= plan.summed[1] for at, size in cleared)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
@pytest.mark.parametrize("neurons", NEURONS)
def test_no_bit_depends_on_threads_or_company(name, neurons):
    how = recipe(name, neurons)
    first, together = start(how, 5), masks(5)
    one, losses = train(how, first, range(5), together, threads=1)
    two, again = train(how, first, range(5), together, threads=2)
    assert one.tobytes() == two.tobytes()
    assert losses.tobytes() == again.tobytes()
    alone, _ = train(how, first[3:4], [3], together[3:4])
    assert alone.tobytes() == one[3:4].tobytes()
    assert np.isfinite(one).all()
    assert (one != first).any(axis=1).all()


@pytest.mark.parametrize("batch", [1, 15, 16, 17, 351, 352, 353, 1000])
def test_a_minibatch_of_any_size_is_trained_on_whole(batch):
    """The loss of step 0 is the mean over exactly the points drawn, computed here in float64."""
    from quantstudy_kernels.draws import numbers

    from quantstudy.targets.islands import plane

    how = recipe("hardswish", (2, 3, 1), steps=1, batch=batch)
    first, islands = start(how, 1), masks(1)
    _, losses = train(how, first, [7], islands)
    chosen = numbers(np.array(7), 2, np.array(0), batch, 81)
    x = plane(9)[:, chosen].astype(np.float64)
    w0, w1, b0, b1 = np.split(first[0].astype(np.float64), [6, 9, 12])
    z = w0.reshape(3, 2) @ x + b0[:, None]
    logit = w1 @ (z * np.clip(z / 6 + 0.5, 0, 1)) + b1
    expected = np.mean(np.logaddexp(0, logit) - logit * islands[0].ravel()[chosen])
    assert losses[0, 0] == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("name", ["relu", "silu", "prelu"])
def test_longer_training_goes_through_the_same_steps(name, monkeypatch):
    """In one compiled call or in many: the calls are cut so that training can be interrupted."""
    from quantstudy_kernels.cpu import trainer

    how = recipe(name, steps=9)
    whole = train(how, start(how, 2), [0, 1], masks(2))
    monkeypatch.setattr(trainer, "_POINTS_PER_CALL", 80)
    cut = train(how, start(how, 2), [0, 1], masks(2))
    assert whole[0].tobytes() == cut[0].tobytes()
    assert whole[1].tobytes() == cut[1].tobytes()


def test_a_slope_of_exactly_0_trains_on():
    how = recipe("prelu", steps=3)
    first = start(how, 1)
    plan = layout(how.neurons, True)
    first[:, plan.slopes[0] : plan.slopes[1]] = 0
    trained, losses = train(how, first, [0], masks(1))
    assert np.isfinite(trained).all()
    assert np.isfinite(losses).all()
    assert (trained[:, plan.slopes[0] : plan.slopes[1]] != 0).any()


def test_a_dead_network_stays_dead_but_for_its_last_bias():
    how = recipe("relu", (2, 4, 1), steps=5)
    first = start(how, 1)
    first[0, 12:16] = -100.0  # the hidden biases
    trained, _ = train(how, first, [0], masks(1))
    assert (trained[0, :16] == first[0, :16]).all()
    assert trained[0, 16] != first[0, 16]


def test_training_that_diverges_says_so_in_its_losses():
    how = Recipe("relu", math.inf, (2, 8, 8, 1), 64, [1e30] * 8, 0.9, 0.999, 1e-8, 2)
    _, losses = train(how, start(how, 1), [0], masks(1))
    assert not np.isfinite(losses).all()


def test_what_does_not_fit_is_refused():
    how = recipe("prelu")
    with pytest.raises(ValueError, match=r"parameters: shape \[2, 3\]; allowed: \[2, 93\]"):
        train(how, np.zeros((2, 3), np.float32), [0, 1], masks(2))
    with pytest.raises(ValueError, match="at least one hidden layer"):
        train(recipe(neurons=(2, 1)), np.zeros((1, 3), np.float32), [0], masks(1))


COMPILE = """
import hashlib, math, numpy as np
from quantstudy_kernels.cpu.trainer import Recipe, train
from quantstudy_kernels.cpu.jit import cache_problem
how = Recipe("gelu", math.inf, (2, 5, 9, 1), 40, [0.05] * 6, 0.9, 0.999, 1e-8, 2)
values = np.linspace(-1, 1, 79, dtype=np.float32)[None]
mask = (np.arange(81).reshape(1, 9, 9) % 3) == 0
trained, losses = train(how, values, [4], mask)
print(hashlib.sha256(trained.tobytes() + losses.tobytes()).hexdigest(), bool(cache_problem()))
"""


@pytest.mark.slow
def test_compiled_afresh_or_loaded_from_disk_the_bits_are_the_same(python, tmp_path):
    fresh = python(COMPILE, NUMBA_CACHE_DIR="", XDG_CACHE_HOME=str(tmp_path))
    stored = list(tmp_path.rglob("*.nbc"))
    again = python(COMPILE, NUMBA_CACHE_DIR="", XDG_CACHE_HOME=str(tmp_path))
    assert stored
    assert sorted(tmp_path.rglob("*.nbc")) == sorted(stored)
    for file in stored:  # cut short, as by a power failure
        file.write_bytes(file.read_bytes()[:100])
    damaged = python(COMPILE, NUMBA_CACHE_DIR="", XDG_CACHE_HOME=str(tmp_path))
    assert fresh.split()[1] == "False"
    assert fresh == again == damaged


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_costs_compiling_and_no_result(python, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    elsewhere = python(COMPILE, NUMBA_CACHE_DIR="", XDG_CACHE_HOME=str(tmp_path / "free")).split()
    assert python(COMPILE, NUMBA_CACHE_DIR="", XDG_CACHE_HOME=str(blocked)).split() == [elsewhere[0], "True"]
    assert blocked.read_text() == "in the way"


PINNED = {
    "relu": "101c783c7fb3b002",
    "silu": "da204423b32dd884",
    "gelu": "422a926b3fd882a8",
    "hardgelu": "864b87c1d66cb981",
    "gelu_tanh": "70a7f2b9ab951e66",
    "quick_gelu": "a29818b8c3f96474",
}


@pytest.mark.parametrize("name", PINNED)
def test_another_digest_of_one_training_asks_for_another_revision(name):
    """The same bits on every machine: who changes them raises `arithmetic.REVISION`, and the digests here with it."""
    how = recipe(name)
    trained, losses = train(how, start(how, 2), [0, 1], masks(2))
    assert (REVISION, hashlib.sha256(trained.tobytes() + losses.tobytes()).hexdigest()[:16]) == (3, PINNED[name])


@pytest.mark.parametrize("name", ["relu", "silu", "prelu"])
@pytest.mark.parametrize("points_per_call", [40, 80, 2**22])
def test_what_is_kept_on_the_way_is_what_training_till_there_gives(name, points_per_call, monkeypatch):
    """Stopped and continued, in one compiled call per stretch or in several: the bits of training without a stop."""
    from quantstudy_kernels.cpu import trainer

    how, after = recipe(name, steps=9), [0, 1, 4, 9]
    how = replace(how, rates=[0.01 * (step + 1) for step in range(9)])
    whole, losses = train(how, start(how, 2), [0, 1], masks(2))
    monkeypatch.setattr(trainer, "_POINTS_PER_CALL", points_per_call)
    kept, seen = train_and_keep(how, start(how, 2), [0, 1], masks(2), after, threads=2)
    assert kept.shape == (2, 4, whole.shape[1])
    for place, steps in enumerate(after):
        until, _ = train(replace(how, rates=how.rates[:steps]), start(how, 2), [0, 1], masks(2))
        assert kept[:, place].tobytes() == until.tobytes()
    assert kept[:, -1].tobytes() == whole.tobytes()
    assert seen.tobytes() == losses.tobytes()
    early, few = train_and_keep(how, start(how, 2), [0, 1], masks(2), [4])
    assert early[:, 0].tobytes() == kept[:, 2].tobytes()
    assert few.tobytes() == losses[:, :4].tobytes()


@pytest.mark.parametrize("after", [[], [-1, 3], [3, 3], [4, 2], [7]])
def test_steps_that_do_not_ascend_within_training_are_refused(after):
    how = recipe(steps=6)
    with pytest.raises(ValueError, match="ascending numbers of steps, 0 to 6"):
        train_and_keep(how, start(how, 1), [0], masks(1), after)
