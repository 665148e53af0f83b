"""What stands on the page of a run in words: questions, and rows of texts per scheme, backend check and metric."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quantstudy.drift import catalogue
from quantstudy.quantize.scheme import Scheme
from quantstudy.records.provenance import described
from quantstudy.words.deployable import passes
from quantstudy.words.headline import outcome
from quantstudy.words.numbers import interval, limit, listed, listing, number, percent, plural, real, traits_of
from quantstudy.words.verdict import UNLEARNED, more_seeds

if TYPE_CHECKING:
    import pandas as pd

FIGURE_QUESTIONS = {
    "verdict": "Which activation can be deployed?",
    "heatmap_decision": "Which activation flips fewer pixels, and how sure is that?",
    "bit_cliff": "From how many bits on is it safe?",
    "placement": "Does the answer depend on how it is quantized?",
    "sensitivity": "Which layer does the damage?",
    "cause": "How much of hardgelu's advantage is its bound, its shape, its calibration?",
    "maps": "What happens to the islands?",
    "folds": "What happens to the folds inside?",
    "heatmap_folds": "Where does the noise come from?",
    "ranges": "How do the outputs fill the quantizer's range?",
}
"""Every figure by its name, in the order of the page, and the question that it answers."""

GROUPS = {
    "Decisions": catalogue.DECISION_METRICS,
    "At held-out points": catalogue.HELDOUT_METRICS,
    "Folds, isolated and accumulated": catalogue.FOLD_METRICS,
    "Complexity of the float folds": catalogue.COMPLEXITY_METRICS,
    "Ranges and codes": catalogue.RANGE_METRICS,
}
"""The catalogue's metrics under the headings of the page."""

Row = dict[str, Any]


def scheme_text(scheme: Scheme, judged: Mapping[str, Any]) -> Row:
    """Return a scheme of the verdict as texts."""
    found = judged[str(scheme)]
    return {
        "name": str(scheme),
        "words": _in_words(scheme),
        "outcome": outcome(found),
        "reason": found["reason"],
        "ranking": [_entry(entry, found) for entry in found["ranking"]],
        "more_seeds": [f"{listing(pair['pair'])}: {more_seeds(pair)}" for pair in found["more_seeds"]],
    }


def _in_words(scheme: Scheme) -> str:
    parts = []
    if scheme.weights is not None:
        parts.append(f"{scheme.weights.bits}-bit weights")
    if scheme.activations is not None:
        how = "ranges per token at run time" if scheme.dynamic else "fixed ranges"
        parts.append(f"{scheme.activations.bits}-bit activations ({how})")
    return " and ".join(parts) + ("" if len(parts) > 1 else ", the rest float")


def _entry(entry: dict[str, Any], judged: Mapping[str, Any]) -> Row:
    value = {key: real(kind) for key, kind in entry.items() if _is_real(kind)}
    places = 2 if abs(value["drop"]) < 0.02 else 1
    behind = number(100.0 * value["difference_to_best"], places)
    name = entry["activation"]
    return {
        "activation": name if entry["learned"] else f"{name} ({UNLEARNED})",
        "deployable": entry["deployable"],
        "missing": f"{plural(entry['missing'], 'network')} without a finite value" if entry["missing"] else "",
        "tied": entry["activation"] in judged["tied_with"],
        "accuracy": percent(value["mean"], places),
        "accuracy_interval": interval(value["low"], value["high"], places),
        "drop": number(100.0 * value["drop"], places),
        "drop_interval": interval(value["drop_low"], value["drop_high"], places),
        "passes": passes(entry, judged["seeds"]),
        "worst": percent(value["worst"], places),
        "bound": number(100.0 * value["drop_bound"], places),
        "best_of": [f"{row['n']}: {percent(real(row['accuracy']), places)}" for row in entry["best_of"]],
        "behind": behind,
        "behind_interval": interval(value["difference_low"], value["difference_high"], places),
        "chance": percent(value["probability_best"], 0),
        "flips": percent(value["flip_rate"], places),
        "flips_interval": interval(value["flip_rate_low"], value["flip_rate_high"], places),
    }


def _is_real(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def parity_rows(plans: "pd.DataFrame", grid: int) -> list[Row]:
    """Return one row per scheme; the records hold a row per weight and one per network, nulls elsewhere."""
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
                "flips": f"{real(part['flips'].sum()):,.0f} of {networks * grid * grid:,}",
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
