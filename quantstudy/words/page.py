"""What stands on the page of a run in words: questions, and rows of texts per scheme, backend check and metric."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from quantstudy.drift import catalogue
from quantstudy.judge.facts import SCORE
from quantstudy.quantize.formats import Format, IntFormat
from quantstudy.quantize.scheme import Scheme
from quantstudy.records.provenance import described
from quantstudy.words.deployable import passes
from quantstudy.words.headline import outcome
from quantstudy.words.numbers import limit, listed, listing, percent, plural, real, traits_of
from quantstudy.words.things import things_of, unit_of
from quantstudy.words.units import Unit
from quantstudy.words.verdict import UNLEARNED, more_seeds

if TYPE_CHECKING:
    import pandas as pd

    from quantstudy.config.study import StudyConfig

FIGURE_QUESTIONS = {
    "verdict": "Which activation can be deployed?",
    "heatmap_decision": "Which activation flips fewer pixels, and how sure is that?",
    "bit_cliff": "From how many bits on is it safe?",
    "recover": "How much of the loss does a repair win back?",
    "engines": "Do real engines compute what was simulated?",
    "placement": "Does the answer depend on how it is quantized?",
    "sensitivity": "Which layer does the damage?",
    "cause": "How much of hardgelu's advantage is its bound, its shape, its calibration?",
    "maps": "What happens to the islands?",
    "folds": "What happens to the folds inside?",
    "heatmap_folds": "Where does the noise come from?",
    "ranges": "How do the outputs fill the quantizer's range?",
}
"""Every figure by its name, in the order of the page, and the question that it answers about islands."""

GROUPS = {
    "Decisions": catalogue.DECISION_METRICS | catalogue.CLASS_METRICS,
    "At held-out points": catalogue.HELDOUT_METRICS,
    "Numbers": catalogue.NUMBER_METRICS,
    "Folds, isolated and accumulated": catalogue.FOLD_METRICS,
    "Complexity of the float folds": catalogue.COMPLEXITY_METRICS,
    "Ranges and codes": catalogue.RANGE_METRICS,
}
"""The catalogue's metrics under the headings of the page."""

HELDOUT = "Points that no network was trained on or calibrated with."

Row = dict[str, Any]


def question(name: str, config: "StudyConfig") -> str:
    """Return the question that a figure answers.

    >>> from quantstudy.config.study import StudyConfig
    >>> question("maps", StudyConfig()), question("maps", StudyConfig(target="sine", task="regression"))
    ('What happens to the islands?', 'What happens to the curve?')
    """
    things = things_of(config)
    which = "loses least" if config.task == "regression" else f"flips fewer {things.flipped}"
    other = {
        "heatmap_decision": f"Which activation {which}, and how sure is that?",
        "maps": f"What happens to the {things.learnt}?",
    }
    return other.get(name, FIGURE_QUESTIONS[name])


def scheme_text(scheme: Scheme, judged: Mapping[str, Any], unit: Unit) -> Row:
    """Return a scheme of the verdict as texts."""
    found = judged[str(scheme)]
    return {
        "name": str(scheme),
        "words": _in_words(scheme),
        "outcome": outcome(found),
        "reason": found["reason"],
        "ranking": [_entry(entry, found, unit) for entry in found["ranking"]],
        "more_seeds": [f"{listing(pair['pair'])}: {more_seeds(pair)}" for pair in found["more_seeds"]],
    }


def _in_words(scheme: Scheme) -> str:
    parts = []
    if scheme.weights is not None:
        parts.append(f"{_numbers(scheme.weights)} weights")
    if scheme.activations is not None:
        how = "ranges per token at run time" if scheme.dynamic else "fixed ranges"
        parts.append(f"{_numbers(scheme.activations)} activations ({how})")
    last = f"; last layer: {_in_words(scheme.last)}" if scheme.last else ""
    return " and ".join(parts) + ("" if len(parts) > 1 else ", the rest float") + last


def _numbers(form: Format) -> str:
    return f"{form.bits}-bit" if isinstance(form, IntFormat) else form.name.replace("_", " ")


def _entry(entry: dict[str, Any], judged: Mapping[str, Any], unit: Unit) -> Row:
    value = {key: real(kind) for key, kind in entry.items() if _is_real(kind)}
    places = unit.places(value["drop"])
    name, score = entry["activation"], SCORE[unit.name]
    changed = "flip_rate" if "flip_rate" in entry else "psnr_drop"
    return {
        "activation": name if entry["learned"] else f"{name} ({UNLEARNED})",
        "deployable": entry["deployable"],
        "missing": f"{plural(entry['missing'], 'network')} without a finite value" if entry["missing"] else "",
        "tied": entry["activation"] in judged["tied_with"],
        "score": unit.shown(value["mean"], places),
        "score_interval": unit.interval(value["low"], value["high"], places),
        "drop": unit.number(value["drop"], places),
        "drop_interval": unit.interval(value["drop_low"], value["drop_high"], places),
        "passes": passes(entry, judged["seeds"]),
        "worst": unit.shown(value["worst"], places),
        "bound": unit.number(value["drop_bound"], places),
        "best_of": [f"{row['n']}: {unit.shown(real(row[score]), places)}" for row in entry["best_of"]],
        "behind": unit.number(value["difference_to_best"], places),
        "behind_interval": unit.interval(value["difference_low"], value["difference_high"], places),
        "chance": percent(value["probability_best"], 0),
        "changed": unit.shown(value[changed], places),
        "changed_interval": unit.interval(value[f"{changed}_low"], value[f"{changed}_high"], places),
    }


