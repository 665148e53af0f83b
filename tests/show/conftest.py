"""A small synthetic run, and a look at figures for text that is cut off or lies on other text."""

import functools
import itertools
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from quantstudy.config.study import StudyConfig
from quantstudy.judge.run import judge_run
from quantstudy.quantize.scheme import schemes_for
from quantstudy.records.run import SUMMARIES
from quantstudy.words.summary import in_words

FOLDS = ("sqnr_db", "mpeir", "rmse_over_step")
QUANTIZED = ("{0}_quantized", "heldout_{0}_quantized", "heldout_{0}_quantized_even", "heldout_{0}_quantized_odd")
DROPS = ("{0}_drop", "heldout_{0}_drop")
STEMS = {"classes": "accuracy", "regression": "psnr"}
PICTURE = (18, 24)
"""Rows and columns of the plane of numbers: it need not be square."""
POINTS = 1500
"""Points that lie on no plane."""


def named(config: StudyConfig, *names: str) -> list[str]:
    """Return names of measures of the study's task."""
    return [name.format(STEMS[config.task]) for name in names]


def scaled(config: StudyConfig, full: float, lost: float) -> tuple[float, float]:
    """Return an accuracy and its drop in the unit of the study: 0.98 is 30 dB, and 0.1 are 5 dB."""
    return (full, lost) if config.task == "classes" else (30.0 + 400.0 * (full - 0.98), 50.0 * lost)


@dataclass(frozen=True)
class SyntheticRun:
    """Looks like `quantstudy.records.run.Run`, but holds its tables."""

    folder: Path
    config: StudyConfig
    tables: dict[str, pd.DataFrame]
    arrays: dict[str, Any]
    judged: dict[str, Any]
    made: dict[str, Any] = field(default_factory=dict)

    def manifest(self) -> dict[str, Any]:
        return self.made

    def metrics(self) -> pd.DataFrame:
        return self.tables["metrics"]

    def summaries(self) -> pd.DataFrame:
        table = self.metrics()
        return table[(table["scope"] != "neuron") & table["metric"].isin(SUMMARIES)]

    def undefined(self) -> pd.DataFrame:
        table = self.metrics()[lambda frame: frame["scope"] != "neuron"]
        missing = table.assign(missing=table["value"].isna()).groupby(["metric", "scheme"], observed=True)["missing"]
        return missing.agg(["sum", "count"]).reset_index().rename(columns={"sum": "undefined"})

    def histograms(self) -> pd.DataFrame:
        return self.tables["histograms"]

    def plans(self) -> pd.DataFrame:
        return self.tables["plans"]

    def parity(self) -> pd.DataFrame:
        return self.plans()[lambda frame: frame["flips"].notna()]

    def maps(self) -> dict[str, Any]:
        return self.arrays

    def variation(self, name: str) -> pd.DataFrame:
        return self.tables[name]

    def recovered(self) -> pd.DataFrame | None:
        return self.tables.get("recover")

    def engines(self) -> pd.DataFrame | None:
        return self.tables.get("engines")

    def cost(self) -> None:
        return None

    def multiverse(self) -> None:
        return None

    def verdict(self) -> dict[str, Any]:
        return self.judged


