"""A run folder, for reading: its records as tables, its verdict, whether its files are complete and undamaged."""

import functools
import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from quantstudy.config.study import StudyConfig
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.files import file_sha256, resume_command
from quantstudy.records.folders import held_study
from quantstudy.records.frames import frame, is_in
from quantstudy.records.html import run_html

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray


P = ParamSpec("P")
T = TypeVar("T")


def _kept(read: "Callable[Concatenate[Run, P], T]") -> "Callable[Concatenate[Run, P], T]":
    """Make a method of `Run` cache its result per arguments, in a run from `reading_once`."""

    @functools.wraps(read)
    def wrapper(self: "Run", *args: P.args, **options: P.kwargs) -> T:
        if self.kept is None:
            return read(self, *args, **options)
        key = (read.__name__, *args, *sorted(options.items()))
        if key not in self.kept:
            self.kept[key] = read(self, *args, **options)
        return cast("T", self.kept[key])

    return cast("Callable[Concatenate[Run, P], T]", wrapper)


SUMMARIES = (
    *("accuracy_float", "accuracy_quantized", "accuracy_drop", "flip_rate"),
    *("heldout_accuracy_float", "heldout_accuracy_quantized", "heldout_accuracy_drop"),
    *("heldout_accuracy_quantized_even", "heldout_accuracy_quantized_odd", "heldout_accuracy_trivial"),
    *("psnr_float", "psnr_quantized", "psnr_drop"),
    *("heldout_psnr_float", "heldout_psnr_quantized", "heldout_psnr_drop"),
    *("heldout_psnr_quantized_even", "heldout_psnr_quantized_odd", "heldout_psnr_trivial"),
    *("sqnr_db_isolated", "sqnr_db_accumulated", "code_occupancy", "code_entropy_bits"),
)
"""The metrics of networks and layers that the verdict and the figures are made from."""


