"""The numbers of what is asked beyond the schemes, as tables of the page: one list of them per figure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantstudy.judge.facts import is_fact
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.words.deployable import passes
from quantstudy.words.engines import engine_tables
from quantstudy.words.figures.cliff import column, doubt, limits
from quantstudy.words.next_repair import upwards
from quantstudy.words.numbers import NO_BREAK, number, plural, real
from quantstudy.words.recipes import cliffs, row_of
from quantstudy.words.things import unit_of
from quantstudy.words.units import Unit
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

Table = dict[str, Any]

PARTS = {"weights": "weights", "activations": "activations", "both": "both"}

DROP, WON = (("drop", "drop_low", "drop_high"), ("won", "won_low", "won_high"))
"""Where the loss of repaired networks stands, and what was won back."""


Seconds = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Scheme → recipe → activation → seconds per network that it took to repair."""


def tables(config: "StudyConfig", verdict: Mapping[str, Any], seconds: Seconds | None = None) -> dict[str, list[Table]]:
    """Return the tables of every figure that has some: `caption`, `head` and `rows` of texts; the first column names.

    Args:
        config: the study.
        verdict: verdict.json.
        seconds: `recover_seconds` of the manifest.
    """
    makers = {"bit_cliff": _bit_cliff, "placement": _placement, "sensitivity": _sensitivity, "cause": _cause}
    makers["recover"] = lambda config, judged: _recover(config, judged, seconds or {})
    makers["engines"] = engine_tables
    made = {name: make(config, verdict[name]) for name, make in makers.items() if verdict.get(name)}
    for row in (row for tables in made.values() for table in tables for row in table["rows"]):
        row[0] = marked(row[0], verdict["not_learned"])
    return made


def _bit_cliff(config: "StudyConfig", judged: Mapping[str, Any]) -> list[Table]:
    head, rows, by = ["Activation"], [], config.ranked.disturbed
    for part in PARTS.values():
        heads = (column(by, limit).replace(NO_BREAK, " ") for limit in limits(by).values())
        head += [f"{part}: deployable from", *(f"{part}: {one}" for one in heads)]
    for name in config.activations:
        row = [name]
        for part in PARTS:
            one = judged[part][name]
            row += [_bits(one["deployable"]) + doubt(one["deployable"])]
            row += [_bits(one["smallest"][limit]) for limit in limits(by)]
        rows.append(row)
    caption = (
        "Fewest bits, in brackets the 95 % interval over the seeds; ?: many halves of the seeds have another width."
    )
    return [{"caption": caption, "head": head, "rows": rows}]


def _bits(smallest: Mapping[str, Any]) -> str:
    found = "more than 16" if smallest["bits"] is None else str(smallest["bits"])
    if smallest["low"] is None:
        return found
    return f"{found} [{smallest['low']}, {smallest['high'] or 'more than 16'}]"


def _placement(config: "StudyConfig", judged: Mapping[str, Any]) -> list[Table]:
    made, unit = [], unit_of(config)
    for scheme, one in judged.items():
        ends = ("regret", "regret_low", "regret_high")
        rows = [[name, unit.with_interval([real(one[end][name]) for end in ends])] for name in config.activations]
        caption = (
            f"{scheme}: {unit.amount} of {unit.noun} lost against the best of each of "
            f"{plural(len(one['settings']), 'setting')}, mean with its 95 % interval; less is better."
        )
        made.append({"caption": caption, "head": ["Activation", "loss"], "rows": rows})
    return made


def _sensitivity(config: "StudyConfig", judged: Mapping[str, Any]) -> list[Table]:
    made, unit = [], unit_of(config)
    rate = "flip rate in %" if config.ranked.disturbed == "flip_rate" else f"loss of {unit.noun} in {unit.amount}"
    for scheme, one in judged.items():
        layers = [layer["layer"] for layer in next(iter(one.values()))["layers"]]
        rows = [
            [name, _rate(one[name]["total"], unit), *(_rate(layer["shapley"], unit) for layer in one[name]["layers"])]
            for name in config.activations
        ]
        head = ["Activation", "all layers", *(f"layer {layer}" for layer in layers)]
        caption = f"{scheme}: {rate}, and each layer's Shapley share of it, with 95 % intervals."
        made.append({"caption": caption, "head": head, "rows": rows})
    return made


