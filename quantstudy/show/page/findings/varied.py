"""What changes the answer: fewer bits, single layers, other ways to quantize, the bound of the activation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from quantstudy.judge.cliff import LIMITS, SCHEMES
from quantstudy.show.figures.cliff.data import Cliff, cliffs
from quantstudy.show.figures.placement.data import Table, table_of
from quantstudy.show.figures.sensitivity.data import VIEWS, parts_of
from quantstudy.show.page.findings.blocks import Block, Row, short
from quantstudy.show.values import Floats
from quantstudy.words import cause as cause_words
from quantstudy.words import findings as words
from quantstudy.words import measures
from quantstudy.words import placement as placement_words
from quantstudy.words import sensitivity as layer_words
from quantstudy.words.figures import cliff as cliff_words
from quantstudy.words.figures.cause import ASKED
from quantstudy.words.numbers import plural, real
from quantstudy.words.things import unit_of
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

DECADES = 10.0
"""How far below its tightest limit the axis of a curve is logarithmic; linear from there to 0."""


def cliff(run: "Run") -> list[Block]:
    """Return a chart per quantized part: a line per activation over bits; and the fewest bits that suffice."""
    config, verdict = run.config, run.verdict()
    section = verdict.get("bit_cliff")
    if not section:
        return []
    found = {one.part: one for one in cliffs(config, section)}
    return [_curves(run, found[part]) for part in words.PARTS if found[part].bits.size]


def _curves(run: "Run", one: Cliff) -> Block:
    config, names, bits = run.config, run.config.activations, one.bits.tolist()
    measure, limits = measures.changed(config), sorted(LIMITS[config.ranked.disturbed])
    rows = [
        Row(SCHEMES[one.part].format(width), name, words.at_bits(width), measure, *map(float, one.curve[row, column]))
        for row, name in enumerate(names)
        for column, width in enumerate(bits)
    ]
    kinds = {measures.smallest(config, limit): one.smallest[f"{limit:g}"] for limit in limits}
    kinds[measures.smallest(config)] = one.deployable
    keys = ("bits", "low", "high")
    rows += [
        Row.of(("", name, words.PARTS[one.part]), what, entry, keys)
        for what, entries in kinds.items()
        for name, entry in zip(names, entries, strict=True)
    ]
    heading = words.parts_heading(one.part, measure)
    if one.part == "both":
        heading = marked(cliff_words.title(config, one.bits, one.mean, one.smallest), run.verdict()["not_learned"])
    more = {
        "x": bits,
        "axis": words.AXIS_BITS,
        "linear": short(measure.scale * limits[0] / DECADES),
        "limits": [[short(measure.scale * limit), f"≤ {unit_of(config).brief(limit)}"] for limit in limits],
        "notes": [words.from_bits(entry, max(bits)) for entry in one.deployable] if config.seeds > 1 else [],
    }
    reading = words.reading("cliff", config, "")
    part = (one.part, words.PARTS[one.part])
    columns = [words.at_bits(width) for width in bits]
    return Block("cliff", part, ("", measure.name), "lines", heading, reading, names, columns, rows, more)


def layers(run: "Run") -> list[Block]:
    """Return a chart per scheme and kind of damage: activations × layers."""
    config, verdict = run.config, run.verdict()
    section = verdict.get("sensitivity") or {}
    ordered = sorted(section, key=lambda scheme: scheme != config.focus_scheme)
    return [_damage(run, scheme, section, view) for view in VIEWS for scheme in ordered]


def _damage(run: "Run", scheme: str, section: Mapping[str, Any], view: str) -> Block:
    config, names, found = run.config, run.config.activations, section[scheme]
    depth = max((len(entry["layers"]) for entry in found.values()), default=0)
    every = len(config.hidden) + 1
    parts = parts_of(scheme, found, names, every)
    columns = [layer_words.layer_name(layer, every) for layer in range(depth)] + [words.ALL_LAYERS]
    values: Floats = np.concatenate([parts.views[view][:, :depth], parts.total[:, None]], axis=1)
    changed = measures.changed(config)
    measure = changed._replace(name=f"{changed.name}, {words.LAYER_VIEWS[view]}", sign=unit_of(config).amount)
    rows = [
        Row(scheme, name, column, measure, *map(float, values[row, at]))
        for row, name in enumerate(names)
        for at, column in enumerate(columns)
    ]
    heading = words.headed(words.LAYER_VIEWS[view], scheme)
    if view == VIEWS[0] and scheme == config.focus_scheme:
        heading = marked(layer_words.finding(config, section), run.verdict()["not_learned"])
    ends = [_largest(values[:, :depth, 0])] * depth + [_largest(values[:, depth:, 0])]
    more = {
        "ends": [short(measure.scale * end) for end in ends],
        "less": words.UNDOES,
        "same": words.NONE,
        "more": words.DAMAGE,
    }
    of = (view, words.LAYER_VIEWS[view])
    reading = words.reading("layers", config, "")
    return Block("layers", (scheme, scheme), of, "cells", heading, reading, names, columns, rows, more)


def _largest(values: Floats) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0))


def placement(run: "Run") -> list[Block]:
    """Return two charts per scheme: what each activation loses over all settings, and every setting."""
    config, verdict = run.config, run.verdict()
    section = verdict.get("placement") or {}
    ordered = sorted(section, key=lambda scheme: scheme != config.focus_scheme)
    tables = {scheme: table_of(scheme, section[scheme], config) for scheme in ordered if section[scheme]["settings"]}
    return [_lost(run, table) for table in tables.values()] + [_settings(run, table) for table in tables.values()]


def _lost(run: "Run", table: Table) -> Block:
    config, scheme = run.config, table.scheme
    section = run.verdict()["placement"][scheme]
    ways = plural(len(table.settings), "setting")
    measure = measures.regret(config, ways)
    order = sorted(range(len(table.names)), key=lambda row: (np.isnan(table.lost[row, 0]), table.lost[row, 0]))
    names = [table.names[row] for row in order]
    rows = [
        Row(scheme, name, ways, measure, *(real(section[key].get(name)) for key in ("regret", *REGRET_ENDS)))
        for name in names
    ]
    rows += [
        Row(scheme, name, words.with_choice(table.factors[factor], one["level"]), measure, real(one["regret"][name]))
        for factor, levels in section.get("regret_by", {}).items()
        for one in levels
        for name in names
    ]
    finding = marked(placement_words.finding(config, section), run.verdict()["not_learned"])
    heading = finding if scheme == config.focus_scheme else f"{scheme}: {measure.name}"
    reading = words.reading("placement", config, "")
    of = ("regret", words.REGRET)
    return Block("placement", (scheme, scheme), of, "rows", heading, reading, names, [""], rows, {"bars": True})


REGRET_ENDS = ("regret_low", "regret_high")


def _settings(run: "Run", table: Table) -> Block:
    config, scheme, names = run.config, table.scheme, table.names
    measure = measures.behind(config)
    labels = [words.setting_of(one, table.factors) for one in table.settings]
    rows = [
        Row.of((scheme, name, label), measure, one["behind"].get(name, {}))
        for label, one in zip(labels, table.settings, strict=True)
        for name in names
    ]
    masks = {"best": table.best, "tied": table.tied, "deployable": table.deployable}
    more = {
        "marks": {mark: np.flatnonzero(mask.ravel()).tolist() for mark, mask in masks.items()},
        "ends": [short(table.end)] * len(names),
        "less": "",
        "more": words.BEHIND,
    }
    heading, reading = words.settings_heading(scheme, len(labels)), words.reading("placement", config, "")
    of = ("settings", words.SETTINGS)
    return Block("placement", (scheme, scheme), of, "cells", heading, reading, labels, list(names), rows, more)


def cause(run: "Run") -> list[Block]:
    """Return a chart per scheme: a row per pair of networks, grouped by the activation that they start from."""
    config, verdict = run.config, run.verdict()
    section = verdict.get("cause") or {}
    ordered = sorted(section, key=lambda scheme: scheme != config.focus_scheme)
    return [_pairs(run, scheme, section[scheme]) for scheme in ordered if section[scheme]]


def _pairs(run: "Run", scheme: str, entries: Sequence[Mapping[str, Any]]) -> Block:
    config, measure = run.config, measures.lead(run.config)
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(entry["of"], []).append(entry)
    ranks = {question: rank for rank, question in enumerate(ASKED)}
    ordered = [one for some in groups.values() for one in sorted(some, key=lambda one: ranks[one["question"]])]
    labels = [f"{ASKED[one['question']]}: {words.pair_of(one)}" for one in ordered]
    rows = [Row.of((scheme, words.pair_of(one), ASKED[one["question"]]), measure, one) for one in ordered]
    more = {
        "line": 0,
        "notes": [one["sentence"] for one in ordered],
        "states": [_state(one) for one in ordered],
        "groups": [one["of"] for one in ordered],
    }
    heading = cause_words.finding(scheme, groups, config.seeds, unit_of(config))
    heading = marked(heading, run.verdict()["not_learned"])
    reading = words.reading("cause", config, "")
    of = ("", measure.name)
    return Block("cause", (scheme, scheme), of, "rows", heading, reading, labels, [""], rows, more)


def _state(one: Mapping[str, Any]) -> str:
    """Return whether the first is told to be better, worse, or neither."""
    if not one["differs"]:
        return ""
    return "better" if real(one["mean"]) > 0.0 else "worse"
