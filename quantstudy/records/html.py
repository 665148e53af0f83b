"""A run as a notebook shows it: the summary, and the ranking at the focus scheme."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any


def run_html(folder: Path, scheme: str, verdict: Mapping[str, Any] | None) -> str:
    """Return HTML without scripts: the summary's lines, and the ranking at one scheme in percent.

    Args:
        folder: folder of the run.
        scheme: scheme whose ranking is shown.
        verdict: the content of verdict.json, None if there is none yet.
    """
    head = f"<b>quantstudy run</b> <code>{escape(str(folder))}</code>"
    if verdict is None:
        return f"<div>{head}<p>No verdict yet: finish the run first.</p></div>"
    lines = "".join(f"<li>{escape(line)}</li>" for line in verdict.get("summary", []))
    return f"<div>{head}<ul>{lines}</ul>{_ranking(scheme, verdict['schemes'].get(scheme))}</div>"


def _ranking(scheme: str, judged: Mapping[str, Any] | None) -> str:
    if judged is None:
        return ""
    heads = "".join(
        f"<th>{text}</th>" for text in (escape(scheme), "accuracy, %", "95 % interval", "drop", "deployable")
    )
    rows = "".join(_row(entry) for entry in judged["ranking"])
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _row(entry: Mapping[str, Any]) -> str:
    interval = "" if entry["low"] is None else f"{_percent(entry['low'])} to {_percent(entry['high'])}"
    cells = (escape(entry["activation"]), _percent(entry["mean"]), interval, _percent(entry["drop"]))
    said = "yes" if entry["deployable"] else "no"
    return f"<tr>{''.join(f'<td>{text}</td>' for text in (*cells, said))}</tr>"


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f}"
