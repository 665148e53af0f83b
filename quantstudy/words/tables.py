"""The numbers of what is asked beyond the schemes, as tables of the page: one list of them per figure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quantstudy.words.figures.cliff import doubt
from quantstudy.words.numbers import number, plural, real, with_interval
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

Table = dict[str, Any]

PARTS = {"weights": "weights", "activations": "activations", "both": "both"}


def tables(config: "StudyConfig", verdict: Mapping[str, Any]) -> dict[str, list[Table]]:
    """Return the tables of every figure that has some: `caption`, `head` and `rows` of texts; the first column names.

    Args:
        config: the study.
        verdict: verdict.json.
    """
    makers = {"bit_cliff": _bit_cliff, "placement": _placement, "sensitivity": _sensitivity, "cause": _cause}
    made = {name: make(config, verdict[name]) for name, make in makers.items() if verdict.get(name)}
    for row in (row for tables in made.values() for table in tables for row in table["rows"]):
        row[0] = marked(row[0], verdict["not_learned"])
    return made


def _bit_cliff(config: "StudyConfig", judged: Mapping[str, Any]) -> list[Table]:
    head, rows = ["Activation"], []
    for part in PARTS.values():
        head += [f"{part}: deployable from", f"{part}: flips ≤ 5 %", f"{part}: flips ≤ 1 %"]
    for name in config.activations:
        row = [name]
        for part in PARTS:
            one = judged[part][name]
            row += [
                _bits(one["deployable"]) + doubt(one["deployable"]),
                _bits(one["smallest"]["0.05"]),
                _bits(one["smallest"]["0.01"]),
            ]
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
    made = []
    for scheme, one in judged.items():
        ends = ("regret", "regret_low", "regret_high")
        rows = [[name, with_interval([real(one[end][name]) for end in ends])] for name in config.activations]
        caption = (
            f"{scheme}: points of accuracy lost against the best of each of "
            f"{plural(len(one['settings']), 'setting')}, mean with its 95 % interval; less is better."
        )
        made.append({"caption": caption, "head": ["Activation", "loss"], "rows": rows})
    return made


def _sensitivity(config: "StudyConfig", judged: Mapping[str, Any]) -> list[Table]:
    made = []
    for scheme, one in judged.items():
        layers = [layer["layer"] for layer in next(iter(one.values()))["layers"]]
        rows = [
            [name, _rate(one[name]["total"]), *(_rate(layer["shapley"]) for layer in one[name]["layers"])]
            for name in config.activations
        ]
        head = ["Activation", "all layers", *(f"layer {layer}" for layer in layers)]
        caption = f"{scheme}: flip rate in %, and each layer's Shapley share of it, with 95 % intervals."
        made.append({"caption": caption, "head": head, "rows": rows})
    return made


def _cause(config: "StudyConfig", judged: Mapping[str, Any]) -> list[Table]:
    return [
        {
            "caption": f"{scheme}: difference of accuracy after quantization in points, paired by seed.",
            "head": ["In words", "variant", "against", "difference", "p (Holm)"],
            "rows": [
                [row["sentence"], row["variant"], row["against"], _rate(row, sign=True), _p(real(row["p_holm"]))]
                for row in rows
            ],
        }
        for scheme, rows in judged.items()
        if scheme == config.focus_scheme
    ]


def _rate(three: Mapping[str, Any], *, sign: bool = False) -> str:
    return with_interval([real(three[key]) for key in ("mean", "low", "high")], sign=sign)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else number(value, 3)
