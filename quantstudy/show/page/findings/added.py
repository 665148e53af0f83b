"""What commands of their own add to a run: repairs, backends and engines, costs, other ways to train; and claims."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantstudy.judge.parity import measured_points
from quantstudy.judge.repaired import Repaired
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.show.page.findings.blocks import Block, Row, short
from quantstudy.words import findings as words
from quantstudy.words import measures
from quantstudy.words.engines import called
from quantstudy.words.figures import engines as engine_words
from quantstudy.words.figures import recover as recover_words
from quantstudy.words.multiverse import UNITS
from quantstudy.words.numbers import plural, real
from quantstudy.words.recipes import Entry, cliffs
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

LOST = ("drop", "drop_low", "drop_high")
WON = ("won", "won_low", "won_high")


def recover(run: "Run") -> list[Block]:
    """Return a chart per scheme of every activation without and with each repair, and one of each over widths."""
    verdict, frame = run.verdict(), run.recovered()
    entries = verdict.get("recover") or {}
    if not entries or frame is None:
        return []
    config = run.config
    found = Repaired.of(frame, config.activations, config.seeds, config.ranked)
    made = [_repairs(run, scheme, entry, found) for scheme, entry in entries.items()]
    return made + [_widths(run, scheme, cliff) for scheme, cliff in cliffs(entries).items()]


def _repairs(run: "Run", scheme: str, entry: Entry, found: Repaired) -> Block:
    config, measure, rows = run.config, measures.loss(run.config), entry["rows"]
    pairs = [(row["activation"], row["recipe"]) for row in rows]
    lost = found.values(config.ranked.drop_odd, scheme, pairs)
    table = [
        Row.of((scheme, name, recipe), measure, row, LOST) for (name, recipe), row in zip(pairs, rows, strict=True)
    ]
    table += [
        Row.of((scheme, row["activation"], row["recipe"]), measures.won_back(config), row, WON)
        for row in rows
        if row["recipe"] != PLAIN
    ]
    chosen = entry["chosen"]["recipes"]
    more = {
        "notes": [
            words.repaired_remark(row, config.seeds, chosen=row["recipe"] != PLAIN and chosen[name] == row["recipe"])
            for (name, _), row in zip(pairs, rows, strict=True)
        ],
        "deployable": [place for place, row in enumerate(rows) if row["deployable"]],
        "allowed": short(measure.scale * run.verdict()["allowed_drop"]),
        "dots": [[short(measure.scale * value) for value in of] for of in lost],
        "names": [name for name, _ in pairs],
        "recipes": ["" if recipe == PLAIN else recipe for _, recipe in pairs],
    }
    first = next(iter(run.verdict()["recover"])) == scheme
    heading = recover_words.title(run.verdict()) if first else words.repairs_heading(scheme)
    labels = [words.with_recipe(*pair) for pair in pairs]
    reading = words.reading("recover", config, "")
    of = ("loss", measure.name)
    return Block("recover", (scheme, scheme), of, "rows", heading, reading, labels, [""], table, more)


def _widths(run: "Run", scheme: str, cliff: Mapping[str, Any]) -> Block:
    measure, points = measures.loss(run.config), cliff["curve"]
    allowed = run.verdict()["allowed_drop"]
    ways = {"plain": PLAIN, "repaired": cliff["recipe"]}
    rows = [
        Row.of((point["scheme"], cliff["activation"], recipe), measure, point[way], LOST)
        for way, recipe in ways.items()
        for point in points
    ]
    more = {
        "x": [point["bits"] for point in points],
        "axis": words.AXIS_BITS,
        "linear": short(10.0 ** math.floor(math.log10(measure.scale * allowed / 2.0))) if allowed else 1,
        "limits": [[short(measure.scale * allowed), words.ALLOWED]],
        "notes": [],
    }
    labels = [words.with_recipe(cliff["activation"], recipe) for recipe in ways.values()]
    reading = words.reading("recover", run.config, "")
    columns = [point["scheme"] for point in points]
    heading = words.widths_heading(cliff)
    of = ("widths", words.WIDTHS)
    return Block("recover", (scheme, scheme), of, "lines", heading, reading, labels, columns, rows, more)


def backends(run: "Run") -> list[Block]:
    """Return a chart of the points that torchao decides otherwise than fake quantization: activations × schemes."""
    config, frame = run.config, run.parity()
    if frame.empty:
        return []
    sums = (
        frame.astype({"activation": str, "scheme": str})
        .groupby(["activation", "scheme"])["flips"]
        .agg(["sum", "count"])
    )
    points, found = measured_points(config, run.manifest()), sums.to_dict("index")
    schemes = [str(scheme) for scheme in config.all_schemes if any(scheme_ == str(scheme) for _, scheme_ in found)]
    rows = []
    for name in config.activations:
        for scheme in schemes:
            one = found.get((name, scheme), {"sum": math.nan, "count": 0})
            where = scheme, name, words.of_all(int(one["count"]) * points)
            rows.append(Row(*where, measures.OTHERWISE, float(one["sum"])))
    return [_counts(run, "backends", ("", ""), words.BACKENDS, config.activations, schemes, rows)]


def engines(run: "Run") -> list[Block]:
    """Return a chart per scheme of the points that engines decide otherwise: networks × engines."""
    found = (run.verdict().get("engines") or {"rows": []})["rows"]
    blocks = []
    for scheme in dict.fromkeys(row["scheme"] for row in found):
        own = {
            (engine_words.label(row["activation"], row["recipe"]), called(row)): row
            for row in found
            if row["scheme"] == scheme
        }
        labels, heads = (list(dict.fromkeys(key[part] for key in own)) for part in (0, 1))
        table = [_ran(scheme, label, head, own.get((label, head))) for label in labels for head in heads]
        codes = [row for row in own.values() if row["free"] is not None]
        table += [
            Row(
                scheme,
                row["activation"],
                f"{called(row)}, {row['recipe']}",
                measures.CODES,
                row["free"]["differ"] / row["free"]["codes"],
            )
            for row in codes
        ]
        blocks.append(_counts(run, "engines", (scheme, scheme), engine_words.title(found), labels, heads, table))
    return blocks


def _ran(scheme: str, label: str, head: str, row: Mapping[str, Any] | None) -> Row:
    if row is None:
        return Row(scheme, label, head, measures.OTHERWISE, math.nan)
    setting = f"{head}, {words.of_all(row['points'])}"
    return Row(scheme, label, setting, measures.OTHERWISE, float(row["flips"]))


def _counts(
    run: "Run",
    view: str,
    scheme: tuple[str, str],
    heading: str,
    labels: Sequence[str],
    heads: Sequence[str],
    rows: list[Row],
) -> Block:
    shown = [row.value for row in rows[: len(labels) * len(heads)] if math.isfinite(row.value)]
    more = {
        "ends": [short(max(shown, default=0.0))] * len(heads),
        "less": "",
        "more": measures.OTHERWISE.name,
        "places": 0,
    }
    reading = words.reading(view, run.config, "")
    return Block(view, scheme, ("", measures.OTHERWISE.name), "cells", heading, reading, labels, heads, rows, more)


def cost(run: "Run") -> list[Block]:
    """Return a chart per counted cost: a row per activation."""
    found = run.cost()
    if found is None:
        return []
    table = {name: entry for name, entry in found["activations"].items() if name in run.config.activations}
    blocks = []
    for key, text in measures.COST.items():
        measure = measures.counted(key)
        rows = [Row("", name, "", measure, _counted(key, entry)) for name, entry in table.items()]
        if any(math.isfinite(row.value) for row in rows):
            of, reading, names = (key, text), words.reading("cost", run.config, ""), list(table)
            blocks.append(
                Block(
                    "cost",
                    ("", ""),
                    of,
                    "rows",
                    words.cost_heading(measure),
                    reading,
                    names,
                    [""],
                    rows,
                    {"bars": True, "places": 1},
                )
            )
    return blocks


def _counted(key: str, entry: Mapping[str, Any]) -> float:
    """Return what is counted of an activation, NaN where nothing is: of one from outside all is None."""
    ways = {
        "calls": entry.get("mufu_forward"),
        "instructions": entry.get("instructions_forward"),
        "backward": entry.get("instructions_backward"),
        "registers": entry.get("registers_forward"),
        "kept": (entry.get("saved_bytes") or {}).get("plain"),
        "added": (entry.get("added_bytes") or {}).get("plain"),
    }
    return real(ways[key])


def multiverse(run: "Run") -> list[Block]:
    """Return a chart of what each activation loses over other ways to train and quantize, if it was measured."""
    found = run.multiverse()
    if found is None:
        return []
    noun, unit, scale = UNITS[found["least_regret"]["metric"]]
    measure = measures.over_ways(noun, unit, scale)
    lost = {name: real(value) for name, value in found["regret"].items()}
    names = sorted(lost, key=lambda name: (math.isnan(lost[name]), lost[name]))
    setting = plural(found["specifications"], "specification")
    rows = [
        Row(
            found["scheme"],
            name,
            setting,
            measure,
            lost[name],
            *(real(found[key].get(name)) for key in ("regret_low", "regret_high")),
        )
        for name in names
    ]
    first, *rest = found["summary"] or [measure.name]
    more = {"bars": True, "reason": " ".join(rest)}
    heading, reading = marked(first, run.verdict()["not_learned"]), words.reading("multiverse", run.config, "")
    return [Block("multiverse", ("", ""), ("", measure.name), "rows", heading, reading, names, [""], rows, more)]
