"""What engines made of networks, summed up: how many decisions flip, by which operation, how many codes differ."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

GROUP = ["scheme", "recipe", "engine", "version", "activation"]


def judge_engines(frame: "pd.DataFrame", activations: Sequence[str], focus: str) -> list[dict[str, Any]]:
    """Return a row per scheme, recipe, engine and activation that was run, the focus scheme's first.

    Args:
        frame: parity.parquet.
        activations: names in the study's order.
        focus: the scheme that the study is about.

    Returns:
        rows with what they are of (`scheme`, `recipe`, `engine` and its `version`, `activation`), the `settings` of the
        engine and the `processor`, `networks`, `points` of all of them together, `flips` there, `worst` (flips of one
        network, at most), `by` (operation → flips), `ties`, `forced_flips` (null where no codes enter the last layer),
        `apart` (largest difference of answers), `bytes` of the file (null without one), and of both modes, `free` and
        `forced`, null where the engine shows no codes: `codes` compared, how many `differ`, and by how much, `lsb`.
    """
    text = frame.astype(dict.fromkeys(("over", "metric", "mode", "operation", "settings", "processor", *GROUP), str))
    found = [_row(key, part) for key, part in text.groupby(GROUP, sort=False)]
    order = {name: place for place, name in enumerate(activations)}
    kept = [row for row in found if row["activation"] in order]
    return sorted(
        kept,
        key=lambda row: (
            row["scheme"] != focus,
            row["scheme"],
            row["recipe"],
            row["engine"],
            row["version"],
            order[row["activation"]],
        ),
    )


def _row(key: Any, part: "pd.DataFrame") -> dict[str, Any]:
    by_metric = {str(name): rows for name, rows in part.groupby("metric")}
    flips = by_metric["flips"]
    operations = by_metric["flips_by"].groupby("operation")["value"].sum() if "flips_by" in by_metric else {}
    codes = by_metric.get("codes")
    forced = by_metric["forced_flips"]["value"]
    sizes = by_metric["bytes"]["value"] if "bytes" in by_metric else None
    return {
        **dict(zip(GROUP, map(str, key), strict=True)),
        "settings": part["settings"].iloc[-1],
        "processor": part["processor"].iloc[-1],
        "networks": int(part["seed"].nunique()),
        "points": int(by_metric["points"]["value"].sum()),
        "flips": int(flips["value"].sum()),
        "worst": int(flips.groupby("seed")["value"].sum().max()),
        "by": {str(name): int(count) for name, count in dict(operations).items()},
        "ties": int(by_metric["ties"]["value"].sum()),
        "forced_flips": None if forced.isna().any() else int(forced.sum()),
        "apart": _largest(by_metric["max_abs_difference"]["value"]),
        "bytes": None if sizes is None else int(sizes.max()),
        **{mode: None if codes is None else _codes(codes[codes["mode"] == mode]) for mode in ("free", "forced")},
    }


def _codes(rows: "pd.DataFrame") -> Mapping[str, int] | None:
    if rows.empty:
        return None
    differ = rows[rows["lsb"] != 0]
    return {
        "codes": int(rows["value"].sum()),
        "differ": int(differ["value"].sum()),
        "lsb": int(differ["lsb"].abs().max()) if len(differ) else 0,
    }


def _largest(values: Any) -> float | None:
    return None if values.isna().all() else float(values.max())