@dataclass(frozen=True)
class Run:
    """A run folder, for reading.

    Attributes:
        folder: its path.
        config: its study; `seeds` is the number that was run, which may be more than was asked for at first.
        looks: numbers of seeds after which it was judged, the last one all of its seeds; empty: after all of them only.
        kept: results of earlier reads (`reading_once`); None: every call reads the file again.
    """

    folder: Path
    config: StudyConfig
    looks: tuple[int, ...] = ()
    kept: dict[tuple[Any, ...], Any] | None = field(default=None, repr=False, compare=False)

    def _repr_html_(self) -> str:
        """Return HTML for a notebook: the summary and the ranking."""
        try:
            verdict = self.verdict()
        except (StudyFailure, OSError):
            verdict = None
        return run_html(self.folder, self.config.focus_scheme, verdict)

    def manifest(self) -> dict[str, Any]:
        """Return manifest.json."""
        return _json(self.folder / "manifest.json")

    def verdict(self) -> dict[str, Any]:
        """Return verdict.json.

        Raises:
            StudyFailure: it is missing or damaged.
        """
        again = f"make it again with quantstudy report {shlex.quote(str(self.folder))}"
        verdict = self._beside("verdict.json", "schemes", dict, again)
        if verdict is None:
            raise StudyFailure(f"{self.folder / 'verdict.json'} is missing; {again}")
        return verdict

    def cost(self) -> dict[str, Any] | None:
        """Return cost.json, None if the run has not been judged yet.

        Raises:
            StudyFailure: it is damaged.
        """
        again = f"measure again with quantstudy cost --out {shlex.quote(str(self.folder))}"
        return self._beside("cost.json", "activations", dict, again)

    def multiverse(self) -> dict[str, Any] | None:
        """Return the short form of a multiverse (`words.multiverse.short`), None if there is no finished one.

        Raises:
            StudyFailure: it is damaged.
        """
        again = f"make it again with quantstudy multiverse {shlex.quote(str(self.folder / 'study.toml'))}"
        return self._beside("multiverse.json", "regret", (float, type(None)), again)

    def _beside(self, name: str, key: str, kind: type | tuple[type, ...], again: str) -> dict[str, Any] | None:
        """Return a JSON file, None if it is missing; `key` must hold a mapping from names to values of type `kind`."""
        path = self.folder / name
        if not path.exists():
            return None
        try:
            table = _json(path)
            if all(isinstance(entry, kind) for entry in table[key].values()):
                return table
        except (ValueError, TypeError, KeyError, AttributeError):
            pass
        raise StudyFailure(f"{path} is damaged; {again}")

    @_kept
    def metrics(self) -> "pd.DataFrame":
        """Return metrics.parquet; strings are categoricals, `layer` and `neuron` nullable integers."""
        return self._table("metrics.parquet")

    @_kept
    def summaries(self) -> "pd.DataFrame":
        """Return the rows of metrics.parquet that hold SUMMARIES of networks and layers, without the column `neuron`.

        With a thousand seeds the whole table would not fit into memory: this one is read a row group at a time.
        """
        import pyarrow as pa

        groups = self._layers(("activation", "seed", "scheme", "backend", "scope", "layer", "metric", "value"))
        return frame(pa.concat_tables([group.filter(is_in(group["metric"], SUMMARIES)) for group in groups]))

    @_kept
    def undefined(self) -> "pd.DataFrame":
        """Return the number of NaN values of networks and layers (`undefined`) and of all their values (`count`).

        A row per `metric` and `scheme`, both categoricals; read a row group at a time.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        keys, counted = ["metric", "scheme"], [("undefined", "sum"), ("undefined", "count")]
        parts = []
        for group in self._layers((*keys, "scope", "value")):
            flags = pc.is_nan(group["value"]).cast(pa.int64())
            part = group.select(keys).append_column("undefined", flags)
            parts.append(part.group_by(keys, use_threads=False).aggregate(counted))
        found = frame(pa.concat_tables(parts)).groupby(keys, observed=True).sum().reset_index()
        return found.rename(columns={"undefined_sum": "undefined", "undefined_count": "count"})

    @_kept
    def histograms(self) -> "pd.DataFrame":
        """Return histograms.parquet."""
        return self._table("histograms.parquet")

    @_kept
    def plans(self) -> "pd.DataFrame":
        """Return plans.parquet."""
        return self._table("plans.parquet")

    @_kept
    def parity(self) -> "pd.DataFrame":
        """Return `activation`, `seed`, `scheme`, `flips`: how many pixels the two backends decide differently.

        A row per network and scheme that both backends ran; read a row group at a time.
        """
        import pyarrow as pa

        groups = self._groups("plans.parquet", ("activation", "seed", "scheme", "flips"))
        return frame(pa.concat_tables([group.filter(group["flips"].is_valid()) for group in groups]))

    @_kept
    def variation(self, name: str) -> "pd.DataFrame":
        """Return the table of one of `config.questions.QUESTIONS`, such as sensitivity.parquet, by the question's name.

        Raises:
            FileNotFoundError: the run was a quick one.
        """
        return self._table(f"{name}.parquet")

    @_kept
    def ranges(self) -> "pd.DataFrame | None":
        """Return ranges.parquet, None in a quick run and in one that was made before there was such a record."""
        return self._table("ranges.parquet") if (self.folder / "ranges.parquet").exists() else None

    @_kept
    def recovered(self) -> "pd.DataFrame | None":
        """Return recover.parquet, None if no network of the run was repaired."""
        return self._table("recover.parquet") if (self.folder / "recover.parquet").exists() else None

    @_kept
    def engines(self) -> "pd.DataFrame | None":
        """Return parity.parquet, None if no engine has run networks of the run."""
        return self._table("parity.parquet") if (self.folder / "parity.parquet").exists() else None

    @_kept
    def maps(self) -> "dict[str, NDArray[Any]]":
        """Return every array of maps.npz."""
        import numpy as np

        with np.load(self.folder / "maps.npz") as stored:
            return {name: stored[name] for name in stored.files}

    def is_complete(self) -> bool:
        """Whether the run is finished, according to its manifest."""
        return bool(self.manifest()["state"] == "complete")

    def damaged(self) -> list[str]:
        """Return the records that are missing or differ from the digests in the manifest."""
        return [name for name in self.manifest()["files"] if not self.is_sound(name)]

    def is_sound(self, name: str) -> bool:
        """Whether a record is one that the manifest knows, undamaged.

        While records are added (`store.add_records`) it knows two of a name, of which either may be there.
        """
        manifest = self.manifest()
        known = {manifest[key][name] for key in ("files", "adding") if name in manifest.get(key, {})}
        return file_sha256(self.folder / name) in known

    def _table(self, name: str) -> "pd.DataFrame":
        import pyarrow.parquet as pq

        # pyarrow can't open a path that is not valid text, which Linux allows
        with (self.folder / name).open("rb") as file:
            return frame(pq.ParquetFile(file).read())

    def _layers(self, columns: Sequence[str]) -> "Iterator[pa.Table]":
        """Yield the rows of metrics.parquet of networks and layers, a row group at a time."""
        for group in self._groups("metrics.parquet", columns):
            yield group.filter(is_in(group["scope"], ("network", "layer")))

    def _groups(self, name: str, columns: Sequence[str]) -> "Iterator[pa.Table]":
        """Yield some columns of a table, a row group at a time."""
        import pyarrow.parquet as pq

        with (self.folder / name).open("rb") as file:
            table = pq.ParquetFile(file)
            for number in range(table.num_row_groups):
                yield table.read_row_group(number, columns)


def reading_once(run: Run) -> Run:
    """Return a copy of the run that reads each of its records at most once and keeps them in memory."""
    return replace(run, kept={})


def open_run(folder: Path, field: str = "DIR") -> Run:
    """Return the finished run in a folder.

    Args:
        folder: where it is.
        field: the option or argument that named it.

    Raises:
        BadInput: no run there, an unfinished one, one of another format version, or a study.toml that was edited.
        StudyFailure: a record is missing or damaged.
    """
    config = held_study(folder, field) if (folder / "manifest.json").is_file() else None
    if config is None:
        raise BadInput(field, str(folder), "a run folder is needed (it holds study.toml and manifest.json)")
    if not Run(folder, config).is_complete():
        raise BadInput(field, str(folder), f"this run is unfinished; finish it with {resume_command(folder)}")
    run = as_it_was_run(Run(folder, config))
    damaged = run.damaged()
    if damaged:
        raise StudyFailure(f"{folder / damaged[0]} is missing or damaged; make it again with {resume_command(folder)}")
    return run


def as_it_was_run(run: Run) -> Run:
    """Return a finished run with the number of seeds that it ended with (more than at first if `until_decided`)."""
    if not run.config.until_decided:
        return run
    return replace(run, config=run.config.with_options(seeds=len(run.manifest()["seeds"])))


def _json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_bytes())
    return value
