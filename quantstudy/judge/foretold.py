"""What was expected before any task was looked at, against what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from quantstudy.config.tasks import BEYOND, KNOWN, PREDICTION
from quantstudy.judge.statistics.seeds import json_number

SCHEME = "w4a4"
"""What was predicted of."""


def foretold(
    scheme: str, targets: Sequence[str], beyond: Mapping[str, Any], cause: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the prediction beside what was found; None where other tasks, or another scheme, were studied.

    Args:
        scheme: that was judged.
        targets: the tasks.
        beyond: what each activation loses on those nobody tuned on (`judge.tasks`).
        cause: see `task_cause`.

    Returns:
        `{"date", "activation", "least": the activation that loses least, "numbers": {name: {"expected", "from", "to",
        "found", "low", "high", "inside": whether what was found lies in the range expected}}}`; `low` and `high` are
        None where a number has no interval, `found` where there is none.
    """
    if scheme != SCHEME or set(targets) - set(KNOWN) != set(BEYOND) or not beyond["tasks"]:
        return None
    name, over = PREDICTION.activation, cause["all"]
    regrets = {kind: beyond["regret"][kind][name] for kind in ("classes", "regression")}
    found: dict[str, Any] = {
        "best_or_tied": {"mean": beyond["share_best_or_tied"][name]},
        "regret_points": _times(regrets["classes"], 100.0),
        "regret_db": _times(regrets["regression"], 1.0),
        "bound_helps": {"mean": over["helps"]},
        "bound_rho": over["rho"],
        "one_curve": over["explained"],
        "db_per_bit": cause["regression"]["slope"],
        "shape": over["shape"],
    }
    expected = asdict(PREDICTION)
    numbers = {
        key: {"expected": expected[key]["value"], "from": expected[key]["low"], "to": expected[key]["high"]}
        | _outcome(three or {}, expected[key])
        for key, three in found.items()
    }
    least = beyond["least"]["activation"]
    return {"date": PREDICTION.date, "activation": name, "least": least, "numbers": numbers}


def _times(three: Mapping[str, float | None] | None, scale: float) -> dict[str, float | None]:
    return {key: None if value is None else json_number(scale * value) for key, value in (three or {}).items()}


def _outcome(three: Mapping[str, float | None], expected: Mapping[str, float]) -> dict[str, Any]:
    mean = three.get("mean")
    inside = None if mean is None else expected["low"] <= mean <= expected["high"]
    return {"found": mean, "low": three.get("low"), "high": three.get("high"), "inside": inside}
