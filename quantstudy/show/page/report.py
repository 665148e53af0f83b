"""report.html: one self-contained page with the verdict in words, the figures, tables, settings and definitions."""

import base64
import struct
import zlib
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from quantstudy.drift import catalogue
from quantstudy.quantize.scheme import Scheme
from quantstudy.records.files import write_atomically
from quantstudy.records.provenance import described
from quantstudy.show.names import figure_files
from quantstudy.show.page.tables import tables
from quantstudy.words.headline import headline, outcome
from quantstudy.words.numbers import listed, number, percent, plural, points, real, traits_of
from quantstudy.words.verdict import UNLEARNED, limit

if TYPE_CHECKING:
    import pandas as pd

    from quantstudy.records.run import Run

QUESTIONS = {
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
"""The question that each figure answers."""

GROUPS = {
    "Decisions": catalogue.DECISION_METRICS,
    "Folds, isolated and accumulated": catalogue.FOLD_METRICS,
    "Complexity of the float folds": catalogue.COMPLEXITY_METRICS,
    "Ranges and codes": catalogue.RANGE_METRICS,
}
"""The catalogue's metrics under the headings of the page."""

Row = dict[str, Any]


def write_report(run: "Run") -> Path:
    """Write report.html into the run's folder, atomically; figures that exist there are embedded.

    Raises:
        OSError: disk full, read-only folder.
    """
    path = run.folder / "report.html"
    write_atomically(path, report(run).encode("utf-8", "backslashreplace"))  # its folder's name may be no text
    return path


def report(run: "Run") -> str:
    """Return the page as HTML: no script, nothing fetched from anywhere, every text escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(files("quantstudy.show.page").joinpath("report.html.j2").read_text("utf-8"))
    verdict, manifest, config = run.verdict(), run.manifest(), run.config
    return template.render(
        name=config.name,
        folder=run.folder.name,
        headline=headline(config, verdict),
        seeds=plural(config.seeds, "seed"),
        one_seed=config.seeds == 1,
        allowed=number(100.0 * config.allowed_drop),
        learned=f"{limit(config.learned)} %",
        schemes=[_scheme(scheme, verdict["schemes"]) for scheme in config.schemes if str(scheme) in verdict["schemes"]],
        summary=verdict["summary"],
        figures=[_figure(path) for path in figure_files(run) if path.exists()],
        tables=tables(config, verdict),
        parity=_parity(run.plans(), config.grid),
        undefined=_undefined(run.undefined()),
        config={key: _shown(value) for key, value in asdict(config).items()},
        provenance=_provenance(manifest),
        groups={title: list(group.values()) for title, group in GROUPS.items()},
        views=list(catalogue.VIEWS.values()),
    )


def _scheme(scheme: Scheme, judged: dict[str, Any]) -> Row:
    found = judged[str(scheme)]
    return {
        "name": str(scheme),
        "words": _in_words(scheme),
        "outcome": outcome(found),
        "reason": found["reason"],
        "ranking": [_entry(entry, found["tied_with"]) for entry in found["ranking"]],
        "more_seeds": [_more_seeds(pair) for pair in found["more_seeds"]],
    }


def _in_words(scheme: Scheme) -> str:
    parts = []
    if scheme.weights is not None:
        parts.append(f"{scheme.weights.bits}-bit weights")
    if scheme.activations is not None:
        how = "ranges per token at run time" if scheme.dynamic else "fixed ranges"
        parts.append(f"{scheme.activations.bits}-bit activations ({how})")
    return " and ".join(parts) + ("" if len(parts) > 1 else ", the rest float")


def _entry(entry: dict[str, Any], tied: list[str]) -> Row:
    value = {key: real(kind) for key, kind in entry.items() if _is_real(kind)}
    places = 2 if abs(value["drop"]) < 0.02 else 1
    behind = number(100.0 * value["difference_to_best"], places)
    name = entry["activation"]
    return {
        "activation": name if entry["learned"] else f"{name} ({UNLEARNED})",
        "deployable": entry["deployable"],
        "missing": f"{plural(entry['missing'], 'network')} without a finite value" if entry["missing"] else "",
        "tied": entry["activation"] in tied,
        "accuracy": percent(value["mean"], places),
        "accuracy_interval": points(value["low"], value["high"], places),
        "drop": number(100.0 * value["drop"], places),
        "drop_interval": points(value["drop_low"], value["drop_high"], places),
        "behind": behind,
        "behind_interval": points(value["difference_low"], value["difference_high"], places),
        "chance": percent(value["probability_best"], 0),
        "flips": percent(value["flip_rate"], places),
        "flips_interval": points(value["flip_rate_low"], value["flip_rate_high"], places),
    }


def _more_seeds(pair: dict[str, Any]) -> str:
    """Return how many more seeds would tell two tied activations apart."""
    number = "no number within reach" if pair["seeds"] is None else f"about {pair['seeds']:,}"
    return f"{' and '.join(pair['pair'])}: {number}"


def _is_real(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _figure(path: Path) -> Row:
    data = path.read_bytes()
    text = _description(data) or QUESTIONS[path.stem]
    return {
        "name": path.stem,
        "question": QUESTIONS[path.stem],
        "alt": text,
        "data": base64.b64encode(data).decode("ascii"),
        "size": struct.unpack(">II", data[16:24]),
    }


def _description(data: bytes) -> str:
    """Return the text that `page.png` put into a PNG for whoever cannot see it; empty if there is none."""
    at = 8
    while at + 8 <= len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"tEXt" and body.startswith(b"Description\0"):
            return body.partition(b"\0")[2].decode("latin-1")
        if kind == b"iTXt" and body.startswith(b"Description\0"):
            packed, rest = body[len(b"Description\0")], body[len(b"Description\0") + 2 :]
            text = rest.split(b"\0", 2)[2]
            return (zlib.decompress(text) if packed else text).decode("utf-8")
        at += 12 + length
    return ""


def _parity(plans: "pd.DataFrame", grid: int) -> list[Row]:
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


def _undefined(table: "pd.DataFrame") -> list[Row]:
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


def _provenance(manifest: dict[str, Any]) -> dict[str, str]:
    found = {key: _shown(manifest[key]) for key in ("commit", "device", "arithmetic") if manifest.get(key)}
    if manifest.get("processor"):
        found["processor"] = described(manifest["processor"])
    if manifest.get("trained_by_reference"):
        found["no kernel, trained by the reference trainer"] = _shown(manifest["trained_by_reference"])
    for name, told in manifest.get("functions", {}).items():
        found |= {f"fingerprint of {name}": told["fingerprint"], f"traits of {name}": traits_of(told)}
    found |= {f"{key} version": _shown(value) for key, value in manifest.get("versions", {}).items()}
    seconds = {key: value for key, value in manifest.get("seconds", {}).items() if key not in ("judge", "draw")}
    return found | {f"seconds, {key}": _shown(value) for key, value in seconds.items()}  # drawing isn't over yet


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
