"""The work of a cell, in the process where it runs: train, measure, vary, picture; from seeds to rows of tables."""

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import torch
from quantstudy_kernels.cpu.compiling import seconds_compiling
from safetensors.numpy import load, save

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import HALFWAY, StudyConfig
from quantstudy.engine.cells import Cell, CellStatus
from quantstudy.engine.executors import available_cores, return_memory
from quantstudy.engine.learnt import data_of
from quantstudy.engine.portability import device_of
from quantstudy.engine.simulated_only import NARROW, runs_in_torchao
from quantstudy.engine.trained import trained_arrays
from quantstudy.errors import StudyFailure
from quantstudy.measure.cause import cause_rows
from quantstudy.measure.cliff import cliff_rows
from quantstudy.measure.drift import ANALYSES, float_rows, histogram_rows
from quantstudy.measure.evaluation import Effect, Subject, measured
from quantstudy.measure.maps import pictures
from quantstudy.measure.parity import plan_rows
from quantstudy.measure.placement import placement_rows
from quantstudy.measure.ranges import range_rows
from quantstudy.measure.recover import bench_of, recover_rows
from quantstudy.measure.sensitivity import sensitivity_rows
from quantstudy.measure.variation import plan_of
from quantstudy.networks.stack import Stack, from_arrays, initial_stack
from quantstudy.quantize.fake_quant import accumulated, isolated
from quantstudy.quantize.int8_products import INEXACT, exact_products, multiplies_integers
from quantstudy.quantize.plan import Plan
from quantstudy.quantize.recover.catalogue import repaired
from quantstudy.quantize.recover.names import parse_recipe
from quantstudy.quantize.recover.recipe import Quantized
from quantstudy.quantize.recover.saved import arrays_of
from quantstudy.quantize.scheme import IntFormat, Scheme, parse_scheme, schemes_for
from quantstudy.quantize.torchao_backend import RealResult, run_torchao
from quantstudy.records.cells import load_cell, store_cell
from quantstudy.records.folders import weights_file
from quantstudy.records.schemas import (
    HISTOGRAMS,
    METRICS,
    PLANS,
    RANGES,
    RECOVER,
    VARIATION_TABLES,
    to_parquet,
)
from quantstudy.records.store import npz
from quantstudy.targets.target import Data

Files = dict[str, bytes]
Notify = Callable[[str], None]


