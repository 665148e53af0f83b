"""One network of a run: the counts at its points are what the records of the run say of it."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.deploy.gate.networks import Gated
from quantstudy.deploy.gate.outcome import Counts
from quantstudy.engine import answers_of_network, quantized
from quantstudy.engine.answers_of_network import network_counts
from quantstudy.engine.pipeline import run_study
from quantstudy.engine.recover import recover
from quantstudy.errors import BadInput
from quantstudy.quantize.recover.names import parse_recipes
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.run import Run

SMALL: dict[str, Any] = {"activations": ("relu", "silu"), "quick": True, "seeds": 10}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A run of islands, whose networks of relu are polished, and one of digits."""
    folder = tmp_path_factory.mktemp("runs")
    islands = StudyConfig(**SMALL, grid=16, steps=200, bits=(3,))
    digits = StudyConfig(**SMALL | {"activations": ("relu",), "seeds": 2}, target="digits", steps=60, bits=(2,))
    found = {"islands": run_study(islands, folder / "islands"), "digits": run_study(digits, folder / "digits")}
    recover(found["islands"], parse_scheme("w3a3"), parse_recipes("polish"), ["relu"])
    return found


def recorded(run: Run, gated: Gated, metric: str) -> np.ndarray:
    table = run.recovered() if gated.recipe else run.summaries()
    assert table is not None
    chosen = table[(table["activation"] == gated.activation) & (table["scheme"] == gated.scheme)]
    key, value = ("recipe", gated.recipe) if gated.recipe else ("backend", "simulated")
    return chosen[(chosen[key] == value) & (chosen["metric"] == metric)].sort_values("seed")["value"].to_numpy()


@pytest.mark.parametrize(
    ("target", "gated"),
    [
        ("islands", Gated("relu", "w3a3", "", 1)),
        ("islands", Gated("silu", "w3", "", 1)),
        ("islands", Gated("silu", "w3a8dyn", "", 1)),
        ("islands", Gated("relu", "w3a3", "polish", 1)),
        ("digits", Gated("relu", "w2a2", "", 1)),
    ],
)
def test_the_counts_are_what_is_recorded(runs: dict[str, Run], target: str, gated: Gated) -> None:
    run = runs[target]
    counts = [network_counts(run, gated, seed) for seed in range(run.config.seeds)]
    for one in counts:
        assert one.points == run.manifest()["data"]["points"]["heldout"]
        assert one.seen == run.manifest()["data"]["points"]["measured"]
    drops = [(one.lost - one.gained) / one.points for one in counts]
    assert drops == pytest.approx(recorded(run, gated, "heldout_accuracy_drop"), abs=1e-12)
    assert len(set(drops)) > 1
    right = [one.right / one.points for one in counts]
    assert right == pytest.approx(recorded(run, gated, "heldout_accuracy_quantized"), abs=1e-12)
    if not gated.recipe:
        flips = [one.flips / one.seen for one in counts]
        assert flips == pytest.approx(recorded(run, gated, "flip_rate"), abs=1e-12)


def test_a_network_that_failed(runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    gated, read = Gated("relu", "w3a3", "", 1), quantized.load

    def broken(data: bytes) -> Any:
        arrays = read(data)
        return {name: np.where(np.arange(len(part)).reshape(-1, *[1] * (part.ndim - 1)) == 1, np.nan, part)
                .astype(part.dtype) for name, part in arrays.items()}  # fmt: skip

    sound = network_counts(runs["islands"], gated, 0)
    monkeypatch.setattr(quantized, "load", broken)
    assert network_counts(runs["islands"], gated, 0) == sound
    with pytest.raises(BadInput, match="network: 1 is not allowed; relu of this seed has no finite answers in float"):
        network_counts(runs["islands"], gated, 1)


def test_a_point_without_a_finite_answer_is_wrong_and_has_changed(
    runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    gated, real = Gated("relu", "w8a8", "", 1), answers_of_network.quantized_logits
    sound = network_counts(runs["islands"], gated, 0)

    def broken(*arguments: Any) -> Any:
        found = real(*arguments)
        found[..., :5] = math.nan
        return found

    monkeypatch.setattr(answers_of_network, "quantized_logits", broken)
    found = network_counts(runs["islands"], gated, 0)
    assert sound.right - 5 <= found.right < sound.right
    assert sound.flips < found.flips <= sound.flips + 5


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--max-accuracy-drop", "1"), 0, "gate: pass"),
        (("--max-accuracy-drop", "0", "--max-flip-rate", "0"), 3, "gate: fail"),
        (("--max-accuracy-drop", "1", "--recipe", "polish"), 0, "repaired by polish, seed 3"),
        (("--max-flip-rate", "1", "--scheme", "w8a8"), 0, "those of a lattice are not"),
    ],
)
def test_the_command(
    runs: dict[str, Run], command: Callable[..., Any], capfd: Any, options: tuple[str, ...], code: int, said: str
) -> None:
    folder = str(runs["islands"].folder)
    assert command("gate", folder, "--network", "3", "--activation", "relu", *options) == code
    told = capfd.readouterr()
    assert told.err == ""
    assert said in " ".join(told.out.split())


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("islands", ("--network", "10"), "network: 10 is not allowed; a seed of the run: 0 to 9"),
        ("islands", ("--network", "0", "--recipe", "qat"), "recipe: 'qat at w3a3' is not allowed; what the run was"),
        ("digits", ("--network", "0", "--max-flip-rate", "2"), "max_flip_rate: '2' is not allowed"),
    ],
)
def test_what_is_refused(
    runs: dict[str, Run], command: Callable[..., Any], capfd: Any, target: str, options: tuple[str, ...], said: str
) -> None:
    assert command("gate", str(runs[target].folder), "--max-accuracy-drop", "0.1", *options) == 2
    line = capfd.readouterr().err
    assert line.startswith(f"quantstudy: {said}")
    assert line.count("\n") == 1


def test_repaired_networks_are_gated_by_their_own_records(runs: dict[str, Run], command: Any, capfd: Any) -> None:
    import json

    run = runs["islands"]
    drops = recorded(run, Gated("relu", "w3a3", "polish", 1), "heldout_accuracy_drop")
    limit = float(np.sort(drops)[4])
    options = ("--recipe", "polish", "--activation", "relu", "--max-accuracy-drop", str(limit), "--json")
    assert command("gate", str(run.folder), *options) in (3, 4)
    found = json.loads(capfd.readouterr().out)
    assert found["within"] == int((drops <= limit + 1e-12).sum())
    assert (found["next"] is None) == (found["outcome"] != "undecided")
    assert found["next"] is None or "quantstudy recover" in found["next"]
    assert command("gate", str(run.folder), "--recipe", "polish", "--max-flip-rate", "0.1") == 2
    assert "of repaired networks no flips are recorded" in capfd.readouterr().err


def test_counts_are_plain_numbers(runs: dict[str, Run]) -> None:
    found = network_counts(runs["islands"], Gated("relu", "w8a8", "", 1), 2)
    assert isinstance(found, Counts)
    assert all(type(count) is int for count in found)
    assert replace(Gated("relu", "w8a8", "", 7), chosen_of=7).error == pytest.approx(0.05 / 7)
