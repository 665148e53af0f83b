"""A run as a notebook shows it: the summary, and the ranking at the focus scheme."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

SHOWN = {"fraction": ("accuracy, %", 100.0), "dB": ("PSNR, dB", 1.0)}
"""What the measure that ranks is called in which unit, and how many of it are 1 of what verdict.json has."""


def run_html(folder: Path, scheme: str, verdict: Mapping[str, Any] | None) -> str:
    """Return HTML without scripts: the summary's lines, and the ranking at one scheme in percent or dB.

    Args:
        folder: folder of the run.
        scheme: scheme whose ranking is shown.
        verdict: the content of verdict.json, None if there is none yet.
    """
    head = f"<b>quantstudy run</b> <code>{escape(str(folder))}</code>"
    if verdict is None:
        return f"<div>{head}<p>No verdict yet: finish the run first.</p></div>"
    lines = "".join(f"<li>{escape(line)}</li>" for line in verdict.get("summary", []))
    return f"<div>{head}<ul>{lines}</ul>{_ranking(scheme, verdict)}</div>"


def _ranking(scheme: str, verdict: Mapping[str, Any]) -> str:
    judged = verdict["schemes"].get(scheme)
    if judged is None:
        return ""
    measure, scale = SHOWN[verdict["unit"]]
    heads = "".join(f"<th>{text}</th>" for text in (escape(scheme), measure, "95 % interval", "drop", "deployable"))
    rows = "".join(_row(entry, scale) for entry in judged["ranking"])
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _row(entry: Mapping[str, Any], scale: float) -> str:
    mean, low, high, drop = (_shown(entry[key], scale) for key in ("mean", "low", "high", "drop"))
    interval = "" if entry["low"] is None else f"{low} to {high}"
    cells = (escape(entry["activation"]), mean, interval, drop)
    said = "yes" if entry["deployable"] else "no"
    return f"<tr>{''.join(f'<td>{text}</td>' for text in (*cells, said))}</tr>"


def _shown(value: float | None, scale: float) -> str:
    return "n/a" if value is None else f"{scale * value:.1f}"
