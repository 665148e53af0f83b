"""Repairs of a finished run: what is added to it, what is not done again, what is refused."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from quantstudy import run_study
from quantstudy.activations.catalogue import parse_activation
from quantstudy.engine import recover as room
from quantstudy.engine.recover import recover
from quantstudy.engine.recovered import standing
from quantstudy.errors import BadInput
from quantstudy.measure.variation import plan_of
from quantstudy.networks.stack import from_arrays
from quantstudy.quantize.fake_quant import quantized_logits
from quantstudy.quantize.plan import float_maps
from quantstudy.quantize.recover.names import parse_recipes
from quantstudy.quantize.recover.saved import from_saved
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records import store
from quantstudy.records.folders import require_weights
from quantstudy.records.run import Run, open_run
from quantstudy.targets.islands import heldout_masks, heldout_plane, plane

W4A4 = parse_scheme("w4a4")
TWO = parse_recipes("bias_correction,mse_ranges+bias_correction")


@pytest.fixture(scope="module")
def repaired(tiny: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny study, repaired at w4a4 by two recipes that need no kernel."""
    folder = tmp_path_factory.mktemp("recover") / "tiny"
    shutil.copytree(tiny.folder, folder)
    run = Run(folder, tiny.config)
    recover(run, W4A4, TWO, run.config.activations)
    return run


def table(run: Run):
    return pq.read_table(io.BytesIO((run.folder / "recover.parquet").read_bytes())).to_pandas()


def test_every_activation_and_recipe_has_rows_of_every_seed(repaired: Run) -> None:
    found = table(repaired).astype(dict.fromkeys(("activation", "scheme", "recipe", "metric"), str))
    at_four = found[found["scheme"] == "w4a4"]
    counts = at_four.groupby(["activation", "recipe", "metric"])["seed"].agg(sorted)
    assert set(at_four["recipe"]) == {"plain", "bias_correction", "mse_ranges+bias_correction"}
    assert set(at_four["activation"]) == set(repaired.config.activations)
    assert all(seeds == [0, 1, 2] for seeds in counts)
    assert len(counts) == 3 * 3 * 7
    assert (found[found["metric"] == "steps"]["value"] == 0).all()


def test_plain_rows_are_those_of_the_run_itself(repaired: Run) -> None:
    metrics = repaired.metrics()
    kept = metrics[
        (metrics["scheme"] == "w4a4") & (metrics["backend"] == "simulated") & (metrics["scope"] == "network")
    ]
    found = table(repaired)
    plain = found[(found["recipe"] == "plain") & (found["scheme"] == "w4a4")]
    for metric in ("heldout_accuracy_quantized", "heldout_accuracy_drop", "heldout_accuracy_quantized_even"):
        one, other = (
            rows[rows["metric"] == metric].astype({"activation": str}).sort_values(["activation", "seed"])["value"]
            for rows in (kept, plain)
        )
        np.testing.assert_array_equal(one, other)


def test_saved_networks_answer_as_the_rows_say(repaired: Run) -> None:
    """Read again, evaluated anew at the held-out points, counted in numpy: for every activation and recipe."""
    config, found = repaired.config, table(repaired)
    grid = config.grid
    masks = heldout_masks((0, 1, 2), grid, config.frequency).reshape(3, -1)
    import torch

    points, beside = torch.tensor(plane(grid)), torch.tensor(heldout_plane(grid))
    for name in config.activations:
        for recipe in map(str, TWO):
            file = repaired.folder / "recover" / f"{name}.w4a4.{recipe}.safetensors"
            stack = from_arrays(parse_activation(name), load_file(repaired.folder / "weights" / f"{name}.safetensors"))
            plan = plan_of(stack, float_maps(stack, points), config, W4A4)
            networks = from_saved(parse_activation(name), load_file(file), plan)
            (logit,) = quantized_logits(networks.stack, [networks.plan], beside)
            mine = ((logit[:, 0].numpy() > 0) == masks).mean(axis=1)
            rows = found[(found["activation"] == name) & (found["recipe"] == recipe) & (found["scheme"] == "w4a4")]
            theirs = rows[rows["metric"] == "heldout_accuracy_quantized"].sort_values("seed")["value"]
            np.testing.assert_allclose(mine, theirs, atol=1e-12)
            with safe_open(file, "np") as opened:
                about = {"activation": name, "scheme": "w4a4", "recipe": recipe}
                assert json.loads(opened.metadata()["about"]) == about


def test_the_manifest_knows_what_was_added(repaired: Run) -> None:
    manifest = repaired.manifest()
    assert "recover.parquet" in manifest["files"]
    assert "recover/relu.w4a4.bias_correction.safetensors" in manifest["files"]
    assert set(manifest["recover_seconds"]["w4a4"]["bias_correction"]) == set(repaired.config.activations)
    assert open_run(repaired.folder).config == repaired.config
    assert not (repaired.folder / "cells").exists()


def test_the_verdict_and_the_figure_tell_of_it(repaired: Run) -> None:
    assert "w4a4" in repaired.verdict()["recover"]
    assert (repaired.folder / "figures" / "recover.png").stat().st_size > 10_000


