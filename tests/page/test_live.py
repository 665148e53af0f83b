"""What of a run goes into its page: the numbers, the rules by which something is left out, the sentences about it."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from safetensors.numpy import load_file

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.networks.stack import initial_stack
from quantstudy.records.run import Run
from quantstudy.show.canvas.style import DIVERGING, SEQUENTIAL
from quantstudy.show.page.live import data as room
from quantstudy.show.page.live.data import live_of, live_of_run
from quantstudy.show.page.payload import colour_maps, payload


def unpacked(text: str, kind: str = "<f4") -> Any:
    return np.frombuffer(base64.b64decode(text), kind)


def untrained(config: StudyConfig, inputs: int = 2, outputs: int = 1) -> dict[str, Any]:
    seeds = range(config.seeds)
    return {
        name: initial_stack(parse_activation(name), seeds, config.hidden, inputs, outputs).arrays()
        for name in config.activations
    }


def test_networks_are_the_runs_layer_by_layer(small_run: Run) -> None:
    live, left_out = live_of_run(small_run, small_run.verdict())
    assert live is not None
    assert left_out == []
    assert live["seeds"] == [0, 1]
    assert list(live["networks"]) == list(small_run.config.activations)
    for name, own in live["networks"].items():
        arrays = load_file(small_run.folder / "weights" / f"{name}.safetensors")
        values = unpacked(own["values"]).reshape(2, -1)
        order = [f"layers.{k}.{part}" for k in range(4) for part in ("weight", "bias")]
        order += [f"prelu.{k}.slope" for k in range(3)] if name == "prelu" else []
        assert values.shape[1] == (201 if name == "prelu" else 177)
        for seed in (0, 1):
            expected = np.concatenate([arrays[part][seed].ravel() for part in order])
            np.testing.assert_array_equal(values[seed], expected)
    assert (live["networks"]["hardgelu"]["cap"], live["networks"]["hardgelu"]["floor"]) == (3.0, -3 / 16)
    assert live["networks"]["relu"]["ceiling"] is None


def test_repaired_networks_that_the_script_cannot_compute_are_told(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = small_run.verdict()
    monkeypatch.setattr(room.networks, "repaired_of", lambda *_: None)
    live, left_out = live_of_run(small_run, verdict)
    assert live is not None
    assert live["repaired"] == {}
    assert [sentence.split(":")[0] for sentence in left_out] == ["The run's repaired networks are in its tables only"]
    assert live_of_run(small_run, {**verdict, "recover": None})[1] == []


def test_nothing_is_computed_on_other_data_than_the_runs(small_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(small_run.config.entry, made_of=lambda: "another file")
    monkeypatch.setattr(StudyConfig, "entry", property(lambda _: entry))
    live, left_out = live_of_run(small_run, small_run.verdict())
    assert live is None
    assert left_out == [
        "The data of islands were gone, or others, when this page was made: nothing can be computed on them."
    ]


def test_points_and_labels_are_the_studys(small_run: Run) -> None:
    live, _ = live_of_run(small_run, small_run.verdict())
    assert live is not None
    data = small_run.config.entry.make((0, 1), grid=24, frequency=3.0)
    for part, own in (("measured", data.measured), ("heldout", data.heldout)):
        along = [one["along"] for one in live[part]["inputs"]]
        assert along == ["x", "y"]
        x, y = (unpacked(one["values"]) for one in live[part]["inputs"])
        np.testing.assert_array_equal(np.stack([np.tile(x, 24), np.repeat(y, 24)]), own.inputs[0])
        bits = np.unpackbits(unpacked(live[part]["labels"]["values"], "u1"), bitorder="little")[: 2 * 576]
        np.testing.assert_array_equal(bits.reshape(2, 576) == 1, own.labels)


def test_a_texture_has_its_waves_and_the_points_that_are_trained_on() -> None:
    config = StudyConfig(target="texture", activations=("relu",), seeds=2, grid=12, hidden=(4,))
    live, left_out = live_of(config, untrained(config, 32, 3))
    assert live is not None
    assert left_out == []
    data = config.entry.make((0, 1), grid=12, frequency=3.0)
    values = [unpacked(one["values"]) for one in live["measured"]["inputs"]]
    whole = {"x": lambda v: np.tile(v, 12), "y": lambda v: np.repeat(v, 12), "all": lambda v: v}
    spread = [whole[one["along"]](v) for one, v in zip(live["measured"]["inputs"], values, strict=True)]
    np.testing.assert_array_equal(np.stack(spread), data.measured.inputs[0])
    assert sorted({len(v) for v in values}) == [12, 144]
    assert live["heldout"] is None
    bits = np.unpackbits(unpacked(live["trained"], "u1"), bitorder="little")[: 2 * 144].reshape(2, 144)
    for seed in (0, 1):
        assert np.flatnonzero(bits[seed]).tolist() == sorted(data.trained[seed].tolist())
    assert live["peak"] == [2.0, 2.0]
    assert len(unpacked(live["measured"]["labels"]["values"])) == 2 * 3 * 144


def test_what_does_not_fit_is_left_out_by_the_rule_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    config = StudyConfig(activations=("relu", "gelu"), seeds=9, grid=16, hidden=(8,))
    arrays = untrained(config)
    live, left_out = live_of(config, arrays, first=7)
    assert live is not None
    assert (live["seeds"], left_out, live["first"]) == (list(range(9)), [], 7)
    whole = len(json.dumps(live))
    most = 2 * whole // 3
    monkeypatch.setattr(room, "MOST_TEXT", most)
    live, left_out = live_of(config, arrays, first=7)
    assert live is not None
    assert live["seeds"][-1] == live["first"] == 7
    assert live["seeds"][:-1] == list(range(len(live["seeds"]) - 1))
    assert 1 < len(live["seeds"]) < 9
    assert len(json.dumps(live)) < most
    assert left_out[0].startswith(f"Of 9 seeds the networks of {len(live['seeds'])} are in this page")
    monkeypatch.setattr(room, "MOST_TEXT", 10)
    assert live_of(config, arrays)[0] is None
    assert "there are none in it" in live_of(config, arrays)[1][0]
    monkeypatch.setattr(room, "MOST_TEXT", 10**9)
    monkeypatch.setattr(room, "MOST_WORK", 256 * 24 - 1)
    assert "million multiplications" in live_of(config, arrays)[1][0]
    monkeypatch.setattr(room, "MOST_WORK", 256 * 24)
    assert live_of(config, arrays)[0] is not None


def test_what_the_script_cannot_compute_is_told() -> None:
    config = StudyConfig(activations=("relu", "tanh"), seeds=2, grid=9, hidden=(3,))
    live, left_out = live_of(config, untrained(config))
    assert live is not None
    assert list(live["networks"]) == ["relu"]
    assert left_out == ["tanh has no formula in this page, so only the tables show what becomes of it."]
    alone = config.with_options(activations=("tanh",))
    assert live_of(alone, untrained(alone)) == (None, left_out)
    digits = StudyConfig(target="digits", activations=("relu",), seeds=1, hidden=(4,))
    live, left_out = live_of(digits, untrained(digits, 64, 10))
    assert live is None
    assert "rows of a table" in left_out[0]


def test_the_data_cannot_end_the_script_element() -> None:
    text = payload(StudyConfig(seeds=1), None, found="a</script><b>")
    assert "<" not in text
    assert json.loads(text)["found"] == "a</script><b>"


def test_scripts_styles_and_data_keep_to_their_sizes(small_page: Path) -> None:
    text = small_page.read_text("utf-8")
    style, script = re.search(r"<style>(.*?)</style>", text, re.S), re.search(r'"module">(.*?)</script>', text, re.S)
    assert style is not None
    assert script is not None
    assert 50_000 < len(style.group(1)) + len(script.group(1)) <= 200_000
    assert text.count("<script") == 2
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)  # the namespace of drawings is no address to go to
    assert not re.search(r"\b(import|export) [{*]", script.group(1))


def test_the_pages_colour_maps_are_the_figures() -> None:
    for name, colours in (("sequential", matplotlib.colormaps[SEQUENTIAL]), ("diverging", DIVERGING)):
        found = unpacked(colour_maps()[name], "u1").reshape(256, 3)
        np.testing.assert_allclose(found, 255 * colours(np.linspace(0, 1, 256))[:, :3], atol=7)  # which no eye sees
