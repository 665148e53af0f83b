"""Repair the quantized networks of a finished run by recipes: the command of its own."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from itertools import product

from quantstudy.engine.cells import Repair
from quantstudy.engine.executors import ThisProcess
from quantstudy.engine.notices import Notify, log, once
from quantstudy.engine.pipeline import Progress, do_cells, redo
from quantstudy.engine.recovered import repaired_records, standing
from quantstudy.engine.repairs import require_recoverable, seconds_a_network, units, widths
from quantstudy.errors import StudyFailure
from quantstudy.quantize.recover.names import PLAIN, RecipeName
from quantstudy.quantize.scheme import Scheme
from quantstudy.records.cells import drop_cells
from quantstudy.records.files import locked
from quantstudy.records.origins import require_same_data, require_same_functions
from quantstudy.records.run import Run
from quantstudy.records.store import add_records, settle_records


def recover(
    run: Run,
    scheme: Scheme,
    recipes: Sequence[RecipeName],
    activations: Sequence[str],
    *,
    executor: Executor | None = None,
    progress: Progress = lambda stage, done, total: None,
    notify: Notify = log,
) -> None:
    """Repair the networks of a finished run by several recipes, add what is found to its records, judge and draw it.

    The best recipe on the best activation is measured at other bit widths, too. What stands in the records already is
    not done again; what was stopped goes on.

    Args:
        run: a finished run.
        scheme: how they are quantized.
        recipes: by what they are repaired.
        activations: those of the study that are repaired.
        executor: where cells run; this process if None.
        progress: called with (stage, done, total).
        notify: called with each line for the user.

    Raises:
        BadInput: see `repairs.require_recoverable`, or a function or the data have changed since the run was made;
            nothing is written.
        StudyFailure: the folder is in use, or the audit found a layer left in float.
        OSError: disk full, read-only folder.
    """
    require_recoverable(run.config, scheme, recipes, activations)
    require_same_functions(run, activations, "run the study again")
    require_same_data(run)
    executor, notify = executor or ThisProcess(), once(notify)
    names = dict.fromkeys([PLAIN, *map(str, recipes)])
    with locked(run.folder, notify):
        settle_records(run)
        _repair(run, product(activations, [str(scheme)], names), executor, progress, notify)
        best = best_repair(run, str(scheme))
        if best is not None:
            activation, recipe = best
            beside = product([activation], widths(scheme), (PLAIN, recipe))
            _repair(run, beside, executor, progress, notify)
        redo(run, progress=progress, executor=executor)
        drop_cells(run.folder)


def best_repair(run: Run, scheme: str) -> tuple[str, str] | None:
    """Return the activation that is best after repair and its recipe, as the verdict chooses them.

    None where nothing is better than `plain`.
    """
    from quantstudy.judge.repaired import Repaired

    config, table = run.config, run.recovered()
    if table is None:
        return None
    found = Repaired.of(table, config.activations, config.seeds, config.ranked)
    if scheme not in found.recipes:
        return None
    not_learned: list[str] = []
    with suppress(StudyFailure):  # it may not have been judged yet, or anew
        not_learned = list(run.verdict()["not_learned"])
    activation, recipe = found.chosen(scheme, not_learned).pair
    return (activation, recipe) if recipe != PLAIN else None


def _repair(run: Run, wanted: Iterable[Repair], executor: Executor, progress: Progress, notify: Notify) -> None:
    """Do what of these repairs does not stand in the records yet, and add it to them."""
    there = standing(run)
    missing = list(units(run, (unit for unit in wanted if unit not in there)))
    if not missing:
        return
    do_cells("recover", [(run.config, unit) for unit in missing], run, executor, progress, notify)
    files = repaired_records(run, missing)
    add_records(run, files, recover_seconds=seconds_a_network(run.manifest(), missing))
