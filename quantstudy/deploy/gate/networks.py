"""Which networks of a finished run are gated, and what of each of them a limit bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantstudy.activations.catalogue import canonical_name
from quantstudy.config.gate import KINDS, GateConfig, option_of
from quantstudy.errors import BadInput
from quantstudy.judge.statistics.bootstrap import ERROR, Floats
from quantstudy.judge.statistics.seeds import by_seed
from quantstudy.records.run import Run


@dataclass(frozen=True)
class Gated:
    """The networks that are gated.

    Attributes:
        activation: theirs.
        scheme: how they are quantized.
        recipe: by what they are repaired; empty: by nothing.
        chosen_of: of how many activations this one was chosen as the best by the same networks; 1: it was named.
    """

    activation: str
    scheme: str
    recipe: str
    chosen_of: int

    @property
    def error(self) -> float:
        """The error of a bound of their share: divided among all activations of which the best was chosen.

        The best of several is best by luck, too: a bound of 95 % of it would be above the truth more often than said.
        """
        return ERROR / self.chosen_of


def gated_of(run: Run, asked: GateConfig) -> Gated:
    """Return which networks of a run are gated.

    Raises:
        BadInput: the run has not measured such networks.
        StudyFailure: its verdict is missing or damaged.
    """
    config = run.config
    scheme = asked.scheme or config.focus_scheme
    if asked.recipe:
        known = _repaired(run, asked.recipe, scheme)
    else:
        names = [str(one) for one in config.all_schemes]
        if scheme not in names:
            raise BadInput("scheme", scheme, f"those that the run has measured: {', '.join(names)}")
        known = config.activations
    if asked.activation:
        return Gated(_known(asked.activation, known), scheme, asked.recipe, 1)
    verdict = run.verdict()
    repaired = verdict.get("recover", {}).get(scheme, {}).get("chosen", {})
    best = repaired.get("activation") if asked.recipe else verdict["schemes"].get(scheme, {}).get("best")
    if best not in known:
        raise BadInput("activation", "none", f"the verdict names no best there; name one: {', '.join(known)}")
    return Gated(best, scheme, asked.recipe, len(config.activations))  # a repaired one, too, was first chosen of all


def _repaired(run: Run, recipe: str, scheme: str) -> Sequence[str]:
    """Return the activations whose networks were repaired by a recipe at a scheme, in the study's order."""
    table = run.recovered()
    rows = [] if table is None else table[["activation", "scheme", "recipe"]].drop_duplicates().astype(str).to_numpy()
    own = [name for name, of, by in rows if (of, by) == (scheme, recipe)]
    if not own:
        there = dict.fromkeys(f"{by} at {of}" for _, of, by in rows if by != "plain")
        done = f"what the run was repaired by: {', '.join(there)}" if there else "the run was repaired by nothing yet"
        raise BadInput("recipe", f"{recipe} at {scheme}", f"{done}; more with quantstudy recover")
    return [name for name in run.config.activations if name in own]


def _known(text: str, known: Sequence[str]) -> str:
    try:
        name = canonical_name(text)
    except BadInput:
        name = ""
    if name not in known:
        raise BadInput("activation", text, f"those of the run: {', '.join(known)}")
    return name


def require_limits(limits: Mapping[str, float], run: Run, recipe: str) -> None:
    """Check that a run has what the limits bound.

    Raises:
        BadInput: it has not.
    """
    for name, limit in limits.items():
        if (name == "max_psnr_drop") == (run.config.task == "classes"):
            others = [key for key in KINDS if (key == "max_psnr_drop") == (run.config.task != "classes")]
            has = "classes" if run.config.task == "classes" else "numbers and no classes"
            raise BadInput(name, limit, f"the run's networks answer {has}: {', '.join(map(option_of, others))}")
        if recipe and KINDS[name].metric == "flip_rate":
            raise BadInput(name, limit, "of repaired networks no flips are recorded; leave it out with --recipe")


def values_of(run: Run, gated: Gated, limits: Mapping[str, float]) -> dict[str, Floats]:
    """Return what each limit bounds, `[seeds]`: the worst of the backends that ran the scheme, NaN without a value.

    Raises:
        BadInput: nothing is recorded.
    """
    return {name: _worst(name, _by_backend(run, gated, KINDS[name].metric)) for name in limits}


def worse_than(run: Run, baseline: Run, gated: Gated, limits: Mapping[str, float]) -> dict[str, Floats]:
    """Return by how much each network of a run is worse than that of another run with the same seed.

    Args:
        run: the run.
        baseline: the other one, of the same data and seeds.
        gated: which networks, of both.
        limits: by their names.

    Returns:
        Per limit `[seeds]`: accuracy or PSNR after quantization that is lost against it, or flips more than it has; of
        several backends that which is worst, of those that both ran. NaN where a network of either failed.

    Raises:
        BadInput: nothing is recorded.
    """
    found = {}
    for name in limits:
        own, other = (_by_backend(one, gated, KINDS[name].against) for one in (run, baseline))
        found[name] = _worst(name, {key: KINDS[name].more * (own[key] - other[key]) for key in own if key in other})
    return found


def _worst(name: str, values: Mapping[str, Floats]) -> Floats:
    rows = np.array(list(values.values()))
    return np.asarray(rows.max(axis=0) if KINDS[name].most else rows.min(axis=0))


def _by_backend(run: Run, gated: Gated, metric: str) -> dict[str, Floats]:
    """Return a metric of the networks `[seeds]` by each backend that ran them; repaired ones are simulated."""
    if gated.recipe:
        table, last = run.recovered(), "recipe"
        rest = {gated.recipe: "simulated"}
    else:
        table, last = run.summaries(), "backend"
        table = table[table["scope"] == "network"]
        rest = {"simulated": "simulated", "torchao": "torchao"}
    rows = {} if table is None else by_seed(table, metric, ("activation", "scheme", last), run.config.seeds).rows
    found = {
        backend: rows[gated.activation, gated.scheme, key]
        for key, backend in rest.items()
        if (gated.activation, gated.scheme, key) in rows
    }
    if not found:
        where = f"{gated.activation}{f', repaired by {gated.recipe},' if gated.recipe else ''} at it"
        raise BadInput("scheme", gated.scheme, f"{run.folder} holds no {metric} of {where}")
    return found


def require_paired(run: Run, baseline: Run) -> None:
    """Check that the networks of two runs pair by seed.

    Raises:
        BadInput: they have other targets, other seeds, or other data.
    """
    for key in ("target", "task", "seeds"):
        ours, theirs = getattr(run.config, key), getattr(baseline.config, key)
        if ours != theirs:
            raise BadInput(
                f"baseline: {key}", theirs, f"RUN has {ours}, and networks pair by seed where both are alike"
            )
    ours, theirs = _labels(run), _labels(baseline)
    alike = ours.keys() == theirs.keys() and all(np.array_equal(ours[key], theirs[key]) for key in ours)
    if not alike:
        raise BadInput(
            "baseline", str(baseline.folder), "RUN has learnt other data; networks pair where they are alike"
        )


def _labels(run: Run) -> dict[str, Any]:
    path = run.folder / "masks.npz"
    with np.load(path if path.exists() else run.folder / "labels.npz") as stored:
        return {key: stored[key] for key in stored.files if key in ("mask", "labels", "heldout_labels")}
