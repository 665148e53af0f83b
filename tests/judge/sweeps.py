"""Tables of sweeps whose every value is known."""

import io
import json
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from quantstudy.config.metrics import RANKED
from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import Sweep
from quantstudy.engine.swept import sweep_cells
from quantstudy.records.objects import Objects
from quantstudy.records.schemas import SWEPT
from quantstudy.records.swept import put_cell

Drop = Callable[[str, str, str, StudyConfig, int], float]
"""Activation, scheme, recipe, study and seed → what is lost."""

COLUMNS = ("target", "task", "frequency", "lr", "steps", "batch", "grid", "placement", "observer", "weight_observer")


def spread(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
    """A drop that differs in all that it depends on, without any sense."""
    settings = (study.target, study.hidden, study.frequency, study.placement, study.lr)
    text = repr((activation, scheme, recipe, settings, seed))
    return 0.3 * (sum(ord(sign) * (place + 1) for place, sign in enumerate(text)) % 997) / 997


def table(
    sweep: Sweep,
    drop: Drop = spread,
    *,
    full: float = 0.98,
    missing: Collection[tuple[str, int]] = (),
    failed: Collection[tuple[str, int, int]] = (),
) -> pd.DataFrame:
    """Return the table of a sweep.

    Args:
        sweep: the study and the lists.
        drop: what is lost.
        full: score of the float networks.
        missing: cells (activation, number of the study) that are not there.
        failed: networks (activation, number of the study, seed) without a finite value.
    """
    rows: list[dict[str, Any]] = []
    for number, study in enumerate(sweep.studies):
        by = RANKED[study.task]
        schemes = [*((str(scheme), "plain") for scheme in study.all_schemes)]
        schemes += [(study.focus_scheme, recipe) for recipe in sweep.recipes]
        for activation in study.activations:
            if (activation, number) in missing:
                continue
            cell: dict[str, Any] = {name: getattr(study, name) for name in (*COLUMNS, "scales", "input_bits")}
            cell |= {"cell": f"{number}-{activation}", "activation": activation}
            cell |= {"hidden": ",".join(map(str, study.hidden))}
            for seed in range(study.seeds):
                lost = (activation, number, seed) in failed
                score = full if study.task == "classes" else 40.0 * full

                def add(
                    scheme: str, recipe: str, metric: str, value: float, cell: Any = cell, seed: int = seed
                ) -> None:
                    rows.append(
                        cell | {"scheme": scheme, "recipe": recipe, "seed": seed, "metric": metric, "value": value}
                    )

                add("float", "plain", by.float, np.nan if lost else score)
                add("float", "plain", by.trivial, score / 2)
                for scheme, recipe in schemes:
                    gone = np.nan if lost else drop(activation, scheme, recipe, study, seed)
                    add(scheme, recipe, by.drop, gone)
                    add(scheme, recipe, by.quantized, score - gone)
                    if recipe == "plain":
                        add(scheme, recipe, by.disturbed, gone / 2)
    frame = pd.DataFrame(rows)
    texts = list(frame.select_dtypes(["object", "str"]))
    return frame.astype(dict.fromkeys(texts, "category"))


def put(objects: Objects, sweep: Sweep, drop: Drop = spread, *, kind: str = "sweep", **more: Any) -> list[str]:
    """Put the cells of a sweep into a store as `quantstudy sweep` does, without having run them; return their names."""
    frame, names = table(sweep, drop, **more), []
    texts = {name: str for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    rows = dict(iter(frame.astype(texts).groupby("cell", sort=False)))
    activations = len(sweep.base.activations)
    for place, cell in enumerate(sweep_cells(sweep)):
        part = rows.get(f"{place // activations}-{cell.activation}")
        if part is None:
            continue
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pandas(part.assign(cell=cell.key), schema=SWEPT, preserve_index=False), buffer)
        put_cell(objects, cell.name, buffer.getvalue(), b"networks", {"seconds": 1.0})
        names.append(cell.name)
    objects.put("sweep.toml", sweep.to_toml().encode())
    manifest = {"kind": kind, "state": "complete", "versions": {"numpy": "2"}, "seconds": {}}
    objects.put("manifest.json", json.dumps(manifest).encode())
    return names
