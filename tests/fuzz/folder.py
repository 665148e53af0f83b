"""A run folder, read by nothing of the package; and whether all that lies in it can be read."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from noise import pnoise2
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

VALUES = (
    *("accuracy_float", "accuracy_quantized", "accuracy_drop", "flip_rate"),
    *("heldout_accuracy_float", "heldout_accuracy_quantized", "heldout_accuracy_drop"),
)
"""The metrics of networks that are recomputed and judged."""


@dataclass(frozen=True)
class Folder:
    """What a run has left in a folder."""

    path: Path

    @cached_property
    def study(self) -> dict[str, Any]:
        """The settings."""
        return tomllib.loads((self.path / "study.toml").read_text("utf-8"))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Where the numbers come from."""
        return strict_json(self.path / "manifest.json")

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """What was found."""
        return strict_json(self.path / "verdict.json")

    @property
    def seeds(self) -> int:
        """How many were run, which may be more than were asked for at first."""
        return len(self.manifest["seeds"])

    @property
    def schemes(self) -> list[str]:
        """The schemes of the study, those of the widths asked for first."""
        widths = dict.fromkeys((*self.study["bits"], 8))
        return [scheme for b in widths for scheme in (f"w{b}", f"a{b}", f"w{b}a{b}", f"w{b}a8dyn")]

    @property
    def input_bits(self) -> int:
        """Bits of the network's inputs, 0 for none."""
        return 0 if self.study["input_bits"] == "none" else int(self.study["input_bits"])

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """The targets, [seeds, grid, grid]."""
        with np.load(self.path / "masks.npz") as stored:
            return stored["mask"]

    @cached_property
    def heldout_masks(self) -> NDArray[np.bool_]:
        """What they should be half a pixel beside: the noise there against its median on the plane."""
        grid, cells = self.study["grid"], self.study["frequency"]
        on, beside = (np.float32((2 * np.arange(grid) + shift) / grid - 1) for shift in (1, 2))

        def noise(seed: int, places: NDArray[np.float32]) -> NDArray[np.float64]:
            key = np.array([seed, 0], dtype=np.uint64)
            x, y = np.random.Generator(np.random.Philox(key=key)).uniform(0.0, 256.0, size=2)
            at = [(float(place) + 1) / 2 * cells for place in places]
            return np.array([[pnoise2(x + a, y + b) for a in at] for b in at])

        return np.array([noise(seed, beside) > np.median(noise(seed, on)) for seed in range(self.seeds)])

    def weights(self, activation: str) -> dict[str, NDArray[np.float32]]:
        """The parameters of one activation's networks."""
        return load_file(self.path / "weights" / f"{activation.replace(':', '-')}.safetensors")

    def table(self, name: str) -> pd.DataFrame:
        """A parquet file, text as text."""
        frame = pq.ParquetFile(self.path / f"{name}.parquet").read().to_pandas()
        texts = [column for column in frame if isinstance(frame[column].dtype, pd.CategoricalDtype)]
        return frame.astype(dict.fromkeys(texts, object))

    @cached_property
    def plans(self) -> pd.DataFrame:
        """Every scale and zero point."""
        return self.table("plans")

    @cached_property
    def values(self) -> dict[tuple[str, str, str, str], NDArray[np.float64]]:
        """(metric, backend, scheme, activation) → values [seeds] of networks; NaN where there is none."""
        frame = self.table("metrics")
        frame = frame[(frame["scope"] == "network") & frame["metric"].isin(VALUES)]
        twice = frame.duplicated(["metric", "backend", "scheme", "activation", "seed"])
        assert not twice.any(), f"recorded twice: {frame[twice]}"
        found = {}
        for key, rows in frame.groupby(["metric", "backend", "scheme", "activation"], observed=True):
            values = np.full(self.seeds, np.nan)
            values[rows["seed"].to_numpy()] = rows["value"].to_numpy()
            assert len(rows) == self.seeds, f"{key}: {len(rows)} values for {self.seeds} seeds"
            found[key] = values
        return found

    def simulated(self, metric: str, scheme: str, activation: str) -> NDArray[np.float64]:
        """Values [seeds] of the simulated networks, or of the float ones."""
        backend = "float" if metric.endswith("accuracy_float") else "simulated"
        return self.values[metric, backend, backend if backend == "float" else scheme, activation]

    def contents(self) -> dict[str, bytes]:
        """What every file holds, by name."""
        return {str(p.relative_to(self.path)): p.read_bytes() for p in sorted(self.path.rglob("*")) if p.is_file()}


def strict_json(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds; NaN and the like are none."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{path.name} holds {name}")

    value: dict[str, Any] = json.loads(path.read_bytes(), parse_constant=refuse)
    return value


def readable(folder: Folder, figures: Iterable[str]) -> None:
    """Check that every file of a run is there and can be read again, whatever it holds."""
    found = [str(path.relative_to(folder.path)) for path in folder.path.rglob("*")]
    _names(found)
    assert folder.study["activations"], "study.toml names no activation"
    assert folder.manifest["state"] == "complete", f"manifest.json says {folder.manifest['state']}"
    assert folder.verdict["summary"], "the verdict says nothing"
    shape = (folder.seeds, folder.study["grid"], folder.study["grid"])
    assert (folder.masks.shape, folder.masks.dtype) == (shape, np.bool_), f"masks {folder.masks.shape}, not {shape}"
    for name in folder.study["activations"]:
        for key, array in folder.weights(name).items():
            assert (array.dtype, len(array)) == (np.float32, folder.seeds), f"{key} of {name}: {array.shape}"
    tables = {"metrics", "plans", "histograms"}
    tables |= set() if folder.study["quick"] else {"sensitivity", "placement", "cliff"}
    for name in tables | {Path(name).stem for name in found if name.endswith(".parquet")}:
        assert len(folder.table(name)) > 0 or name in ("histograms", "cause"), f"{name}.parquet is empty"
    with np.load(folder.path / "maps.npz") as maps:
        assert all(maps[key].dtype != object for key in maps.files), "maps.npz holds an object"
    for figure in figures:
        drawn(folder.path / "figures" / f"{figure}.png")
    parsed(folder.path / "report.html")


def _names(found: list[str]) -> None:
    strange = [name for name in found if ":" in name]
    assert not strange, f"names that other file systems refuse: {strange}"
    left = [name for name in found if ".part" in name or name.startswith("cells")]
    assert not left, f"left behind: {left}"


def drawn(path: Path) -> None:
    """Check that a picture opens and shows something."""
    with Image.open(path) as picture:
        picture.load()
        shades = sum(count > 0 for count in picture.convert("L").histogram())
    assert min(picture.size) > 50, f"{path.name} has {picture.size} pixels"
    assert shades > 2, f"{path.name} is blank"


class _Page(HTMLParser):
    """Notes which elements are open."""

    EMPTY = frozenset(("meta", "link", "img", "br", "hr", "input", "col", "wbr"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"report.html closes {tag}, which is not open"
        assert self.open.pop() == tag, f"report.html closes {tag} out of turn"

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(path: Path) -> str:
    """Check that a page is well formed; return its text."""
    page = _Page()
    page.feed(path.read_text("utf-8"))
    page.close()
    assert not page.open, f"report.html leaves {page.open} open"
    assert len(page.text) > 500, f"report.html says no more than {page.text}"
    return page.text


def same_records(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """Check that nothing has changed in a folder."""
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    assert not changed, f"a second run has changed {changed}"