def build(
    folder: Path,
    *,
    dead: tuple[str, ...] = (),
    missing: float = 0.0,
    torchao_shift: float = 0.0,
    recipes: tuple[str, ...] = ("polish", "qat+polish"),
    **settings: Any,
) -> SyntheticRun:
    """Build a run, quick unless it is said.

    `dead` activations have no live fold, `missing` is the share of NaN, `recipes` repair networks at the focus scheme,
    the last activation without the last of several.
    """
    config = StudyConfig(**{"seeds": 4, "grid": 24, "bits": (4,), "quick": True} | settings)
    random = np.random.default_rng(7)
    metrics = _metrics(config, random, torchao_shift)
    if missing:
        metrics.loc[random.random(len(metrics)) < missing, "value"] = np.nan
    for column in ("activation", "scheme", "backend", "scope", "metric"):
        metrics[column] = metrics[column].astype("category")
    histograms = _histograms(config, random)
    tables = {"metrics": metrics, "histograms": histograms, "plans": _plans(config)}
    if not config.quick:
        tables |= {name: table(config, random, missing) for name, table in VARIATIONS.items()}
        tables |= {"recover": _recover(config, recipes, missing)} if recipes else {}
    made = {
        **({} if config.has_plane and config.task == "classes" else {"data": {"points": {"measured": POINTS}}}),
        "versions": {"python": "3.11", "torch": "2.13"},
        "commit": "abc1234",
        "device": "cpu",
        "seconds": {"train": 1.5},
    }
    run = SyntheticRun(folder, config, tables, _maps(config, random, dead, histograms), {}, made)
    run.judged.update(in_words(config, judge_run(run)))  # type: ignore[arg-type]
    return run


def _noise(bits: int) -> float:
    return 0.3 * 2.0 ** -(bits - 2)


def _metrics(config: StudyConfig, random: np.random.Generator, shift: float) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for rank, name in enumerate(config.activations):
        for seed in range(config.seeds):
            full = 0.975 + 0.003 * rank % 0.02 + 0.004 * random.standard_normal()
            full = float(np.clip(full, 0.5, 1.0))
            floats = dict.fromkeys(named(config, "{0}_float", "heldout_{0}_float"), scaled(config, full, 0.0)[0])
            if config.learned == "halfway":
                floats |= dict.fromkeys(named(config, "heldout_{0}_trivial"), 0.1 if config.task == "classes" else 9.0)
            rows += [(name, seed, "float", "float", "network", None, None, *one) for one in floats.items()]
            for scheme in config.all_schemes:
                width = min(f.bits for f in (scheme.weights, scheme.activations) if f)
                flips = _noise(width) * (1.0 + 0.1 * (rank % 4) + 0.3 * random.random())
                before, lost = scaled(config, full, 0.8 * flips)
                for backend in ("simulated", "torchao") if scheme.in_torchao else ("simulated",):
                    values = {
                        **dict.fromkeys(named(config, *QUANTIZED), before - lost),
                        **dict.fromkeys(named(config, *DROPS), lost),
                    }
                    if config.task == "classes":
                        values = {"flip_rate": flips + shift * (backend == "torchao"), **values}
                    if config.has_plane and config.task == "classes":
                        values["boundary_displacement_mean"] = 10 * flips
                    rows += [(name, seed, str(scheme), backend, "network", None, None, k, v) for k, v in values.items()]
                for layer in range(len(config.hidden)):
                    clean = 6.0 * width - 4.0 * layer + rank % 5 + random.standard_normal()
                    for metric, view in itertools.product(FOLDS, ("isolated", "accumulated")):
                        value = clean - 3.0 * layer * (view == "accumulated")
                        value = np.inf if scheme.weights is None and layer == 0 and rank == 1 else value
                        rows.append(
                            (name, seed, str(scheme), "simulated", "layer", layer, None, f"{metric}_{view}", value)
                        )
                    if scheme.activations is not None and not scheme.dynamic:
                        used = float(np.clip(random.random() * 0.5 + 0.5, 0, 1))
                        rows.append(
                            (name, seed, str(scheme), "simulated", "layer", layer, None, "code_occupancy", used)
                        )
    columns = ["activation", "seed", "scheme", "backend", "scope", "layer", "neuron", "metric", "value"]
    frame = pd.DataFrame(rows, columns=columns)
    for column in ("layer", "neuron"):
        frame[column] = frame[column].astype("Int16")
    return frame


