"""The training benchmark: its ways train the same networks, and what it prints and writes is whole."""

import json
from dataclasses import replace
from itertools import count, pairwise

import numpy as np
import pytest
import torch
from quantstudy_kernels.draws import numbers

from experiments.bench import shapes, training, training_ways
from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import batches, train
from quantstudy.targets.islands import island_masks

KEYS = {
    "way",
    "activation",
    "first_s",
    "warm_s",
    "accuracy",
    "gflops",
    "share_of_sgemm",
    "models",
    "batch",
    "steps",
    "rounds",
    "spread",
    "sgemm_gflops",
    "processor",
    "vectors",
    "versions",
    "threads",
    "note",
}
SEEDS = range(3)


@pytest.fixture(autouse=True)
def these_networks_are_tiny(one_thread):
    """More threads than free cores would only make them slow."""


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(training, "available_cores", lambda: 1)
    return training


@pytest.fixture
def ways():
    return training_ways


def task(ways, name, *, hidden=(8, 8, 8), steps=20):
    masks = island_masks(SEEDS, 16, 2.0)
    return ways.Task(initial_stack(parse_activation(name), SEEDS, hidden), masks, 64, steps, 0.05, 1)


def same_pixels(task, models):
    """What `training_ways.pixels` is replaced by: the minibatches that the study draws."""
    for drawn in batches(list(models), task.examples, task.batch, task.steps):
        yield torch.from_numpy(drawn).long()


def assert_same(got, expected, tolerance):
    got, expected = got.arrays(), expected.arrays()
    assert got.keys() == expected.keys()
    for key in expected:
        np.testing.assert_allclose(got[key], expected[key], atol=tolerance, rtol=0, err_msg=key)


@pytest.mark.parametrize("way", ["stacked", "loop"])
@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu", "prelu@0.5", "hardgelu_uncapped"]
)
def test_the_torch_ways_train_the_networks_that_the_reference_trains(way, name, ways, monkeypatch):
    """On the same pixels, for 8 steps with rates up to 0.05: rounding alone is left, 5e-7 was seen."""
    monkeypatch.setattr(ways, "pixels", same_pixels)
    asked = task(ways, name, hidden=(8, 5), steps=8)
    before = {key: array.copy() for key, array in asked.start.arrays().items()}
    expected, _ = train(
        *(asked.start, SEEDS, asked.data),
        steps=asked.steps,
        batch=asked.batch,
        lr=asked.lr,
        trainer="reference",
    )
    got = ways.WAYS[way](asked)
    assert_same(got, expected, 1e-5)
    assert all(np.array_equal(asked.start.arrays()[key], before[key]) for key in before)
    assert all((array != before[key]).any() for key, array in got.arrays().items())


def test_jax_trains_the_networks_that_stacked_torch_trains(ways, monkeypatch):
    jax = pytest.importorskip("jax")
    keys = jax.random.split(jax.random.key(0), len(SEEDS))

    def pixels_of_jax(task, models):
        for step in range(task.steps):
            drawn = [jax.random.uniform(jax.random.fold_in(key, step), (task.batch,)) for key in keys]
            yield torch.from_numpy(np.floor(np.stack(drawn) * task.examples).astype(np.int64))

    monkeypatch.setattr(ways, "pixels", pixels_of_jax)
    for name in ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu", "prelu@0.5"):
        asked = task(ways, name, hidden=(8, 5), steps=8)
        assert_same(ways.jax(asked), ways.stacked(asked), 1e-5)


def examples_that_the_kernels_draw(task, models):
    for step in range(task.steps):
        yield torch.from_numpy(numbers(np.array(list(models)), 2, np.array(step), task.batch, task.examples)).long()


def wide(name, activation, steps=8):
    return shapes.wide_task(name, parse_activation(activation), 3, 40, steps, 1)


@pytest.mark.parametrize("way", ["stacked", "loop"])
@pytest.mark.parametrize("activation", ["silu", "prelu", "hardgelu"])
@pytest.mark.parametrize("name", shapes.SHAPES)
def test_the_torch_ways_train_the_wider_networks_that_the_kernels_train(name, activation, way, ways, monkeypatch):
    monkeypatch.setattr(ways, "pixels", examples_that_the_kernels_draw)
    asked = wide(name, activation)
    got, expected = ways.WAYS[way](asked), ways.ours(asked)
    assert_same(got, expected, 2e-4)  # of small gradients Adam makes steps as large as of others
    moved = [(array - asked.start.arrays()[key]).max() for key, array in expected.arrays().items()]
    assert min(moved) > 2e-3


