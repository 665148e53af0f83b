"""What stands on the picture of a comparison of two runs."""

from collections.abc import Mapping
from typing import Any

from quantstudy.judge.compare import FLIPS, FLOAT, HIGHER_IS_BETTER, RANKED
from quantstudy.words.compare import caveat, fields, other_functions, pair_name, verdict_changes
from quantstudy.words.numbers import drawable, listed, plural

SECTIONS = {
    FLOAT: "Accuracy in float",
    RANKED: "Accuracy after quantization",
    FLIPS: "Flip rate: share of points whose class the quantization changes",
}
"""What is drawn, from the top."""
CHANGES = "What differs, A → B"
"""The heading of `changes`."""


def title(found: Mapping[str, Any]) -> str:
    """Return how many quantized accuracies really rise and fall from run A to run B."""
    a, b = (found["runs"][key]["folder"].rstrip("/").rpartition("/")[2] or "run" for key in ("a", "b"))
    between = f"{drawable(b)} (B) against {drawable(a)} (A)"
    rows = [row for row in found["comparisons"] if row["metric"] == RANKED]
    if found["same"]:
        return f"{between}: no differences"
    if all(row["same"] for row in found["comparisons"]):
        return f"{between}: the same numbers"
    if found["seeds"]["paired"] == 1:
        return f"{between}: one common seed tells no difference from chance"
    counts = {word: sum(row["better"] is better for row in rows) for word, better in (("rise", True), ("fall", False))}
    if caveat(found):
        return f"{between}: {plural(found['seeds']['paired'], 'common seed')} are too few to tell them apart"
    said = [f"{count} really {word}" for word, count in counts.items() if count] or ["none really differs"]
    return f"{between}: of {len(rows)} quantized {'accuracy' if len(rows) == 1 else 'accuracies'}, {listed(said)}"


def reading(found: Mapping[str, Any]) -> str:
    """Return how to read the figure."""
    seeds = found["seeds"]["paired"]
    if seeds == 1:
        return f"B − A at the one seed that both runs have. {caveat(found)}"
    return (
        f"B − A, mean over {plural(seeds, 'common seed')}, paired by seed, with its 95 % interval. Filled: real. "
        f"{caveat(found)}"
    ).strip()


def caption(found: Mapping[str, Any]) -> str:
    """Return the small print."""
    missing = sum(row["missing"] for row in found["comparisons"])
    lost = f" {plural(missing, 'pair')} left out because a value is missing or not finite." if missing else ""
    return (
        "Real: the paired comparison tells the two runs apart after Holm's correction over all comparisons of the "
        "metric, and its 95 % bootstrap interval leaves out 0. Panels side by side share an axis. Simulated backend. "
        f"Points are hundredths.{lost}"
    )


def which_way(metric: str) -> str:
    """Return which way of a metric is better."""
    return f"{'higher' if HIGHER_IS_BETTER[metric] else 'lower'} is better"


def changes(found: Mapping[str, Any]) -> list[str]:
    """Return what differs, a text each: settings, what the runs were made with, functions, then the verdicts."""
    texts = [f"settings: {fields(found['settings'])}", f"made with: {fields(found['made_with'])}"]
    texts += other_functions(found["functions"])
    if found["seeds"]["paired"] > 1:
        said: dict[str, list[str]] = {}
        for entry in (entry for entry in found["verdicts"] if entry["changed"]):
            said.setdefault(verdict_changes(entry), []).append(pair_name(entry["scheme_a"], entry["scheme_b"]))
        texts += [f"{listed(names)}: {text}" for text, names in said.items()] or ["verdicts: unchanged"]
    return texts


def the_same(titles: list[str]) -> str:
    """Return that nothing differs at some pairs of schemes, or in float.

    >>> the_same(["float"]), the_same(["w4", "a4"])
    ('the same to the last digit', 'w4 and a4: the same to the last digit')
    """
    who = "" if titles == ["float"] else f"{listed(titles)}: "
    return f"{who}the same to the last digit"


def summary(real: int, count: int, *, same: bool) -> str:
    """Return what stands above a panel.

    >>> summary(2, 7, same=False)
    '2 of 7 real'
    """
    return "all the same" if same else f"{real} of {count} real"


def kinds(seeds: int) -> tuple[str, str, str]:
    """Return what the legend says of the marks: better, worse, and neither."""
    return "B is better", "B is worse", "one seed: shown, not judged" if seeds == 1 else "not told apart"
