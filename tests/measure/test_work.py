import io

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load, save

from quantstudy.activations.catalogue import parse_activation
from quantstudy.engine import worker
from quantstudy.engine.cells import CellStatus, cell, cells
from quantstudy.engine.simulated_only import runs_in_torchao
from quantstudy.errors import StudyFailure
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import train
from quantstudy.quantize.fake_quant import quantized_stack
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records import cache
from quantstudy.records.cells import load_cell
from quantstudy.records.schemas import HISTOGRAMS, METRICS, PLANS
from quantstudy.targets.islands import island_masks


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty cache and a maker of empty run folders."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def folder(name: str):
        path = tmp_path / name
        path.mkdir()
        return path

    return folder


@pytest.fixture
def short(tiny):
    return tiny.with_options(steps=5)


def training_cell(config, name: str, seed: int):
    """The cell that one seed is trained in."""
    return next(unit for unit in cells("train", config) if unit.activation == name and seed in unit.seeds)


def weights(folder, config, name: str = "relu", first: int = 0) -> bytes:
    return load_cell(folder, training_cell(config, name, first).key)["weights.safetensors"]


def only_entry():
    (path,) = (cache.cache_folder() / "stacks").iterdir()
    return path


def test_train_measure_picture(place, tiny, inexact):
    folder = place("run")
    for unit in cells("train", tiny):
        status = worker.run(folder, tiny, unit)
        assert isinstance(status, CellStatus)
        assert (status.key, status.device, status.notices) == (unit.key, "cpu", ())
        assert status.seconds > 0
    assert set(worker.run(folder, tiny, cell("measure", tiny, "relu", 0, 2)).notices) == set(inexact)
    assert worker.run(folder, tiny, cell("picture", tiny, "relu", 1, 2)).notices == ()
    assert sorted(path.name.split("-")[0] for path in (folder / "cells").iterdir()) == [
        "measure",
        "picture",
        "train",
        "train",
    ]
    seeds = range(2)
    masks = island_masks(seeds, tiny.grid, tiny.frequency)
    start = initial_stack(parse_activation("relu"), seeds, tiny.hidden)
    trained, _ = train(start, seeds, masks, steps=tiny.steps, batch=tiny.batch, lr=tiny.lr)
    assert weights(folder, tiny) == save(trained.arrays())
    measured = load_cell(folder, cell("measure", tiny, "relu", 0, 2).key)
    assert sorted(measured) == ["histograms.parquet", "metrics.parquet", "plans.parquet"]
    for name, schema in (("metrics", METRICS), ("histograms", HISTOGRAMS), ("plans", PLANS)):
        file = pq.ParquetFile(io.BytesIO(measured[f"{name}.parquet"]))
        assert file.num_row_groups == 1
        assert file.schema_arrow.names == schema.names
        table = file.read()
        assert set(table["activation"].to_pylist()) == {"relu"}
    metrics = pq.read_table(io.BytesIO(measured["metrics.parquet"])).to_pandas()
    assert set(metrics["scheme"]) == {"float", *(str(scheme) for scheme in tiny.all_schemes)}
    pictured = load_cell(folder, cell("picture", tiny, "relu", 1, 2).key)
    with np.load(io.BytesIO(pictured["maps.npz"])) as arrays:
        assert arrays["relu/seed"] == 1
        assert np.array_equal(arrays["relu/target"], masks[1])
        logits = sorted(name for name in arrays.files if name.endswith("/logit"))
    assert logits == [f"relu/{name}/logit" for name in ("a4", "float", "w4", "w4a4", "w4a8dyn")]


def test_the_same_cells_elsewhere_have_the_same_bytes(place, short):
    one, two = place("one"), place("two")
    units = [training_cell(short, "relu", 0), cell("measure", short, "relu", 0, 2)]
    for folder in (one, two):
        for unit in units:
            worker.run(folder, short, unit)
    for unit in units:
        assert load_cell(one, unit.key) == load_cell(two, unit.key)


def test_a_cache_hit_trains_nothing_and_gives_the_same_bytes(place, short, monkeypatch):
    one, two = place("one"), place("two")
    unit = training_cell(short, "relu", 0)
    worker.run(one, short, unit)

    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr("quantstudy.engine.trained.train", never)
    assert worker.run(two, short.with_options(bits=(2,)), unit).notices == ()
    assert weights(two, short) == weights(one, short)
    for other in ({"steps": 6}, {"lr": 0.06}, {"grid": 10}, {"hidden": (3,)}, {"frequency": 2.5}, {"batch": 65}):
        changed = short.with_options(**other)
        with pytest.raises(AssertionError, match="trained again"):
            worker.run(two, changed, training_cell(changed, "relu", 0))
    with pytest.raises(AssertionError, match="trained again"):
        worker.run(two, short, training_cell(short, "leaky_relu", 0))