def _variation(
    config: StudyConfig, rows: list[dict[str, Any]], columns: list[str], random: np.random.Generator, missing: float
) -> Any:
    """Return one of the tables beyond the schemes: rows of flip rate, accuracy and drop, or of PSNR and its drop."""
    every = []
    for row in rows:
        flips = float(np.clip(row["rate"] * random.uniform(0.7, 1.4), -0.1, 0.9))
        full, lost = scaled(config, 0.98, 0.8 * flips)
        metrics = {"flip_rate": flips} if config.task == "classes" else {"psnr_drop": lost}
        if row.get("view") != "shapley":
            both = dict(zip(named(config, "{0}_quantized", "{0}_drop"), (full - lost, lost), strict=True))
            metrics |= both | {f"heldout_{name}": value for name, value in both.items()}
        every += [row | {"metric": name, "value": value} for name, value in metrics.items()]
    frame = pd.DataFrame(every, columns=[*columns, "seed", "metric", "value"])
    frame.loc[random.random(len(frame)) < missing, "value"] = np.nan
    texts = [name for name in frame if name not in ("seed", "value", "layer", "bits", "coordinates")]
    return frame.astype(dict.fromkeys(texts, "category"))


def _sensitivity(config: StudyConfig, random: np.random.Generator, missing: float) -> pd.DataFrame:
    rows = []
    depth = len(config.hidden)
    for bits, (name, seed) in itertools.product(
        config.bit_widths, itertools.product(config.activations, range(config.seeds))
    ):
        for scheme, layers in ((f"w{bits}", depth + 1), (f"a{bits}", depth), (f"w{bits}a{bits}", depth + 1)):
            base = {"activation": name, "scheme": scheme, "seed": seed}
            for layer, view in itertools.product(range(layers), ("isolated", "all_but_one", "accumulated", "shapley")):
                share = _noise(bits) / layers * (-0.1 if layer == 2 else 1.0)
                rate = share if view == "shapley" else _noise(bits) * 0.8
                rows.append(base | {"view": view, "layer": layer, "rate": rate})
            rows.append(base | {"view": "total", "layer": None, "rate": _noise(bits)})
    frame = _variation(config, rows, ["activation", "scheme", "view", "layer"], random, missing)
    return frame.astype({"layer": "Int16"})


def _cliff(config: StudyConfig, random: np.random.Generator, missing: float) -> pd.DataFrame:
    parts = {"weights": "w{0}", "activations": "a{0}", "both": "w{0}a{0}"}
    every = itertools.product(config.activations, range(config.seeds), parts, (2, 3, 4, 5, 6, 7, 8, 16))
    rows = [
        {"activation": name, "seed": seed, "quantized": part, "bits": bits, "scheme": parts[part].format(bits)}
        | {"rate": _noise(bits)}
        for name, seed, part, bits in every
    ]
    return _variation(config, rows, ["activation", "quantized", "bits", "scheme"], random, missing)


def _placement(config: StudyConfig, random: np.random.Generator, missing: float) -> pd.DataFrame:
    settings = [
        *itertools.product(("post", "pre"), (False, True), ("minmax", "mse"), ("channel",), ("symmetric",)),
        (config.placement, bool(config.input_bits), config.observer, "channel", "no_clipping"),
    ]
    every = itertools.product(config.bit_widths, settings, config.activations, range(config.seeds))
    keys = ("placement", "coordinates", "observer", "granularity", "weight_observer")
    rows = [
        {"activation": name, "scheme": f"w{bits}a{bits}", "seed": seed, "rate": _noise(bits)}
        | dict(zip(keys, setting, strict=True))
        for bits, setting, name, seed in every
    ]
    return _variation(config, rows, ["activation", "scheme", *keys], random, missing)


def _cause(config: StudyConfig, random: np.random.Generator, missing: float) -> pd.DataFrame:
    names = (*config.activations, *config.controls) if config.asks_cause else ()
    every = itertools.product(names, ("plain", "capped", "calibrated"), config.bits, range(config.seeds))
    rows = [
        {"activation": name, "variant": variant, "scheme": scheme, "seed": seed, "rate": _noise(bits)}
        for name, variant, bits, seed in every
        for scheme in (f"w{bits}", f"a{bits}", f"w{bits}a{bits}")
    ]
    return _variation(config, rows, ["activation", "variant", "scheme"], random, missing)