def test_jax_trains_the_wider_networks_that_stacked_torch_trains(ways, monkeypatch):
    jax = pytest.importorskip("jax")
    keys = jax.random.split(jax.random.key(0), 3)

    def drawn_by_jax(task, models):
        for step in range(task.steps):
            drawn = [jax.random.uniform(jax.random.fold_in(key, step), (task.batch,)) for key in keys]
            yield torch.from_numpy(np.floor(np.stack(drawn) * task.examples).astype(np.int64))

    monkeypatch.setattr(ways, "pixels", drawn_by_jax)
    for name in shapes.SHAPES:
        asked = wide(name, "silu")
        assert_same(ways.jax(asked), ways.stacked(asked), 2e-4)


@pytest.mark.parametrize("name", shapes.SHAPES)
def test_wider_networks_learn_and_are_counted(name, bench, ways):
    asked = wide(name, "relu", 300)
    sizes = [a * b for a, b in pairwise(shapes.SHAPES[name].neurons)]
    assert bench.flops_per_point(asked.start) == 2 * (3 * sum(sizes) - sizes[0])
    before, after = (bench.accuracy(stack, asked) for stack in (asked.start, ways.ours(asked)))
    assert before < 0.3
    assert after > 0.6


def test_torch_draws_pixels_of_the_whole_plane_with_replacement(ways):
    asked = replace(task(ways, "relu", steps=50), data=np.zeros((3, 5, 5), bool))
    drawn = torch.stack(list(ways.pixels(asked, SEEDS)))
    assert drawn.shape == (50, 3, 64)
    counts = torch.bincount(drawn.flatten(), minlength=25)
    assert len(counts) == 25
    assert ((counts - 384) ** 2 / 384).sum() < 24 + 6 * np.sqrt(48)  # chi-squared, 24 degrees of freedom
    assert not torch.equal(drawn[:, 0], drawn[:, 1])
    assert not torch.equal(drawn[0], drawn[1])


def test_a_run_prints_and_writes_what_is_documented(bench, monkeypatch, tmp_path, capsys):
    file = tmp_path / "found.json"
    monkeypatch.setattr(bench, "sgemm_gflops", lambda: 50.0)
    asked = {"models": "2", "batch": "64", "steps": "20", "activation": "Relu", "only": "stacked,ours,loop"}
    assert bench.main([f"--{key}={value}" for key, value in asked.items()] + ["--json", str(file)]) == 0
    entries = json.loads(file.read_text())
    assert [entry["way"] for entry in entries] == ["ours", "stacked", "loop"]
    for entry in entries:
        assert entry.keys() == KEYS
        assert (entry["activation"], entry["models"], entry["batch"], entry["threads"]) == ("relu", 2, 64, 1)
        assert 0 < entry["spread"][0] <= entry["warm_s"] <= entry["spread"][1]
        assert entry["first_s"] > 0
        assert 0.3 < entry["accuracy"] < 1
        assert entry["gflops"] == pytest.approx(2 * 64 * 20 * 880 / entry["warm_s"] / 1e9)
        assert entry["share_of_sgemm"] == pytest.approx(entry["gflops"] / 50)
        assert entry["sgemm_gflops"] == 50
        assert {"torch", "numba", "quantstudy"} <= entry["versions"].keys()
    assert [entry["steps"] for entry in entries] == [20, 20, 2]
    assert [entry["rounds"] for entry in entries] == [5, 5, 3]
    assert "a tenth of the steps" in entries[2]["note"]
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told[-3:]] == ["ours", "stacked", "loop"]
    assert "1.0" in told[-3].split()


def test_a_wider_shape_has_a_batch_and_steps_of_its_own(bench):
    study, _, _, _, shape = bench.parse(["--shape", "picture"])
    assert (study.batch, study.steps, shape) == (512, 400, "picture")
    study, *_ = bench.parse(["--shape", "picture", "--batch", "7", "--steps", "9"])
    assert (study.batch, study.steps) == (7, 9)
    study, *_, shape = bench.parse([])
    assert (study.batch, study.steps, shape) == (1024, 3000, "islands")


def test_accuracy_is_that_of_the_whole_plane(bench, ways):
    asked = task(ways, "relu", hidden=(2,))
    weights, biases = asked.start.weights, asked.start.biases
    for tensor in (*weights, *biases):
        tensor.zero_()
    biases[-1][0] = 1.0  # everything is an island to model 0, nothing to the others
    masks = np.zeros((3, 4, 4), bool)
    masks[0, 0] = masks[1, :2] = True
    assert bench.accuracy(asked.start, replace(asked, data=masks)) == pytest.approx((0.25 + 0.5 + 1.0) / 3)