def test_what_stands_there_is_not_done_again(repaired: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (repaired.folder / "recover.parquet").read_bytes()
    done: list[object] = []
    monkeypatch.setattr(room, "do_cells", lambda *arguments: done.append(arguments))
    monkeypatch.setattr(room, "redo", lambda *arguments, **options: None)
    recover(repaired, W4A4, TWO, repaired.config.activations)
    assert not done
    assert (repaired.folder / "recover.parquet").read_bytes() == before


@pytest.mark.parametrize("writes", range(4))
def test_a_kill_while_records_are_added_leaves_a_sound_run(
    repaired: Run, copy: Run, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """After the manifest, the table, the networks: what is on disk is known, and the same command ends the same."""
    monkeypatch.setattr(room, "redo", lambda *arguments, **options: None)
    recover(copy, W4A4, TWO[:1], ["relu"])
    left, real = [writes], store.write_atomically

    def killed(path: Path, data: bytes) -> None:
        if path.name in ("manifest.json", "recover.parquet") or path.parent.name == "recover":
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= adding[0]
        real(path, data)

    adding, joined = [0], room.repaired_records

    def files(*arguments: object) -> dict[str, bytes]:
        adding[0] = 1
        return joined(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(store, "write_atomically", killed)
        patched.setattr(room, "repaired_records", files)
        with pytest.raises(KeyboardInterrupt):
            recover(copy, W4A4, TWO[1:], ["relu"])
    again = open_run(copy.folder)
    assert ("relu", "w4a4", str(TWO[0])) in standing(again)
    for recipe in TWO:
        recover(again, W4A4, [recipe], ["relu"])
    assert not again.damaged()
    assert "adding" not in again.manifest()
    name = f"recover/relu.w4a4.{TWO[1]}.safetensors"
    assert (copy.folder / name).read_bytes() == (repaired.folder / name).read_bytes()


@pytest.mark.slow
def test_plain_alone_repairs_nothing(copy: Run) -> None:
    recover(copy, W4A4, parse_recipes("plain"), ["relu"])
    assert {unit[2] for unit in standing(copy)} == {"plain"}
    assert copy.verdict()["recover"] == {}
    assert (copy.folder / "figures" / "recover.png").exists()


@pytest.mark.slow
def test_the_order_of_commands_changes_no_byte_of_what_was_asked_for(
    repaired: Run, copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which widths are measured besides depends on what was chosen by then; the verdict does not show it."""
    monkeypatch.setattr(room, "redo", lambda *arguments, **options: None)
    for recipe in reversed(TWO):
        for name in reversed(copy.config.activations):
            recover(copy, W4A4, [recipe], [name])
    there = {unit for unit in standing(repaired) if unit[1] == "w4a4"}
    assert there == {unit for unit in standing(copy) if unit[1] == "w4a4"}
    one, other = (
        found[found["scheme"] == "w4a4"].astype(str).reset_index(drop=True) for found in map(table, (repaired, copy))
    )
    assert one.equals(other)
    for unit in there:
        if unit[2] != "plain":
            name = f"recover/{unit[0]}.{unit[1]}.{unit[2]}.safetensors"
            assert (repaired.folder / name).read_bytes() == (copy.folder / name).read_bytes()
    monkeypatch.undo()
    recover(copy, W4A4, TWO, copy.config.activations)  # what is there already is judged
    assert copy.verdict()["recover"] == repaired.verdict()["recover"]


def test_a_damaged_table_and_a_lost_file_are_made_again(copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "redo", lambda *arguments, **options: None)
    recover(copy, W4A4, TWO[:1], ["relu"])
    before = (copy.folder / "recover.parquet").read_bytes()
    (copy.folder / "recover" / "relu.w4a4.bias_correction.safetensors").unlink()
    assert ("relu", "w4a4", "bias_correction") not in standing(copy)
    (copy.folder / "recover.parquet").write_bytes(b"no table")
    assert not standing(copy)
    recover(copy, W4A4, TWO[:1], ["relu"])
    assert (copy.folder / "recover.parquet").read_bytes() == before


@pytest.mark.slow
def test_repairs_stay_where_another_record_is_damaged_and_the_run_made_again(copy: Run) -> None:
    recover(copy, W4A4, TWO[:1], ["relu"])
    repairs = [copy.folder / "recover.parquet", *sorted((copy.folder / "recover").iterdir())]
    before = {path: path.read_bytes() for path in repairs}
    assert len(before) > 1
    (copy.folder / "histograms.parquet").write_bytes(b"no table")
    told: list[str] = []
    run_study(copy.config, copy.folder, notify=told.append)
    assert any("histograms.parquet is missing or damaged: measuring again" in line for line in told)
    assert not any("are lost" in line for line in told)
    assert {path: path.read_bytes() for path in repairs} == before
    assert {str(path.relative_to(copy.folder)) for path in repairs} <= copy.manifest()["files"].keys()
    assert not copy.damaged()
    repairs[1].unlink()
    run_study(copy.config, copy.folder, notify=told.append)
    assert any("safetensors is missing or damaged: the repairs in it are lost; those that" in line for line in told)
    assert not copy.damaged()


@pytest.mark.parametrize(
    ("activations", "recipes", "field"),
    [(["gelu"], "bias_correction", "activations"), (["relu"], "equalize", "")],
)
def test_other_activations_are_refused(copy: Run, activations: list[str], recipes: str, field: str) -> None:
    before = sorted(copy.folder.rglob("*"))
    scheme = W4A4 if field else parse_scheme("a4")
    with pytest.raises(BadInput) as caught:
        recover(copy, scheme, parse_recipes(recipes), activations)
    assert str(caught.value).startswith(field or "recipes")
    assert sorted(copy.folder.rglob("*")) == before


def test_a_run_without_its_weights_is_refused(copy: Run) -> None:
    require_weights(copy.folder)
    (copy.folder / "weights" / "relu.safetensors").unlink()
    with pytest.raises(BadInput, match=r"^RUN: .*weights/relu\.safetensors is missing"):
        require_weights(copy.folder)


def test_no_run_at_all_is_left_to_others(tmp_path: Path) -> None:
    require_weights(tmp_path / "nowhere")