VARIATIONS = {"sensitivity": _sensitivity, "cliff": _cliff, "placement": _placement, "cause": _cause}


def _recover(config: StudyConfig, recipes: tuple[str, ...], missing: float) -> pd.DataFrame:
    """Return repaired networks: every recipe leaves half of the loss; the best pair is repaired from 2 to 8 bits."""
    random, by = np.random.default_rng(11), config.ranked
    names = config.activations
    tried = {(config.focus_scheme, name, recipe) for name in names for recipe in recipes}
    if len(names) > 1 < len(recipes):
        tried -= {(config.focus_scheme, names[-1], recipes[-1])}
    tried |= {(f"w{bits}a{bits}", names[0], recipes[-1]) for bits in range(2, 9)}
    networks = {(scheme, name, other) for scheme, name, recipe in tried for other in ("plain", recipe)}
    rows = []
    for scheme, name, recipe in sorted(networks):
        left = 0.5 ** (1 + recipes.index(recipe)) if recipe != "plain" else 1.0
        noise = _noise(int(scheme.partition("a")[2])) * left * (1.0 + 0.2 * names.index(name))
        for seed in range(config.seeds):
            full, lost = scaled(config, 0.98, noise * random.uniform(0.7, 1.4))
            values = {
                **dict.fromkeys((by.quantized, by.even, by.odd), full - lost),
                **dict.fromkeys((by.drop, by.drop_even, by.drop_odd), lost),
                "steps": 3000 * ("qat" in recipe),
            }
            rows += [(name, scheme, recipe, seed, metric, value) for metric, value in values.items()]
    frame = pd.DataFrame(rows, columns=["activation", "scheme", "recipe", "seed", "metric", "value"])
    lost = frame[["scheme", "activation", "recipe", "seed"]].drop_duplicates()
    lost = lost[random.random(len(lost)) < missing]
    failed = frame.merge(lost, how="left", indicator=True)["_merge"].eq("both") & frame["metric"].ne("steps")
    frame.loc[failed.to_numpy(), "value"] = np.nan
    return frame.astype(dict.fromkeys(("activation", "scheme", "recipe", "metric"), "category"))


