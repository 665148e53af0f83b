"""How long does it take to train the study's networks, in the study's own way and in others, on this machine?

The ways (see `training_ways`) take turns in one process, in another order in every round, and torch's sgemm rate
(1024³, float32, all cores) is measured at the beginning of each. Every time stands beside the accuracy that it bought.
From the root of a checkout: `python -m experiments.bench.training [--shape classes] [--activation relu,silu] [--models
16] [--batch 1024] [--steps 3000] [--only ours,stacked] [--without-avx512] [--json FILE]`. `--shape` takes the wider
networks of `shapes`, with batches and steps of their own. JAX takes part where `pip install '.[bench]'`
has put it. `--without-avx512` shows on a processor that has AVX-512 what one without gets: all ways, and sgemm.

An entry of FILE, times in seconds: `first_s` is the first call for this activation in this process, compiling
included, imports of Numba and JAX not; `warm_s` is the median of the `rounds` calls after it, `spread` the fastest and
the slowest. `accuracy` is that of the trained networks over the whole plane or all examples, a fraction, the mean over
the models; of numbers that are predicted, it is the share of their variance that is explained. `gflops` counts the
matrix products alone: forward, weight gradients and input gradients of all layers but the first, 2 per multiply-add,
880 a point for 2-8-8-8-1. `share_of_sgemm` is the median over the rounds of its ratio to the sgemm rate of the same
round, `sgemm_gflops` the median of that rate; `vectors` are the widest that all were allowed. `loop` trains a tenth of
the steps, on a schedule that is as much shorter: `steps` says how many, `accuracy` is theirs, and the times are
multiplied accordingly.
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from quantstudy_kernels.cpu.forward import logits
from quantstudy_kernels.cpu.jit import cache_folder, cache_problem

from experiments.bench.instruction_sets import compiled_for, without_avx512
from experiments.bench.shapes import SHAPES, wide_task
from experiments.bench.training_ways import WAYS, Task
from quantstudy.activations.catalogue import Activation, parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.engine.executors import available_cores
from quantstudy.errors import BadInput, choices
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.records.files import write_atomically
from quantstudy.records.provenance import described, processor, versions
from quantstudy.targets.islands import island_masks

ROUNDS = {"ours": 5, "stacked": 5, "compiled": 3, "loop": 3, "jax": 5}
"""Warm calls of each way: fewer of two that are slow and that little hangs on."""

NOTES = {
    "stacked": "pixels by torch.randint",
    "compiled": "compiled anew, nothing from disk; pixels by torch.randint",
    "loop": "a tenth of the steps, times multiplied; pixels by torch.randint",
    "jax": "compiled anew, nothing from disk; pixels by jax.random.uniform",
}

OPTIONAL = {"compiled": "it needs a C++ compiler", "jax": "pip install '.[bench]'"}
"""Ways that can be missing, and what they need."""

IMPORTS = {"ours": "quantstudy_kernels.cpu.trainer", "jax": "jax"}
"""What takes long to import, and is no part of a first call."""

ISLANDS = "islands"
"""The shape of the study's own networks, which its settings say."""

SGEMM_SIDE, SGEMM_CALLS = 1024, 15