def flipped(at: int):
    def damage(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at] ^= 1
        return bytes(changed)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        *(flipped(0), flipped(70), flipped(100), flipped(-1)),
        *(lambda d: d[:-4], lambda d: d[:80], lambda d: d[:10], lambda d: b"", lambda d: d + b"\0"),
    ],
    ids=["digest", "length", "header", "last", "short", "headless", "stub", "empty", "long"],
)
def test_a_damaged_cache_entry_is_told_and_trained_again(damage, place, short):
    one, two, three = place("one"), place("two"), place("three")
    unit = training_cell(short, "relu", 0)
    worker.run(one, short, unit)
    whole = only_entry().read_bytes()
    only_entry().write_bytes(damage(whole))
    status = worker.run(two, short, unit)
    assert status.notices == (f"cache entry {only_entry()} is damaged: training again",)
    assert weights(two, short) == weights(one, short)
    assert only_entry().read_bytes() == whole
    assert worker.run(three, short, unit).notices == ()


def test_no_bit_of_a_cache_entry_can_flip_unnoticed(place, short):
    worker.run(place("one"), short, training_cell(short, "relu", 0))
    path = only_entry()
    whole = path.read_bytes()
    for at in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        notices: list[str] = []
        assert cache.load_stack(path.stem, notices.append) is None
        assert len(notices) == 1


def test_a_cache_that_cannot_be_written_is_told_and_no_failure(tmp_path, place, short):
    folder = place("run")
    (tmp_path / "cache").write_text("a file where the folder should be")
    status = worker.run(folder, short, training_cell(short, "relu", 0))
    assert len(status.notices) == 1
    assert status.notices[0].startswith("the trained networks are not cached: ")
    assert load(weights(folder, short))["layers.0.weight"].shape == (2, 3, 2)


@pytest.mark.parametrize("stage", ["measure", "picture"])
def test_without_its_training_a_cell_fails_by_name(stage, place, short):
    folder = place("run")
    unit = cell(stage, short, "relu", 0, 1)
    with pytest.raises(StudyFailure, match=r"train-relu-0-2-.* is gone or damaged; run again"):
        worker.run(folder, short, unit)
    worker.run(folder, short, training_cell(short, "relu", 0))
    stored = folder / "cells" / training_cell(short, "relu", 0).key / "weights.safetensors"
    stored.write_bytes(stored.read_bytes()[:-1])
    with pytest.raises(StudyFailure, match="gone or damaged"):
        worker.run(folder, short, unit)


def test_a_seed_in_the_second_cell_is_found_in_its_company(place, tiny):
    many = tiny.with_options(seeds=18, steps=1, grid=4)
    folder = place("run")
    company = training_cell(many, "relu", 17)
    assert (company.first, company.last, list(company.seeds)) == (16, 18, [16, 17])
    worker.run(folder, many, company)
    worker.run(folder, many, cell("picture", many, "relu", 17, 18))
    stack, seeds, data = worker._trained(folder, many, cell("picture", many, "relu", 17, 18), "cpu")
    assert list(seeds) == [17]
    assert np.array_equal(data.measured.labels, island_masks([17], 4, 2.0).reshape(1, -1))
    stored = load(weights(folder, many, first=17))
    assert np.array_equal(stack.weights[1].numpy(), stored["layers.1.weight"][1:2])


def test_prelu_keeps_its_slopes_through_the_records(place, tiny):
    config = tiny.with_options(activations=("prelu",), seeds=1)
    folder = place("run")
    worker.run(folder, config, training_cell(config, "prelu", 0))
    assert set(load(weights(folder, config, "prelu"))) >= {"prelu.0.slope", "prelu.1.slope"}
    stack, _, _ = worker._trained(folder, config, cell("measure", config, "prelu", 0, 1), "cpu")
    assert stack.slopes[0].flatten().tolist() == load(weights(folder, config, "prelu"))["prelu.0.slope"][0].tolist()
    assert (stack.slopes[0] != 0.25).all()