def _histograms(config: StudyConfig, random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for rank, name in enumerate(config.activations):
        for layer in range(len(config.hidden)):
            values = np.maximum(random.standard_normal(3000) * (1 + layer + rank), -0.05 * rank)
            counts, edges = np.histogram(values, np.arange(-64, 512) / 16)
            kept = counts > 0
            rows.append(
                pd.DataFrame(
                    {
                        "activation": name,
                        "layer": layer,
                        "bin_left": edges[:-1][kept],
                        "bin_right": edges[1:][kept],
                        "count": counts[kept],
                    }
                )
            )
    frame = pd.concat(rows, ignore_index=True)
    frame["layer"] = frame["layer"].astype("Int16")
    frame["activation"] = frame["activation"].astype("category")
    return frame


def _plans(config: StudyConfig) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for name, seed, scheme in itertools.product(config.activations, range(config.seeds), config.all_schemes):
        base = {"activation": name, "seed": seed, "scheme": str(scheme), "backend": "simulated"}
        form = scheme.activations
        if form is not None and not scheme.dynamic:
            for layer in range(len(config.hidden)):
                top = 3.0 * (1 + layer)
                scale = (top + 0.3) / (form.levels - 1)
                zero = form.low + round(0.3 / scale)
                numbers = {"scale": scale, "zero_point": zero, "bits": form.bits, "format": form.name}
                rows.append(base | {"tensor": f"layers.{layer}.output"} | numbers)
        if scheme.in_torchao:
            base |= {"backend": "torchao"}
            rows += [
                base | {"tensor": f"layers.{k}.weight", "weights_equal": True} for k in range(len(config.hidden) + 1)
            ]
            rows.append(base | {"tensor": "logit", "max_abs_logit_difference": 2.4e-7, "flips": 1})
    columns = [
        "activation", "seed", "scheme", "backend", "tensor", "channel", "scale", "zero_point", "bits", "format",
        "weights_equal", "max_abs_logit_difference", "flips",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _field(random: np.random.Generator, size: int, waves: int = 3) -> np.ndarray:
    x = np.linspace(-1, 1, size)
    field = np.zeros((size, size))
    for _ in range(6):
        a, b, phase = *random.normal(0, waves, 2), random.uniform(0, 7)
        field += np.sin(a * x[None, :] + b * x[:, None] + phase)
    return field


def _maps(
    config: StudyConfig, random: np.random.Generator, dead: tuple[str, ...], histograms: pd.DataFrame
) -> dict[str, Any]:
    maps: dict[str, Any] = {}
    if config.task == "regression" or not config.has_plane:
        return _drawn(config, random, histograms)
    target = _field(random, config.grid)
    for name in config.activations:
        logit = 3.0 * target + _field(random, config.grid)
        maps[f"{name}/seed"] = np.int64(config.seeds // 2)
        maps[f"{name}/target"] = target > 0
        own = histograms[(histograms["activation"] == name) & (histograms["bin_left"] < 3.0)]  # one seed's are narrower
        for column in ("layer", "bin_left", "count"):
            maps[f"{name}/histogram/{column}"] = own[column].to_numpy(dtype=float if column == "bin_left" else int)
        maps[f"{name}/float/logit"] = logit.astype(np.float32)
        for bits in config.bits:
            for scheme in schemes_for(bits):
                off = 12 * _noise(bits) * _field(random, config.grid, 5)
                maps[f"{name}/{scheme}/logit"] = (logit + off).astype(np.float32)
        depth = 0 if name in dead else len(config.hidden)
        folds = np.array([np.maximum(_field(random, config.grid, 1 + k), 0) for k in reversed(range(depth))])
        folds = folds.reshape(depth, config.grid, config.grid)
        maps[f"{name}/chain/layer"] = np.arange(depth)[::-1].copy()
        maps[f"{name}/chain/neuron"] = random.integers(0, 8, depth)
        maps[f"{name}/chain/share"] = random.random(depth)
        maps[f"{name}/chain/float"] = folds
        maps[f"{name}/chain/quantized"] = np.round(folds * 3) / 3
    return maps


def _drawn(config: StudyConfig, random: np.random.Generator, histograms: pd.DataFrame) -> dict[str, Any]:
    """Return what is drawn of numbers on a plane or over x, and of what is neither: its histograms alone."""
    maps: dict[str, Any] = {}
    shape = (*PICTURE, 3) if config.has_plane else (1, POINTS)
    ramp = np.linspace(0.0, 6.0, int(np.prod(shape))).reshape(shape)
    target = (0.5 + 0.4 * np.sin(ramp)).astype(np.float32)
    for rank, name in enumerate(config.activations):
        maps[f"{name}/seed"] = np.int64(config.seeds // 2)
        own = histograms[(histograms["activation"] == name) & (histograms["bin_left"] < 3.0)]
        for column in ("layer", "bin_left", "count"):
            maps[f"{name}/histogram/{column}"] = own[column].to_numpy(dtype=float if column == "bin_left" else int)
        if not (config.has_plane or config.has_curve):
            continue
        maps[f"{name}/target"], full = target, np.clip(target + 0.02 * (rank + 1) * np.cos(5 * ramp), 0, 1)
        maps[f"{name}/float/output"] = full.astype(np.float32)
        for scheme in (scheme for bits in config.bits for scheme in schemes_for(bits)):
            off = random.normal(0, 0.1 + 0.05 * rank, shape)
            maps[f"{name}/{scheme}/output"] = np.clip(full + off, 0, 1).astype(np.float32)
        depth, plane = len(config.hidden), shape[:2]
        folds = np.array(
            [np.maximum(np.sin((k + 2) * np.linspace(0, 6, int(np.prod(plane)))), 0) for k in range(depth)]
        )
        folds = folds.reshape(depth, *plane)
        maps[f"{name}/chain/layer"] = np.arange(depth)[::-1].copy()
        maps[f"{name}/chain/neuron"], maps[f"{name}/chain/share"] = random.integers(0, 8, depth), random.random(depth)
        maps[f"{name}/chain/float"], maps[f"{name}/chain/quantized"] = folds, np.round(folds * 3) / 3
        if config.has_curve:
            maps[f"{name}/x"] = np.linspace(-1, 1, POINTS)[None]
    return maps


OTHERS = {
    "curve": {"target": "sine", "task": "regression"},
    "picture": {"target": "texture", "task": "regression"},
    "numbers": {"target": "numbers.csv", "task": "regression"},
    "digits": {"target": "digits", "learned": "halfway"},
}
"""Settings of studies of other targets: numbers over x, on a plane and on neither, and classes on no plane."""


@functools.cache
def _built(**settings: Any) -> bytes:
    return pickle.dumps(build(Path(), **settings))


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., SyntheticRun]:
    """Return the builder of synthetic runs, in a fresh folder; judging one takes longest and is done once."""

    def make(**settings: Any) -> SyntheticRun:
        run = pickle.loads(_built(**settings))
        if "recover" in run.tables:
            (tmp_path / "recover.parquet").touch()  # which figures a run has goes by its files
        else:
            (tmp_path / "recover.parquet").unlink(missing_ok=True)
        return replace(run, folder=tmp_path)

    return make


def looks(figure: Figure) -> list[str]:
    """Return what is wrong with the texts of a figure: cut off, on other text, too small, or a title over axes."""
    renderer = figure.canvas.get_renderer()
    drawn: list[Text] = []
    with patch.object(Text, "draw", lambda text, _: drawn.append(text)):  # which ones: ticks out of view aren't drawn
        figure.draw(renderer)
    texts = [text for text in drawn if text.get_visible() and text.get_text().strip()]
    words = [repr(text.get_text()[:40]) for text in texts]
    boxes = np.array([text.get_window_extent(renderer).extents for text in texts])
    inside = (boxes[:, :2] >= -0.5).all(axis=1) & (boxes[:, 2:] <= np.array(figure.bbox.size) + 0.5).all(axis=1)
    wrong = [f"cut off: {words[at]}" for at in np.flatnonzero(~inside)]
    wrong += [
        f"smaller than 9 points: {word}" for text, word in zip(texts, words, strict=True) if text.get_size() < 9.0
    ]
    slack = 0.02 * figure.dpi
    wrong += [f"overlap: {words[i]} and {words[j]}" for i, j in np.argwhere(np.triu(_overlap(boxes, boxes, slack), 1))]
    framed = [ax for ax in figure.axes if ax.axison]
    if framed:
        frames = np.array([ax.get_window_extent(renderer).extents for ax in framed])
        hits = np.argwhere(_overlap(boxes, frames, slack))
        wrong += [f"over axes: {words[i]}" for i, j in hits if texts[i].axes is not framed[j]]
    return wrong


def _overlap(one: np.ndarray, other: np.ndarray, slack: float) -> np.ndarray:
    """Return which boxes (x0, y0, x1, y1) of two lists overlap by more than `slack` pixels both ways."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    return (high - low > slack).all(axis=-1)


@pytest.fixture(name="looks")
def looks_fixture() -> Callable[[Figure], list[str]]:
    """Return the finder of bad text."""
    return looks


@pytest.fixture
def words() -> Callable[[Figure], list[str]]:
    """Return the reader of every text of a figure."""
    return lambda figure: [text.get_text() for text in figure.findobj(Text) if text.get_text()]