Entry = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit code: 0, or 2 for bad input, printed in one line."""
    try:
        study, names, file, narrow, shape = parse(arguments)
    except BadInput as error:
        tell(str(error))
        return error.exit_code
    if narrow and compiled_for() == "AVX-512":  # all libraries choose when they are loaded
        again = [
            sys.executable,
            "-m",
            "experiments.bench.training",
            *(sys.argv[1:] if arguments is None else arguments),
        ]
        return subprocess.run(again, env=without_avx512(), check=False).returncode
    cores, load = available_cores(), os.getloadavg()[0]
    if load > 0.5:
        tell(f"this machine is busy (load {load:.1f}): without a free core per thread, torch may take tenfold")
    torch.set_num_threads(cores)
    print(
        f"{described(processor())}, {cores} cores; {compiled_for()} used; "
        f"{study.seeds} models, batch {study.batch}, {study.steps} steps"
    )
    entries: list[Entry] = []
    for activation in map(parse_activation, study.activations):
        found = measure(task_of(study, shape, activation, cores), names)
        print(table(activation.name, found), flush=True)
        entries += found
        if file is not None:
            write_atomically(file, (json.dumps(entries, indent=1) + "\n").encode())
    return 0


def task_of(study: StudyConfig, shape: str, activation: Activation, cores: int) -> Task:
    """Return what all ways are given: the networks of the study, or of one of the wider shapes."""
    if shape in SHAPES:
        return wide_task(shape, activation, study.seeds, study.batch, study.steps, cores)
    masks = island_masks(range(study.seeds), study.grid, study.frequency)
    start = initial_stack(activation, range(study.seeds), study.hidden)
    return Task(start, masks, study.batch, study.steps, study.lr, cores)


def tell(line: str) -> None:
    """Print a line on standard error."""
    print(f"bench_training: {line}", file=sys.stderr)


def parse(arguments: Sequence[str] | None = None) -> tuple[StudyConfig, list[str], Path | None, bool, str]:
    """Return what to train, by which ways, where to write it, whether to do without AVX-512, and the networks' shape.

    Raises:
        BadInput: an option that does not exist, or a value that is not allowed.
    """
    parser = _Parser(prog="bench_training", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shape", default=ISLANDS, help=f"{ISLANDS}, {', '.join(SHAPES)}; default: {ISLANDS}")
    parser.add_argument("--activation", help="names, separated by commas; default: the seven of the study")
    parser.add_argument("--models", help="default 16")
    parser.add_argument("--batch", help="points per model and step; default 1024, or the shape's")
    parser.add_argument("--steps", help="default 3000, or the shape's")
    parser.add_argument("--only", default=",".join(WAYS), help=f"of {', '.join(WAYS)}; default: all")
    parser.add_argument("--without-avx512", action="store_true", help="let nothing use AVX-512")
    parser.add_argument("--json", metavar="FILE", help="write what is found there as well")
    given = parser.parse_args(arguments)
    names = None if given.activation is None else tuple(name.strip() for name in given.activation.split(","))
    if given.shape not in (ISLANDS, *SHAPES):
        raise BadInput("shape", given.shape, choices(given.shape, (ISLANDS, *SHAPES)))
    wide = SHAPES.get(given.shape)
    batch, steps = (wide.batch, wide.steps) if wide else (None, None)
    sizes = {"seeds": given.models, "batch": given.batch or batch, "steps": given.steps or steps}
    try:
        study = StudyConfig().with_options(activations=names, **sizes)
    except BadInput as error:
        field = {"activations": "activation", "seeds": "models"}.get(error.field, error.field)
        raise BadInput(field, error.value, error.allowed) from None
    only = [name.strip() for name in given.only.split(",")]
    for name in only:
        if name not in WAYS:
            raise BadInput("only", name, choices(name, WAYS))
    file = None if given.json is None else Path(given.json)
    if file is not None and (file.is_dir() or not os.access(file.parent, os.W_OK)):
        raise BadInput("json", given.json, "a file in a folder that is there and can be written")
    return study, [name for name in WAYS if name in only], file, given.without_avx512, given.shape


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput("arguments", message, "--help tells what is")


def measure(task: Task, names: Sequence[str]) -> list[Entry]:
    """Return an entry per way, in the order of `names`; one that can't run here is left out, with a line."""
    firsts = {}
    for name in names:
        try:
            firsts[name] = first_call(name, task)
        except Exception as error:
            if name not in OPTIONAL:
                raise
            tell(f"{name} is skipped, {OPTIONAL[name]}: {(str(error).strip() or repr(error)).splitlines()[0]}")
    seconds: dict[str, list[float]] = {name: [] for name in firsts}
    sgemm: list[float] = []
    order = list(firsts)
    for number in range(max(ROUNDS.values())):
        sgemm.append(sgemm_gflops())
        for name in order:
            if number < ROUNDS[name]:
                seconds[name].append(timed(name, task)[0])
        order = [*order[1:], *order[:1]]
    flops = flops_per_point(task.start) * task.start.models * task.batch * task.steps
    common = {
        "models": task.start.models,
        "batch": task.batch,
        "threads": task.threads,
        "sgemm_gflops": statistics.median(sgemm),
        "processor": described(processor()),
        "vectors": compiled_for(),
        "versions": versions() | {name: version(name) for name in ("numba", "jax", "jaxlib") if find_spec(name)},
    }
    return [
        {
            "way": name,
            "activation": task.start.activation.name,
            "first_s": first,
            "warm_s": statistics.median(seconds[name]),
            "spread": [min(seconds[name]), max(seconds[name])],
            "rounds": len(seconds[name]),
            "steps": part(name, task).steps,
            "accuracy": reached,
            "gflops": flops / statistics.median(seconds[name]) / 1e9,
            "share_of_sgemm": statistics.median(
                flops / taken / 1e9 / rate for taken, rate in zip(seconds[name], sgemm, strict=False)
            ),
            "note": note,
            **common,
        }
        for name, (first, reached, note) in firsts.items()
    ]