def _is_real(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def parity_rows(plans: "pd.DataFrame", points: int) -> list[Row]:
    """Return one row per scheme; the records hold a row per weight and one per network, nulls elsewhere.

    Args:
        plans: plans.parquet.
        points: at how many a network is measured.
    """
    checks = plans[plans["backend"] == "torchao"]
    rows = []
    for scheme, part in checks.groupby("scheme", observed=True, sort=False):
        networks = len(part[["activation", "seed"]].drop_duplicates())
        weights = part["weights_equal"].dropna()
        equal = int(weights.astype(bool).sum())
        rows.append(
            {
                "scheme": str(scheme),
                "networks": f"{networks:,}",
                "equal": f"all {len(weights):,}" if equal == len(weights) else f"{equal:,} of {len(weights):,}",
                "logit": f"{real(part['max_abs_logit_difference'].max()):.2g}",
                "flips": f"{real(part['flips'].sum()):,.0f} of {networks * points:,}",
            }
        )
    return rows


def undefined_rows(table: "pd.DataFrame") -> list[Row]:
    """Return the metrics with undefined values where they are defined for some network of the scheme and layer."""
    table = table[(table["undefined"] > 0) & (table["undefined"] < table["count"])]
    rows = []
    for metric, part in table.groupby("metric", observed=True):
        undefined, count = int(part["undefined"].sum()), int(part["count"].sum())
        rows.append(
            {
                "metric": str(metric),
                "undefined": f"{undefined:,}",
                "count": f"{count:,}",
                "share": percent(undefined / count),
                "schemes": listed([str(scheme) for scheme in part["scheme"]], 6),
            }
        )
    return rows


def provenance_text(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what a run was made with, by what each thing is called."""
    found = {key: setting_text(manifest[key]) for key in ("commit", "device", "arithmetic") if manifest.get(key)}
    if manifest.get("processor"):
        found["processor"] = described(manifest["processor"])
    if manifest.get("trained_by_reference"):
        found["no kernel, trained by the reference trainer"] = setting_text(manifest["trained_by_reference"])
    for name, function in manifest.get("functions", {}).items():
        found |= {f"fingerprint of {name}": function["fingerprint"], f"traits of {name}": traits_of(function)}
    found |= {f"{key} version": setting_text(value) for key, value in manifest.get("versions", {}).items()}
    seconds = {key: value for key, value in manifest.get("seconds", {}).items() if key not in ("judge", "draw")}
    return found | {f"seconds, {key}": setting_text(value) for key, value in seconds.items()}  # drawing isn't over yet


def groups(config: "StudyConfig", recorded: Collection[str]) -> dict[str, list[catalogue.Metric]]:
    """Return the metrics under the headings of the page, those that a run has; headings without any are left out.

    Args:
        config: the study.
        recorded: names of the metrics of its networks and layers; those of neurons alone stand where there is a plane.
    """
    stems = {name.removesuffix("_isolated").removesuffix("_accumulated") for name in recorded}

    def has(one: catalogue.Metric) -> bool:
        return config.has_plane if one.scope == ("neuron",) else one.name in stems

    found = {title: [one for one in group.values() if has(one)] for title, group in GROUPS.items()}
    return {title: metrics for title, metrics in found.items() if metrics}


def texts(config: "StudyConfig", verdict: Mapping[str, Any]) -> dict[str, str]:
    """Return what the page says of a study in its own unit and words, by the names that the template has for it."""
    unit, things = unit_of(config), things_of(config)
    line = unit.value if verdict["learned_from"] else unit.least  # as many digits as were given, if any were
    return {
        "allowed": f"{unit.number(verdict['allowed_drop'])} {unit.amount}",
        "learned": line(verdict["learned"]),
        "right": unit.right,
        "noun": unit.noun,
        "head": unit.title,
        "amount": unit.amount,
        "reach": "get" if unit.gets == "gets" else "reach",
        "point": things.points.removesuffix("s"),
        "drops": "percentage points" if unit.amount == "points" else unit.amount,
        **things._asdict(),
        **(_of_classes(config) if config.task == "classes" else _of_numbers(config)),
    }


def _of_classes(config: "StudyConfig") -> dict[str, str]:
    things, islands = things_of(config), config.target == "islands"
    decided = "The network's logit over the plane; a pixel is island where the logit is above 0, else sea."
    heldout = "Points half a pixel beside those of the plane: no network was trained on them or calibrated with them."
    return {
        "changes": "Flip rate",
        "inputs": "two inputs" if islands else "inputs",
        "whole": "logit",
        "last": "logit (the last layer's output)",
        "whole_article": "a logit",
        "decided": decided if islands else "The class with the largest output; of two, whether the logit is above 0.",
        "map": "decision map" if islands else "decision",
        "heldout": heldout if islands else HELDOUT,
        "differ": f"{things.points.capitalize()} that differ in class",
        "otherwise": f"decides at most 0.1 % of the {things.points} otherwise",
    }


def _of_numbers(config: "StudyConfig") -> dict[str, str]:
    things, share = things_of(config), f"more than {percent(catalogue.TOLERANCE, 0)} of the labels' range"
    return {
        "changes": f"PSNR drop {things.over}",
        "inputs": "inputs",
        "whole": "output",
        "last": "last layer's output",
        "whole_article": "an output",
        "decided": "What the network puts out: numbers, on the scale of the labels that it was trained on.",
        "map": "output",
        "heldout": HELDOUT,
        "differ": f"{things.points.capitalize()} that differ by {share}",
        "otherwise": f"is off by {share} at 0.1 % of the {things.points} at most",
    }


def floor(min_accuracy: float) -> str:
    """Return what is asked of every single network besides; empty if nothing is.

    >>> floor(0.9), floor(0.0)
    (', and every one gets 90.0 % or more right', '')
    """
    return f", and every one gets {limit(min_accuracy)} % or more right" if min_accuracy else ""


def setting_text(value: object) -> str:
    """Return a setting as texts are read."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