def test_flops_are_counted_for_the_widths_at_hand(bench, ways):
    assert bench.flops_per_point(task(ways, "relu").start) == 880
    assert bench.flops_per_point(task(ways, "prelu", hidden=(3,)).start) == 2 * (6 + 3) + 2 * (6 + 3) + 2 * 3


def test_sgemm_is_counted_in_multiplications_and_additions_a_second(bench, monkeypatch):
    ticks = count()
    monkeypatch.setattr(bench, "SGEMM_SIDE", 64)
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(ticks))
    assert bench.sgemm_gflops() == pytest.approx(2 * 64**3 / 1e9)


def test_the_loop_is_told_as_if_it_had_trained_all_steps(bench, ways, monkeypatch):
    ticks = count()
    asked = task(ways, "relu", steps=25)
    trains = [replace(asked, steps=steps) for steps in (25, 2)]
    for way in ("stacked", "loop"):
        monkeypatch.setitem(ways.WAYS, way, lambda task: trains.remove(task) or task.start)
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(ticks))
    assert bench.timed("stacked", asked)[0] == 1
    assert bench.timed("loop", asked)[0] == pytest.approx(12.5)
    assert trains == []
    assert bench.part("loop", replace(asked, steps=3)).steps == 1


def test_every_round_is_held_against_its_own_sgemm_rate(bench, ways, monkeypatch):
    rates, taken = iter((1.0, 16.0, 2.0, 4.0, 8.0)), iter((9.0, 1.0, 2.0, 4.0, 8.0, 16.0))
    asked = task(ways, "relu")
    monkeypatch.setattr(bench, "sgemm_gflops", lambda: next(rates))
    monkeypatch.setattr(bench, "timed", lambda name, task: (next(taken), task.start))
    (entry,) = bench.measure(asked, ["stacked"])
    flops = 880 * 3 * 64 * 20
    assert (entry["first_s"], entry["warm_s"], entry["spread"]) == (9, 4, [1, 16])
    assert entry["share_of_sgemm"] == pytest.approx(flops / 1e9 / 32)  # seconds times rate: 1, 32, 8, 32, 128
    assert entry["sgemm_gflops"] == 4


@pytest.mark.parametrize("way", ["compiled", "jax"])
def test_a_way_that_cannot_run_here_is_left_out_with_a_line(way, bench, ways, monkeypatch, capsys):
    def missing(_):
        raise ImportError("not here,\nreally")

    monkeypatch.setattr(bench, "IMPORTS", {})
    monkeypatch.setattr(bench, "SGEMM_SIDE", 64)
    monkeypatch.setitem(ways.WAYS, way, missing)
    entries = bench.measure(task(ways, "relu"), ["stacked", way])
    assert [entry["way"] for entry in entries] == ["stacked"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench_training: {way} is skipped, ")
    assert line.endswith(": not here,")
    assert bench.measure(task(ways, "relu"), [way]) == []
    assert bench.table("relu", []) == "\nrelu: no way can run here"


def test_a_way_that_must_run_is_not_left_out(bench, ways, monkeypatch):
    def broken(_):
        raise RuntimeError("a bug")

    monkeypatch.setitem(ways.WAYS, "stacked", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        bench.measure(task(ways, "relu"), ["stacked"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--activation", "rellu"], "activation: 'rellu' is not allowed; did you mean relu?"),
        (["--activation", "relu,Relu"], "activation: 'Relu' is not allowed; each activation once"),
        (["--activation", ""], "activation: '' is not allowed"),
        (["--only", "ours,yours"], "only: 'yours' is not allowed; did you mean ours?"),
        (["--models", "0"], "models: 0 is not allowed; whole numbers from 1"),
        (["--batch", "x"], "batch: 'x' is not allowed; whole numbers from 1"),
        (["--steps", "-3"], "steps: -3 is not allowed; whole numbers from 1"),
        (["--json", "no/where/found.json"], "json: 'no/where/found.json' is not allowed; a file"),
        (["--json", "."], "json: '.' is not allowed; a file"),
        (["--shape", "clases"], "shape: 'clases' is not allowed; did you mean classes?"),
        (["--speed", "7"], "arguments: 'unrecognized arguments: --speed 7' is not allowed"),
        (["--models"], "arguments: 'argument --models: expected one argument' is not allowed"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, told, bench, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert bench.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"bench_training: {told}")
    assert list(tmp_path.iterdir()) == []