def first_call(name: str, task: Task) -> tuple[float, float, str]:
    """Return the seconds of a way's first call, the accuracy that it reaches, and what there is to say about it."""
    if name in IMPORTS:
        importlib.import_module(IMPORTS[name])
    kept = set(cache_folder().rglob("*.nbc"))  # machine code, a file per compiled function
    seconds, trained = timed(name, task)
    if name != "ours":
        return seconds, accuracy(trained, task), NOTES[name]
    new = len(set(cache_folder().rglob("*.nbc")) - kept)
    compiled = f"{new} functions compiled anew" if new else "nothing compiled anew: from disk, or loaded already"
    return seconds, accuracy(trained, task), cache_problem() or compiled


def part(name: str, task: Task) -> Task:
    """Return what a way really trains."""
    return replace(task, steps=max(1, task.steps // 10)) if name == "loop" else task


def timed(name: str, task: Task) -> tuple[float, Stack]:
    """Return the seconds that a way takes, or would take, for all steps, and the networks that it trained."""
    trains = part(name, task)
    started = time.perf_counter()
    trained = WAYS[name](trains)
    return (time.perf_counter() - started) * task.steps / trains.steps, trained


def accuracy(stack: Stack, task: Task) -> float:
    """Return the share of examples that the networks classify right, or of variance explained, the mean over them."""
    outputs, labels = logits(stack.as_kernels_have_it(), torch.from_numpy(task.points))[0].numpy(), task.targets
    if task.loss == "squared":
        wrong = np.square(outputs - labels).mean(axis=(1, 2)) / labels.var(axis=(1, 2))
        return float(1 - wrong.mean())
    found = outputs > 0 if task.loss == "binary" else outputs.argmax(axis=1)[:, None]
    return float((found == labels).mean())


def flops_per_point(stack: Stack) -> int:
    """Return the additions and multiplications of one point's matrix products, forward and backward."""
    sizes = [weight[0].numel() for weight in stack.weights]
    return 2 * (3 * sum(sizes) - sizes[0])


def sgemm_gflops() -> float:
    """Return the rate of torch.mm of two square float32 matrices, in GFLOP/s."""
    left, right, product = (torch.rand(SGEMM_SIDE, SGEMM_SIDE) for _ in range(3))
    taken = []
    for _ in range(SGEMM_CALLS):
        started = time.perf_counter()
        torch.mm(left, right, out=product)
        taken.append(time.perf_counter() - started)
    return 2 * SGEMM_SIDE**3 / statistics.median(taken) / 1e9


def table(activation: str, entries: Sequence[Entry]) -> str:
    """Return the entries of one activation as text, ratios to `ours`."""
    if not entries:
        return f"\n{activation}: no way can run here"
    line = "{:9}{:>8}{:>20}{:>9}{:>9}{:>10}{:>9}{:>10}{:>8}  {}".format
    head = ("way", "warm s", "(min - max)", "x ours", "GFLOP/s", "of sgemm", "first s", "accuracy", "rounds", "")
    lines = ["", f"{activation}: sgemm {entries[0]['sgemm_gflops']:.0f} GFLOP/s", line(*head)]
    ours = next((entry["warm_s"] for entry in entries if entry["way"] == "ours"), None)
    for entry in entries:
        ratio = "-" if ours is None else f"{entry['warm_s'] / ours:.1f}"
        times = (f"{entry['warm_s']:.3g}", "({:.3g} - {:.3g})".format(*entry["spread"]), ratio)
        rates = (f"{entry['gflops']:.1f}", f"{entry['share_of_sgemm']:.1%}", f"{entry['first_s']:.3g}")
        lines.append(line(entry["way"], *times, *rates, f"{entry['accuracy']:.4f}", entry["rounds"], entry["note"]))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
