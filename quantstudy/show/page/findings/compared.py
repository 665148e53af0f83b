"""Who is best at every scheme, seed by seed, and how all schemes compare with the reference activation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from quantstudy.judge.flips import SECTIONS, reference
from quantstudy.show.figures.decision.data import Column, panels
from quantstudy.show.page.findings.blocks import Block, Row, short
from quantstudy.show.values import SIMULATED, TORCHAO, Floats, seed_values
from quantstudy.words import findings as words
from quantstudy.words import measures
from quantstudy.words.figures import decision
from quantstudy.words.headline import outcome
from quantstudy.words.numbers import decimals
from quantstudy.words.things import things_of, unit_of
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

MOST_DOTS = 12_000
"""Dots of all charts of this view together; beyond, seeds are left out, the same of every row."""

ENDS = ("", "_low", "_high")
"""What stands behind the name of a measure of verdict.json: nothing at the mean, then the ends of its interval."""


def forest(run: "Run") -> list[Block]:
    """Return a chart per scheme and measure: a row per activation, best first, with a dot per seed."""
    config, judged = run.config, run.verdict()["schemes"]
    ranked = config.ranked
    shown = {
        "score": (ranked.quantized, measures.score(config), ("mean", "low", "high")),
        "loss": (ranked.drop, measures.loss(config), ("drop", "drop_low", "drop_high")),
        "changed": (ranked.disturbed, measures.changed(config), tuple(f"{ranked.disturbed}{end}" for end in ENDS)),
    }
    values = seed_values(run, run.summaries(), [metric for metric, *_ in shown.values()])
    names = [str(scheme) for scheme in config.all_schemes if str(scheme) in judged]
    dots = max(1, min(config.seeds, MOST_DOTS // max(1, len(names) * len(shown) * len(config.activations))))
    blocks = []
    for scheme in sorted(names, key=lambda name: name != config.focus_scheme):
        for key, (metric, measure, keys) in shown.items():
            cube = values.get((metric, scheme, SIMULATED))
            if cube is not None and judged[scheme]["ranking"]:
                blocks.append(_ranking(run, scheme, (key, measure, keys), cube[:, :dots]))
    return blocks


def _ranking(run: "Run", scheme: str, shown: tuple[str, measures.Measure, Sequence[str]], cube: Floats) -> Block:
    config, verdict = run.config, run.verdict()
    judged, (key, measure, keys) = verdict["schemes"][scheme], shown
    ranking = judged["ranking"]
    names = [entry["activation"] for entry in ranking]
    rows = [Row.of((scheme, entry["activation"], ""), measure, entry, keys) for entry in ranking]
    more: dict[str, Any] = {
        "notes": [words.remark(entry, judged) for entry in ranking],
        "deployable": [row for row, entry in enumerate(ranking) if entry["deployable"]],
        "tied": [row for row, name in enumerate(names) if name in words.tied_of(judged)],
        "names": names,
        "dots": [[short(measure.scale * value) for value in cube[config.activations.index(name)]] for name in names],
    }
    allowed = short(measure.scale * verdict["allowed_drop"])
    if key == "score":
        full = measures.float_score(config)
        rows += [Row.of((scheme, entry["activation"], ""), full, entry, ("float",)) for entry in ranking]
        rows += _shares(scheme, ranking)
        more |= {"beside": full.name, "allowed": allowed, "reason": judged["reason"]}
    elif key == "loss":
        more |= {"allowed": allowed}
    said = " ".join(filter(None, (words.reading("forest", config, ""), words.fewer_dots(cube.shape[1], config.seeds))))
    heading = marked(f"{scheme}: {outcome(judged)}", verdict["not_learned"])
    of = (key, measure.name)
    return Block("forest", (scheme, scheme), of, "rows", heading, said, names, [""], rows, more)


def _shares(scheme: str, ranking: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return how many networks pass, at least how many of all such networks do, and the chance of being the best."""
    rows = []
    for entry in ranking:
        where = (scheme, entry["activation"], "")
        rows.append(Row.of(where, measures.PASS, entry, ("pass_share", "pass_low")))
        rows.append(Row.of(where, measures.CHANCE, entry, ("probability_best",)))
    return rows


def compare(run: "Run") -> list[Block]:
    """Return a chart per measure and backend: activations × schemes, coloured by the difference to the reference."""
    config, columns = run.config, dict[tuple[str, str], list[Column]]()
    for panel in panels(run):
        for column in panel.columns:
            columns.setdefault((panel.metric, column.backend), []).append(column)
    shown = {
        config.ranked.disturbed: ("changed", measures.changed(config)),
        config.ranked.drop: ("loss", measures.loss(config)),
    }
    blocks = []
    for backend in (SIMULATED, TORCHAO):
        for metric, (key, measure) in shown.items():
            if (found := columns.get((metric, backend))) is not None:
                named = key if backend == SIMULATED else f"{key}-{backend}"
                blocks.append(_compared(run, metric, measure, (named, found)))
    return blocks


def _compared(run: "Run", metric: str, measure: measures.Measure, shown: tuple[str, list[Column]]) -> Block:
    config, (key, columns) = run.config, shown
    base, names, backend = reference(config.activations), config.activations, columns[0].backend
    setting = "" if backend == SIMULATED else backend
    apart = measures.against(measure, base, unit_of(config))
    rows = [
        Row(column.scheme, name, setting, what, *(float(part[row]) for part in (three.mean, three.low, three.high)))
        for what in (measure, apart)
        for row, name in enumerate(names)
        for column in columns
        for three in (column.rate if what is measure else column.excess,)
    ]
    heading = decision.heading(metric, things_of(config))
    focus = next((c for c in columns if c.scheme == config.focus_scheme), None)
    if metric == config.ranked.disturbed and backend == SIMULATED and focus is not None:
        rates = focus.rate.mean.tolist()
        flips = run.verdict()["schemes"].get(focus.scheme, {}).get(SECTIONS[metric], {})
        places = decimals(measure.scale * value for value in rates)
        heading = marked(decision.title(config, rates, places, flips), run.verdict()["not_learned"])
    more = {
        "beside": apart.name,
        "base": names.index(base),
        "ends": [short(measure.scale * column.end) for column in columns],
        "finer": [decimals(measure.scale * value for value in column.rate.mean) for column in columns],
        "marks": _marks(run, columns) if backend == SIMULATED else {},
        "same": words.same(base),
        "less": decision.ends(base)[0],
        "more": decision.ends(base)[1],
    }
    title = measure.name if backend == SIMULATED else f"{measure.name}, {backend}"
    heads = [column.scheme for column in columns]
    reading = words.reading("compare", config, base)
    undefined = sum(int(np.isnan(column.values).sum()) for column in columns)
    reading += f" {words.undefined(undefined)}" if undefined else ""
    return Block("compare", ("", ""), (key, title), "cells", heading, reading, names, heads, rows, more)


def _marks(run: "Run", columns: Sequence[Column]) -> dict[str, list[int]]:
    """Return the cells of what is deployable and of what is tied with the best of its scheme."""
    judged, names = run.verdict()["schemes"], run.config.activations
    told = [judged.get(column.scheme, {"deployable": [], "tied_with": [], "seeds": 1}) for column in columns]
    return {
        mark: [
            row * len(columns) + at
            for row, name in enumerate(names)
            for at, scheme in enumerate(told)
            if name in of_scheme(scheme)
        ]
        for mark, of_scheme in (("deployable", lambda one: one["deployable"]), ("tied", words.tied_of))
    }
