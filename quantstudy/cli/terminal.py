"""What a person sees in a terminal: progress per stage, the verdict, the table of traits."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from quantstudy.activations.catalogue import ACTIVATIONS, ALIASES
from quantstudy.cli.layout import console, plain_table, print_rows, say
from quantstudy.cli.streams import notify
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Judged
from quantstudy.judge.facts import is_fact
from quantstudy.records.origins import changes
from quantstudy.records.run import Run
from quantstudy.words.numbers import plural
from quantstudy.words.things import unit_of
from quantstudy.words.units import UNITS, Unit
from quantstudy.words.verdict import UNLEARNED, marked

STAGES = {
    "train": "train networks",
    "measure": "quantize and measure",
    "vary": "vary what is quantized",
    "picture": "evaluate the median seed",
    "multiverse": "train and evaluate",
    "sweep": "train and measure",
    "recover": "repair",
    "judge": "judge",
    "draw": "draw figures",
    "cost": "measure costs",
    "compact": "compact",
}
"""What the stages of a command are called on the screen; a claim is called by its name."""

SHOWN = 12
"""Activations in the table of a verdict at most; verdict.json holds all."""

COMPARED = 8
"""Activations in the table of a comparison at most; compare.json holds all."""


def tell_changes(*runs: Run) -> None:
    """Say of every function from outside that finished runs were made with, if it is another one today."""
    for line in dict.fromkeys(line for run in runs for line in changes(run)):
        notify(line)


@contextmanager
def stage_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (stage, done, total) that draws a bar per stage; quiet where standard error is no terminal."""
    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield lambda stage, done, total: None
        return
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=screen, transient=True) as bars:
        tasks = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES.get(stage, stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def print_activations() -> None:
    """Print every activation with its traits, one row each; only the formula, last, takes several lines if it must."""
    table = plain_table("name", "range", "bends at", "mono-\ntonic", "gates", "f(x)", words=("f(x)",))
    other_names = {name: alias for alias, name in ALIASES.items() if alias != name.replace("_", "")}
    for activation in ACTIVATIONS.values():
        alias = other_names.get(activation.name)
        table.add_row(
            f"{activation.name} (= {alias})" if alias else activation.name,
            f"{_bound(activation.floor)} to {_bound(activation.ceiling)}",
            ", ".join(f"{bend:g}" for bend in activation.bends) or "none, smooth",
            *("yes" if trait else "no" for trait in (activation.monotonic, activation.gates)),
            activation.formula,
        )
    console().print(table)
    say("gates: exactly 0 on a half line, so that one neuron can switch itself off.")
    say(
        "NAME@CAP is min(f(x), CAP), for example relu@3. Any torch function will do: module:function, for example "
        "torch.nn.functional:softsign, or mine:wave of a file mine.py in the current folder."
    )


def print_verdict(config: StudyConfig, verdict: Mapping[str, Any], page: Path) -> None:
    """Print the ranking of the focus scheme and the verdict in words.

    With the article's seven activations and the default `bits` these are at most 25 lines in 200 columns, whatever the
    verdict, and the same sentences take at most 40 in 80 columns. No verdict takes more than the 60 lines of a page,
    with names of 30 characters at most.

    Args:
        config: the study.
        verdict: the content of verdict.json.
        page: the run's report.html, named last.
    """
    scheme = config.focus_scheme
    ranking = verdict["schemes"][scheme]["ranking"]
    unit, disturbed = unit_of(config), config.ranked.disturbed
    say(f"{scheme}: held-out {unit.noun} after quantization, mean over {plural(config.seeds, 'seed')}")
    print_rows(
        (
            "activation",
            f"{unit.noun}\n{unit.sign}",
            "95 %\ninterval",
            f"drop,\n{unit.amount}",
            "pass",
            *(("flips\n%",) if disturbed == "flip_rate" else ()),  # of PSNR the drop says it all
            "deploy?",
        ),
        (
            (
                row["activation"],
                _shown(row["mean"], unit),
                _interval(row["mean"], row["low"], row["high"], config.seeds, unit),
                _shown(row["drop"], unit),
                str(round(row["pass_share"] * config.seeds)),
                *((_shown(row[disturbed], unit),) if disturbed == "flip_rate" else ()),
                _fate(row),
            )
            for row in ranking[:SHOWN]
        ),
    )
    if len(ranking) > SHOWN:
        say(f"{len(ranking) - SHOWN} more are in verdict.json.")
    for line in verdict["summary"]:
        say(line)
    print(f"figures and page: {page}")


def _fate(row: Mapping[str, Any]) -> str:
    if row["deployable"]:
        return "yes" if is_fact(row["stability"]) else "open"
    if row["missing"]:
        return f"no: {row['missing']} NaN"
    return "no" if row["learned"] else UNLEARNED


def print_comparison(found: Mapping[str, Any], folder: Path) -> None:
    """Print how two runs differ (`compare.compare_runs`): the first schemes as a table, the rest in words, 30 lines."""
    from quantstudy.judge.compare import RANKED
    from quantstudy.words.compare import comparison_lines, pair_name, rows_of, shown_pair

    for key, run in found["runs"].items():
        print(f"{key.upper()}: {run['folder']}")
    pair = shown_pair(found)
    rows = rows_of(found, RANKED, pair)
    if not all(row["same"] for row in rows):
        seeds = found["seeds"]["paired"]
        say(f"{pair_name(*pair)}: held-out accuracy after quantization, mean over common seeds ({seeds})")
        headings = ("activation", "A\n%", "B\n%", "B − A,\npoints", "95 %\ninterval", "p\n(Holm)", "real")
        lost = {name for names in found["not_learned"].values() for name in names}
        print_rows(headings, ((marked(row["activation"], lost), *_compared(row)) for row in rows[:COMPARED]))
    for line in comparison_lines(found):
        say(line)
    print(f"figure and numbers: {folder / 'compare.png'}, compare.json")


def _compared(row: Mapping[str, Any]) -> Sequence[str]:
    unit = UNITS["fraction"]
    means = [_shown(row[key], unit) for key in ("mean_a", "mean_b", "difference")]
    interval = _interval(row["difference"], row["low"], row["high"], row["seeds"], unit)
    adjusted = "-" if row["p_holm"] is None else f"{row['p_holm']:.3f}"
    return (*means, interval, adjusted, "yes" if row["real"] else "no")


def print_multiverse(found: Mapping[str, Any], folder: Path) -> None:
    """Print what each activation loses under other choices (`multiverse.run_multiverse`), and that in words."""
    from quantstudy.words.multiverse import UNITS, ways
    from quantstudy.words.numbers import real
    from quantstudy.words.regret import amount

    name, unit, scale = UNITS[found["least_regret"]["metric"]]
    say(f"{found['scheme']}: {name} lost against the best of each of {ways(found)}, mean")
    rows = []
    for each in sorted(found["activations"], key=lambda each: (math.isnan(lost := real(found["regret"][each])), lost)):
        low, high = (found[key][each] for key in ("regret_low", "regret_high"))
        interval = "-" if low is None else f"{amount(low, scale)} to {amount(high, scale)}"
        shown = marked(each, found["not_learned"]["never"])
        rows.append((shown, amount(found["regret"][each], scale), interval, f"{found['mean_rank'][each]:.1f}"))
    print_rows(("activation", f"loss,\n{unit}", "95 %\ninterval", "mean\nrank"), rows)
    for line in found["summary"]:
        say(line)
    print(f"figure and numbers: {folder / 'figures' / 'multiverse.png'}, multiverse.json")


def print_swept(found: Mapping[str, Any], where: str) -> None:
    """Print what was found across a sweep (`sweep_report.report_sweep`): losses over all settings, and in words."""
    from quantstudy.words.sweep_tables import losses

    for title, rows in losses(found):
        say(title)
        print_rows(("activation", "loss", "95 %\ninterval"), rows[:SHOWN])
        if len(rows) > SHOWN:
            say(f"{len(rows) - SHOWN} more are in sweep.json.")
    for line in found["summary"]:
        say(line)
    print(f"figures and page: {where}/report.html")


def print_claim(result: Judged, folder: Path) -> None:
    """Print one claim, its verdict and what became of its parts: 95 % intervals stand in brackets."""
    from quantstudy.words.claims import effect, sentence

    for line in (result.claim.says, f"{result.claim.name}: {result.verdict}", sentence(result)):
        say(line)
    for outcome in result.outcomes:
        p = f", p (Holm) {outcome.p:.4f}" if math.isfinite(outcome.p) else ""
        role = "" if outcome.part.decides else " (beside)"
        role = ", the main part" if outcome.part.name == result.claim.main else role
        say(f"- {outcome.part.says}: {effect(outcome)}{p}: {outcome.verdict}{role}")
    print(f"ledger and figure: {folder / 'README.md'}, figures/{result.claim.name}.png")


def print_claims(results: Sequence[Judged], folder: Path) -> None:
    """Print every claim with its verdict, a line each."""
    table = plain_table("claim", "verdict", "what it says", words=("what it says",))
    for result in results:
        table.add_row(result.claim.name, result.verdict, Text(result.claim.says))  # brackets are no markup
    console().print(table)
    print(f"ledger, tables and figures: {folder / 'README.md'}")


def _shown(value: float | None, unit: Unit) -> str:
    return "-" if value is None else unit.bare(value)


def _interval(mean: float | None, low: float | None, high: float | None, seeds: int, unit: Unit) -> str:
    if low is None or high is None:
        return "-" if mean is None else "one seed" if seeds == 1 else "none"
    return f"{unit.bare(low)} to {unit.bare(high)}"


def _bound(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else ("-inf" if value < 0 else "inf")