@pytest.mark.parametrize(
    ("scheme", "options", "runs"),
    [
        ("w4", {}, True),
        ("w8a8", {}, True),
        ("w4a4", {}, False),
        ("w12", {}, False),
        ("w8a8", {"placement": "pre"}, False),
        ("w8a8", {"placement": "both"}, False),
        ("w4a8dyn", {"input_bits": 4}, False),
        ("w8a8", {"observer": "mse"}, True),
        ("w8", {"weight_observer": "no_clipping"}, False),
        ("w8a8dyn", {"weight_observer": "no_clipping"}, False),
        ("w4", {"weight_observer": "no_clipping"}, True),
        ("w4a8dyn", {"weight_observer": "no_clipping"}, True),
    ],
)
def test_where_torchao_runs(scheme, options, runs, tiny, on, inexact):
    config = tiny.with_options(**options)
    assert runs_in_torchao(config, parse_scheme(scheme)) is runs
    effect = worker.quantize(on, config, parse_scheme(scheme))
    assert (effect.real is not None) is (runs and not (inexact and scheme == "w8a8"))
    assert effect.scheme == scheme
    assert worker.quantize(on, config, parse_scheme(scheme), with_torchao=False).real is None


def test_the_observer_reaches_the_plan_and_both_backends(tiny, on, inexact):
    plain, other = (
        worker.quantize(on, tiny.with_options(observer=name), parse_scheme("w8a8")) for name in ("minmax", "percentile")
    )
    assert not torch.equal(plain.plan.outputs[0].scale, other.plan.outputs[0].scale)
    assert not torch.equal(plain.accumulated.logit, other.accumulated.logit)
    if not inexact:
        assert not torch.equal(plain.real.logit, other.real.logit)
        assert (other.real.logit - other.accumulated.logit).abs().max() < 1e-4


def test_weight_scales_that_clip_nothing_reach_both_backends(on, tiny):
    for scheme in map(parse_scheme, ("w4", "w4a8dyn")):
        plain, other = (
            worker.quantize(on, tiny.with_options(weight_observer=name), scheme)
            for name in ("symmetric", "no_clipping")
        )
        assert not torch.equal(plain.real.weights[1], other.real.weights[1])
        for effect in (plain, other):
            for ours, theirs in zip(quantized_stack(on.stack, effect.plan).weights, effect.real.weights, strict=True):
                assert torch.equal(ours, theirs)


def test_where_products_of_integers_are_not_exact_torchao_is_left_out_with_one_line(on, tiny, monkeypatch):
    monkeypatch.setattr(worker, "exact_products", lambda stack, points: False)
    told: list[str] = []
    real = {
        scheme: worker.quantize(on, tiny, parse_scheme(scheme), notify=told.append).real is not None
        for scheme in ("w4", "w8", "w4a8dyn", "w8a8", "w8a8dyn", "a8", "w4a4")
    }
    assert real == dict.fromkeys(("w4", "w8", "w4a8dyn"), True) | dict.fromkeys(
        ("w8a8", "w8a8dyn", "a8", "w4a4"), False
    )
    assert set(told) == {worker.INEXACT}
    assert "\n" not in worker.INEXACT


def test_one_thread_puts_the_number_of_threads_back_even_after_an_error():
    def fails() -> None:
        with worker.one_thread():
            raise ZeroDivisionError(torch.get_num_threads())

    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError, match="1"):
            fails()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_the_stages():
    assert {"train", "measure", "vary", "picture"} <= set(worker.STAGES)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: device-side assert\nCompile with …"),
        torch.OutOfMemoryError("CUDA out of memory."),
    ],
)
def test_a_device_that_vanishes_is_one_line_and_leaves_no_half_cell(error, tiny, place, monkeypatch):
    """Mocked: there is no such device here. What a device says when it fails comes as these two errors."""

    def vanish(*args):
        raise error

    monkeypatch.setitem(worker.STAGES, "train", vanish)
    folder, line = place("run"), r"^the device cpu failed: CUDA [^\n]*; what is finished is kept, run again$"
    with pytest.raises(StudyFailure, match=line):
        worker.run(folder, tiny, next(cells("train", tiny)))
    assert not any(folder.iterdir())


def test_machine_code_that_cannot_be_kept_is_told(tiny, place, monkeypatch):
    from quantstudy_kernels.cpu import jit

    monkeypatch.setattr(jit, "_problems", ["not kept: No space left on device"])
    status = worker.run(place("run"), tiny, next(cells("train", tiny)))
    assert status.notices == ("not kept: No space left on device",)