def run(folder: Path, config: StudyConfig, unit: Cell) -> CellStatus:
    """Do one cell's work on one thread and commit its files to the run folder."""
    started = time.perf_counter()
    notices: list[str] = []
    device = device_of(config.device)
    with seconds_compiling() as compiling, one_thread(), torch.no_grad():
        if parse_activation(unit.activation).made_of != unit.made_of:
            raise StudyFailure(f"{unit.activation} is another function now than when the run was begun; run again")
        if config.entry.made_of() != unit.data:
            raise StudyFailure(f"{config.target} holds other data now than when the run was begun; run again")
        try:
            files = STAGES[unit.stage](folder, config, unit, device, notices.append)
        except (torch.AcceleratorError, torch.OutOfMemoryError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise StudyFailure(f"the device {device} failed: {reason}; what is finished is kept, run again") from error
    notices += notices_here()
    store_cell(folder, unit.key, files)
    pa.default_memory_pool().release_unused()
    return_memory()
    return CellStatus(unit.key, time.perf_counter() - started, device, tuple(notices), compiling())


def train_cell(folder: Path, config: StudyConfig, unit: Cell, device: str, notify: Notify) -> Files:
    """Train one stack, or load it from the cache; → weights.safetensors."""
    arrays = trained_arrays(config, unit.activation, unit.seeds, device=device, threads=_threads(), notify=notify)
    return {"weights.safetensors": save(arrays)}


def measure_cell(folder: Path, config: StudyConfig, unit: Cell, device: str, notify: Notify) -> Files:
    """Quantize one stack by every scheme and backend and measure the drift; → the cell's share of the tables."""
    return _measured(_subject(folder, config, unit, device), config, notify)


def _measured(on: Subject, config: StudyConfig, notify: Notify) -> Files:
    metrics, plans = float_rows(on, constant=config.learned == HALFWAY), []
    for scheme in config.all_schemes:
        effect = quantize(on, config, scheme, notify=notify)
        for analysis in ANALYSES.values():
            metrics += analysis(on, effect)
        plans += plan_rows(on, effect)
        del effect  # a hundred megabytes, which would otherwise stay in memory beside the next scheme's
    tables = {"metrics": (metrics, METRICS), "histograms": (histogram_rows(on), HISTOGRAMS), "plans": (plans, PLANS)}
    return {
        f"{name}.parquet": to_parquet([pa.concat_tables(rows).unify_dictionaries().combine_chunks()], schema)
        for name, (rows, schema) in tables.items()
    }


def vary_cell(folder: Path, config: StudyConfig, unit: Cell, device: str, notify: Notify) -> Files:
    """Quantize one stack in the ways beyond the schemes; → the cell's share of their tables.

    A stack of a control activation (`StudyConfig.controls`) is measured for the question `cause` alone.
    """
    on = _subject(folder, config, unit, device)
    wanted = VARIATIONS if unit.activation in config.activations else {"cause": VARIATIONS["cause"]}
    tables = {name: (analysis(on, config), VARIATION_TABLES[name]) for name, analysis in wanted.items()}
    if unit.activation in config.activations:
        tables["ranges"] = range_rows(on, config), RANGES
    return {f"{name}.parquet": to_parquet([table], schema) for name, (table, schema) in tables.items()}


def picture_cell(folder: Path, config: StudyConfig, unit: Cell, device: str, notify: Notify) -> Files:
    """Evaluate one seed of one stack for the figures; → maps.npz."""
    on = measured(*_trained(folder, config, unit, device), heldout=False)
    focus = IntFormat(config.focus_bits)
    shown = [scheme for bits in config.bits for scheme in schemes_for(bits)]
    effects = [quantize(on, config, scheme, with_torchao=False) for scheme in shown]
    return {"maps.npz": npz(pictures(on, effects, folds_of=str(Scheme(focus, focus))))}


def recover_cell(folder: Path, config: StudyConfig, unit: Cell, device: str, notify: Notify) -> Files:
    """Quantize one stack by a scheme and repair it by a recipe, on the CPU; → its rows, and the repaired networks."""
    on = _subject(folder, config, unit, "cpu")
    recipe, scheme = parse_recipe(unit.recipe), parse_scheme(unit.scheme)
    given = Quantized(on.stack, plan_of(on.stack, on.calibration, config, scheme))
    fixed = repaired(recipe, given, bench_of(on, config, _threads()))
    real = _really(on, fixed.plan, notify, fixed.stack) if runs_in_torchao(config, scheme) else None
    parts = None if real is None else _in_two(on, real)[0]
    table = recover_rows(on, str(recipe), fixed, recipe.training_steps(config.steps), parts)
    networks = {"repaired.safetensors": save(arrays_of(fixed))} if recipe.steps else {}
    return {"recover.parquet": to_parquet([table], RECOVER), **networks}


VARIATIONS: dict[str, Callable[[Subject, StudyConfig], pa.Table]] = {
    "sensitivity": sensitivity_rows,
    "placement": placement_rows,
    "cliff": cliff_rows,
    "cause": cause_rows,
}
"""Every analysis beyond the schemes, by the name of the table that it writes."""

STAGES: dict[str, Callable[[Path, StudyConfig, Cell, str, Notify], Files]] = {
    "train": train_cell,
    "measure": measure_cell,
    "vary": vary_cell,
    "picture": picture_cell,
    "recover": recover_cell,
}
"""The function that does the work of each stage."""


def _subject(folder: Path, config: StudyConfig, unit: Cell, device: str) -> Subject:
    """Return the trained stack of a cell's seeds as what is measured, held-out points included."""
    return measured(*_trained(folder, config, unit, device))


def _trained(folder: Path, config: StudyConfig, unit: Cell, device: str) -> tuple[Stack, range, Data]:
    """Return the trained stack of a cell's seeds, the seeds and their data."""
    files, joined = load_cell(folder, unit.trained), folder / weights_file(unit.activation)
    if files is not None:
        weights, place = files["weights.safetensors"], unit.place
    elif joined.exists():  # a finished run keeps no cells
        weights, place = joined.read_bytes(), unit.first
    else:
        raise StudyFailure(f"{folder / 'cells' / unit.trained} is gone or damaged; run again to train it")
    stack = from_arrays(parse_activation(unit.activation), load(weights))
    chosen = stack.select(slice(place, place + len(unit.seeds)))
    return chosen.to(device), unit.seeds, data_of(config, unit.seeds)


def quantize(
    on: Subject,
    config: StudyConfig,
    scheme: Scheme,
    *,
    with_torchao: bool = True,
    notify: Notify = lambda line: None,
) -> Effect:
    """Return the effect of one scheme on the subject, by the simulated path and, where torchao has it, by torchao."""
    plan = plan_of(on.stack, on.calibration, config, scheme)
    real = _really(on, plan, notify) if with_torchao and runs_in_torchao(config, scheme) else None
    heldout = dict(zip(("simulated",), on.heldout_logits([plan]), strict=False))  # empty without held-out points
    if real is not None and on.heldout is not None:
        real, beside = _in_two(on, real)
        heldout["torchao"] = on.heldout_answers(beside)
    maps = isolated(on.stack, plan, on.maps), accumulated(on.stack, plan, on.maps.points)
    return Effect(plan, *maps, real, heldout)


def _really(on: Subject, plan: Plan, notify: Notify, repaired: Stack | None = None) -> RealResult | None:
    """Return what torchao gives where measured and then at the held-out points, None where it would give garbage.

    Of repaired networks, if there are such, else of the subject's own.
    """
    stack = on.stack if repaired is None else repaired
    points = on.maps.points if on.heldout is None else _both(on.maps.points, on.heldout.points)
    if on.stack.inputs == 1:
        notify(NARROW)
        return None
    if multiplies_integers(plan.scheme) and not exact_products(stack, points):
        notify(INEXACT)
        return None
    return run_torchao(stack, plan, points)


def _in_two(on: Subject, real: RealResult) -> tuple[RealResult, torch.Tensor]:
    """Return what torchao gives where measured, and its logits at the held-out points, see `_really`."""
    points = on.maps.points.shape[-1]
    return replace(real, logit=real.logit[:, :, :points]), real.logit[:, :, points:]


def _both(measured: torch.Tensor, heldout: torch.Tensor) -> torch.Tensor:
    """Return points behind points: [in, points] if all networks share both, else [models, in, points]."""
    if measured.dim() != heldout.dim():
        models = len(measured if measured.dim() == 3 else heldout)
        measured, heldout = (part.expand(models, -1, -1) for part in (measured, heldout))
    return torch.cat([measured, heldout], dim=-1)


def prepare_to_measure() -> None:
    """Compile the kernels that measuring needs, or load them from disk, by measuring one untrained network."""
    config = StudyConfig(activations=("hardgelu",), seeds=1, grid=9)
    stack = initial_stack(parse_activation("hardgelu"), (0,), config.hidden)
    with one_thread(), torch.no_grad():
        _measured(measured(stack, (0,), data_of(config, (0,))), config, lambda line: None)


def notices_here() -> list[str]:
    """Return notices about this process: kernels that could not be cached on disk, users' functions that failed."""
    jit = sys.modules.get("quantstudy_kernels.cpu.jit")
    guarded = sys.modules.get("quantstudy.activations.guarded")
    problem = jit.cache_problem() if jit else None
    return [*([problem] if problem else []), *(guarded.failures() if guarded else [])]


def _threads() -> int:
    """Return how many models to train at once: one in a worker process, else as many as there are cores."""
    return 1 if multiprocessing.parent_process() else available_cores()


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, then put the number of threads back.

    The order of additions, and with it the last bit, would otherwise depend on the number of threads; several cores are
    used by running several cells.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
