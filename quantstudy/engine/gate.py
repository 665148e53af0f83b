"""The gate of a run, of one of its networks, or of a network of one's own: what is found, with all that words need.

Loads torch for one network alone.
"""

import shlex
from pathlib import Path
from typing import Any

from quantstudy.config.gate import GateConfig, option_of
from quantstudy.deploy.gate.networks import Gated, gated_of, require_limits, require_paired, values_of, worse_than
from quantstudy.deploy.gate.outcome import points_gate, share_gate
from quantstudy.deploy.gate.table import counts_in, is_table
from quantstudy.errors import BadInput
from quantstudy.judge.rules import rule_of
from quantstudy.records.folders import require_weights
from quantstudy.records.origins import require_same_data, require_same_functions
from quantstudy.records.run import Run, open_run


def gate(target: str, asked: GateConfig) -> dict[str, Any]:
    """Return what a gate finds.

    Args:
        target: the folder of a finished run, or a table of answers (`deploy.gate.table`).
        asked: the limits, and of what.

    Returns:
        `{"gate": target, "of": "networks", "network" or "table", "activation", "scheme", "recipe", "chosen_of",
        "network": its seed, "baseline", "learned": whether the activation has, "backends_differ", "lattice": whether
        the points are one, "next": how to go on with more seeds}`, null where it does not apply, and all of
        `deploy.gate.outcome.share_gate` or `points_gate`.

    Raises:
        BadInput: there is no such run or table, or it has not what is asked for.
        StudyFailure: a record is missing or damaged.
    """
    if is_table(target):
        counts = counts_in(target)
        return {**_about(target, "table"), **points_gate(counts, asked.limits)}
    if asked.network is not None:
        require_weights(Path(target))
    run = open_run(Path(target), "RUN")
    gated = gated_of(run, asked)
    require_limits(asked.limits, run, asked.recipe)
    about = {**_about(target, "networks"), **_of_run(run, gated), "baseline": asked.baseline or None}
    if asked.network is not None:
        return {**about, **_one(run, gated, asked)}
    return {**about, **_many(run, gated, asked)}


def _about(target: str, of: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("activation", "scheme", "recipe", "chosen_of", "network", "baseline", "learned"))
    return {"gate": target, "of": of, **nothing, "backends_differ": None, "lattice": False, "next": None}


def _of_run(run: Run, gated: Gated) -> dict[str, Any]:
    verdict = run.verdict()
    differ = verdict["schemes"].get(gated.scheme, {}).get("backends_differ", {})
    return {
        "activation": gated.activation,
        "scheme": gated.scheme,
        "recipe": gated.recipe,
        "chosen_of": gated.chosen_of,
        "learned": gated.activation not in verdict["not_learned"],
        "backends_differ": gated.activation in differ,
    }


def _many(run: Run, gated: Gated, asked: GateConfig) -> dict[str, Any]:
    studies = [run.config]
    if asked.baseline:
        if Path(asked.baseline).resolve() == run.folder.resolve():
            raise BadInput("baseline", asked.baseline, "another run is needed: none is worse than itself")
        baseline = open_run(Path(asked.baseline), "baseline")
        require_paired(run, baseline)
        values = worse_than(run, baseline, gated, asked.limits)
        studies.append(baseline.config)
    else:
        values = values_of(run, gated, asked.limits)
    assurance = run.config.assurance if asked.assurance is None else asked.assurance
    found = share_gate(values, asked.limits, assurance, rule_of(*studies), gated.error)
    return {**found, "next": _next(run, gated, found["networks_needed"])}


def _one(run: Run, gated: Gated, asked: GateConfig) -> dict[str, Any]:
    seed = asked.network
    if seed is None or seed >= run.config.seeds:
        raise BadInput("network", seed, f"a seed of the run: 0 to {run.config.seeds - 1}")
    if run.config.task != "classes":
        raise BadInput("network", seed, "a network that answers classes; of numbers all networks are gated together")
    require_same_functions(run, [gated.activation], "run the study again")
    require_same_data(run)
    from quantstudy.engine.answers_of_network import network_counts

    lattice = run.config.has_plane or run.config.has_curve
    return {"of": "network", "network": seed, "lattice": lattice} | points_gate(
        network_counts(run, gated, seed), asked.limits
    )


def _next(run: Run, gated: Gated, seeds: int | None) -> str | None:
    """Return how to train more networks: another study, whose first networks come out of the cache."""
    if seeds is None:
        return None
    most = f" --max-seeds {seeds}" if run.config.until_decided and seeds > run.config.max_seeds else ""
    study, folder = run.folder / "study.toml", run.folder.with_name(f"{run.folder.name}-{seeds}")
    to = shlex.quote(str(folder))
    repair = f"--scheme {gated.scheme} --recipes {gated.recipe} --activations {shlex.quote(gated.activation)}"
    again = f" && quantstudy recover {to} {repair}" if gated.recipe else ""
    return f"quantstudy run {shlex.quote(str(study))} --seeds {seeds}{most} --out {to}{again}"


def require_fits(target: str, asked: GateConfig) -> None:
    """Check that nothing is asked of a table that only a run has.

    Raises:
        BadInput: something is.
    """
    if not is_table(target):
        return
    for key in ("assurance", "scheme", "activation", "recipe", "network", "baseline"):
        value = getattr(asked, key)
        if value not in (None, ""):
            raise BadInput(key, value, f"not with a table, which holds one network: leave out {option_of(key)}")
    if asked.max_psnr_drop is not None:
        raise BadInput("max_psnr_drop", asked.max_psnr_drop, "not with a table, which holds classes")