def _cause(config: "StudyConfig", judged: Mapping[str, Any]) -> list[Table]:
    unit = unit_of(config)
    return [
        {
            "caption": f"{scheme}: difference of {unit.noun} after quantization in {unit.amount}, paired by seed.",
            "head": ["In words", "variant", "against", "difference", "p (Holm)"],
            "rows": [
                [row["sentence"], row["variant"], row["against"], _rate(row, unit, sign=True), _p(real(row["p_holm"]))]
                for row in rows
            ],
        }
        for scheme, rows in judged.items()
        if scheme == config.focus_scheme
    ]


def _recover(config: "StudyConfig", judged: Mapping[str, Any], seconds: Seconds) -> list[Table]:
    unit, made, once = unit_of(config), [], cliffs(judged)
    heads = ("recipe", "loss without", "loss with", "won back", "pass", "deployable", "if allowed")
    for scheme, entry in judged.items():
        rows = []
        for row in (row for row in entry["rows"] if row["recipe"] != PLAIN):
            name, recipe = row["activation"], row["recipe"]
            taken = seconds.get(scheme, {}).get(recipe, {}).get(name)
            rows.append(
                [
                    name,
                    f"{recipe} (chosen)" if entry["chosen"]["recipes"][name] == recipe else recipe,
                    _rate(row_of(entry, name, PLAIN), unit, DROP),
                    _rate(row, unit, DROP),
                    _rate(row, unit, WON, sign=True),
                    passes(row, config.seeds),
                    _deployable(row),
                    "n/a" if (least := row["drop_to_deploy"]) is None else unit.number(upwards(least, unit)),
                    _from(entry, name, recipe),
                    "" if row["steps"] is None else f"{row['steps']:,}",
                    "" if taken is None else number(taken, 2),
                ]
            )
        caption = (
            f"{scheme}: {unit.amount} of {unit.noun} lost without and with repair, means with 95 % intervals, on the "
            "half of the held-out points that chose nothing. Won back: paired by seed. If allowed: the least allowed "
            "loss with which it would be deployable, n/a where it would be with none."
        )
        head = ["Activation", *heads, "from bits", "training steps", "seconds per network"]
        made.append({"caption": caption, "head": head, "rows": rows})
        made += [_repaired_cliff(config, once[scheme], unit)] if scheme in once else []
    return made


def _repaired_cliff(config: "StudyConfig", cliff: Mapping[str, Any], unit: Unit) -> Table:
    rows = []
    for point in cliff["curve"]:
        ways = point["plain"], point["repaired"]
        rows.append([point["scheme"], *(cell for way in ways for cell in _point(way, config.seeds, unit))])
    heads = (f"{what} {how}" for how in ("without", "with") for what in ("loss", "pass", "deployable"))
    caption = (
        f"{cliff['activation']} without and with {cliff['recipe']} at every width that was measured: {unit.amount} of "
        f"{unit.noun} lost, mean with its 95 % interval."
    )
    return {"caption": caption, "head": ["Scheme", *heads], "rows": rows}


def _point(way: Mapping[str, Any], networks: int, unit: Unit) -> list[str]:
    return [_rate(way, unit, DROP), passes(way, networks), "yes" if way["deployable"] else "no"]


def _deployable(row: Mapping[str, Any]) -> str:
    if not row["deployable"]:
        return "no"
    return "yes" if is_fact(row["stability"]) else "yes (open)"


def _from(entry: Mapping[str, Any], name: str, recipe: str) -> str:
    cliff = entry["cliff"]
    if not cliff or (cliff["activation"], cliff["recipe"]) != (name, recipe):
        return "not measured"
    return f"more than {cliff['curve'][-1]['bits']}" if cliff["from_bits"] is None else str(cliff["from_bits"])


def _rate(
    three: Mapping[str, Any], unit: Unit, keys: Sequence[str] = ("mean", "low", "high"), *, sign: bool = False
) -> str:
    return unit.with_interval([real(three[key]) for key in keys], sign=sign)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else number(value, 3)
