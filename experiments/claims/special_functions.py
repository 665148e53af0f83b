"""Do Swish and GELU need the special-function unit, and does that slow a job?

Instructions counted in machine code, and end-to-end training steps timed as ratios to relu in the same round: the
study's network by the fused trainer, and a 4096-wide MLP in plain torch and with single-pass kernels.

The special-function unit is a part of GPUs, and so is what the article says of it: whether it slows a job is decided by
a GPU, and open where there is none. The times of a CPU, where exp is computed like everything else, stand beside. The
first reading let them decide, and asked for «by at most 10 %» too, which the article nowhere says: its 10 % is an
example of a slower function. «Reduces performance a bit» is tested from 1 % on: less no round here could tell from
noise.

A «seed» of the times is a round: everything takes its turn in it, in another order every time, and relu takes two, so
that its ratio to itself says how noisy the machine is. The wide MLP is 2→4096→4096→1 on a batch of 64, float32,
autograd and torch's fused Adam, neurons along the first axis and points along the last; the four that no part speaks
of take part in every eighth of its rounds.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.timing import in_turns, rounds_together, torch_threads
from quantstudy.activations.catalogue import parse_activation
from quantstudy.claims.experiment import Measured
from quantstudy.config.study import StudyConfig
from quantstudy.engine.executors import available_cores
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import rows

STUDY = StudyConfig()
SMOOTH, REFERENCE = ("silu", "gelu"), "relu"
SMALL, WIDE, SINGLE, GPU = "small", "wide", "wide_fused", "gpu"
"""Cases: this network by the fused trainer; the wide MLP in plain torch; with activations in one pass each; this
network by the fused trainer on a GPU."""
SETTINGS = {"slows_small": SMALL, "slows_wide": WIDE, "slows_wide_fused": SINGLE, "gpu": GPU}
"""Part → the case that it speaks of."""
MODELS, STEPS, REPEATS = 16, 100, 2
"""Networks and steps of one run of the fused trainer, and runs of which a round takes the faster."""
WIDTHS, BATCH, WIDE_REPEATS = (2, 4096, 4096, 1), 64, 2
"""The wide MLP, and steps of which a round takes the faster."""
TOGETHER, OTHERS_EVERY = 8, 8
"""Rounds of one piece of work; of how many rounds of the wide MLP the others take part in one."""
AGAIN = "again"
"""Stands for relu's second turn."""


CLAIM = Claim(
    name="special_functions",
    says="Swish and GELU need the GPU's special-function unit, and that slows a job a little.",
    measured=(
        "Special-function (MUFU) instructions per element in code compiled for a GPU; time of a whole training step "
        "over relu's in the same round, on a GPU where one is there; on this CPU beside: this network fused, a "
        "4096-wide MLP plain and with single-pass kernels."
    ),
    parts=(
        Part(
            "needs_unit",
            "silu and gelu take special-function instructions, the other five none (fewest of those two "
            "minus most of the five, forward and backward)",
            0.0,
            "instructions",
            exact=True,
        ),
        Part("gpu", "silu and gelu slow a training step of this network on a GPU", 0.01, "%", 100.0),
        Part(
            "slows_small",
            "silu and gelu slow a training step of this network on a CPU, fused",
            0.01,
            "%",
            100.0,
            decides=False,
        ),
        Part(
            "slows_wide",
            "silu and gelu slow a training step of a 4096-wide MLP on a CPU, in plain torch",
            0.01,
            "%",
            100.0,
            decides=False,
        ),
        Part("slows_wide_fused", "and with single-pass kernels", 0.01, "%", 100.0, decides=False),
    ),
    main="needs_unit",
    alone=True,
)


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the count of instructions; rounds of the small and wide networks; and on a GPU."""
    import torch

    timed = [SMALL, WIDE, *([GPU] if torch.cuda.is_available() else [])]
    rounds = rounds_together(seeds, TOGETHER)
    return [{"what": "count"}, *({"what": what, "first": f, "last": to} for what in timed for f, to in rounds)]


def measure(what: str, **unit: Any) -> pa.Table:
    """Measure one piece.

    Metrics: case `sm_90`: `mufu_forward`, `mufu_backward`, `instructions_forward`, `instructions_backward` per element
    (left out without Triton); per round (`seed`) and case of `SETTINGS`: `seconds` of a training step, and `control`,
    relu's second turn over its first, minus 1.
    """
    pieces: dict[str, Callable[..., pa.Table]] = {
        "count": _count,
        SMALL: _small,
        WIDE: _wide,
        GPU: partial(_small, device="cuda", case=GPU),
    }
    return pieces[what](**unit)


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return the fewest special instructions of silu and gelu over the others' most, and slow-downs per round."""
    found: dict[str, Floats] = {}
    special = table[table["metric"].isin(["mufu_forward", "mufu_backward"])].astype({"activation": str})
    if len(special):
        smooth = special["activation"].isin(SMOOTH)
        found["needs_unit"] = np.array([special["value"][smooth].min() - special["value"][~smooth].max()])
    slow = {part: slowdowns(table, case)[list(SMOOTH)] for part, case in SETTINGS.items() if timed(table, case)}
    found |= {part: each.mean(axis=1).to_numpy(np.float64) for part, each in slow.items()}
    return found


def timed(table: pd.DataFrame, case: str) -> bool:
    """Return whether the training steps of a case were timed."""
    return bool(((table["case"] == case) & (table["metric"] == "seconds")).any())


def slowdowns(table: pd.DataFrame, case: str) -> pd.DataFrame:
    """Return rounds × activations: the time of a step over relu's in the same round, minus 1; NaN if not in it."""
    seconds = by_seed(table, "seconds", case=case)
    return seconds.div(seconds[REFERENCE], axis=0) - 1.0


def _count() -> pa.Table:
    from quantstudy.cost.instructions import TARGET, count_instructions

    kernels = {name: str(parse_activation(name).kernel) for name in STUDY.activations}
    counts = count_instructions(list(dict.fromkeys(kernels.values()))) or {}
    cells = [
        (name, metric, float(value))
        for name, kernel in kernels.items()
        for metric, value in counts.get(kernel, {}).items()
        if not metric.startswith("registers")
    ]
    name, metric, value = zip(*cells, strict=True) if cells else ((), (), ())
    return rows(SCHEMA, len(cells), activation=name, case=TARGET, metric=metric, value=value)


def _small(first: int, last: int, device: str = "cpu", case: str = SMALL) -> pa.Table:
    from quantstudy.networks.stack import initial_stack
    from quantstudy.networks.training import train
    from quantstudy.targets.islands import island_masks

    masks = island_masks(range(MODELS), STUDY.grid, STUDY.frequency)
    options: dict[str, Any] = {"steps": STEPS, "batch": STUDY.batch, "lr": STUDY.lr, "device": device}

    def run(name: str) -> Callable[[], object]:
        start = initial_stack(parse_activation(name), range(MODELS), STUDY.hidden)
        return lambda: train(start, range(MODELS), masks, **options, trainer="fused", threads=available_cores())

    calls = {name: run(name) for name in STUDY.activations} | {AGAIN: run(REFERENCE)}
    return _rounds({case: calls}, first, last, repeats=REPEATS, per=STEPS)


def _wide(first: int, last: int) -> pa.Table:
    with torch_threads(available_cores()):
        return _rounds(wide_calls(), first, last, repeats=WIDE_REPEATS, every=OTHERS_EVERY)


def wide_calls() -> dict[str, dict[str, Callable[[], object]]]:
    """Return case → activation → one training step of the wide MLP, all on the same weights; it returns the loss.

    The learning rate is too small to change them, so that every step is the same work.
    """
    import torch
    from quantstudy_kernels.cpu.activations import activation_forward
    from torch.nn import functional

    from quantstudy.cost.plain import plain, slopes

    generator = torch.Generator().manual_seed(0)
    weights = [
        torch.randn(above, below, generator=generator).mul_((2 / below) ** 0.5).requires_grad_()
        for below, above in pairwise(WIDTHS)
    ]
    biases = [torch.zeros(above, 1, requires_grad=True) for above in WIDTHS[1:]]
    learned = {name: [slopes(parse_activation(name), width) for width in WIDTHS[1:-1]] for name in STUDY.activations}
    own = [slope for each in learned.values() for slope in each if slope is not None]
    optimizer = torch.optim.Adam([*weights, *biases, *own], lr=1e-7, fused=True)
    inputs = torch.rand(WIDTHS[0], BATCH, generator=generator)
    target = (torch.rand(1, BATCH, generator=generator) > 0.5).float()

    def apply(case: str, name: str, z: torch.Tensor, slope: torch.Tensor | None) -> torch.Tensor:
        activation = parse_activation(name)
        if case == WIDE:
            return plain(z[None], activation, slope)[0]
        return activation_forward(
            z, str(activation.kernel), slope=None if slope is None else slope[:, None], cap=activation.cap
        )

    def step(case: str, name: str) -> torch.Tensor:
        optimizer.zero_grad()
        h = inputs
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            h = torch.addmm(bias, weight, h)
            if layer < len(weights) - 1:
                h = apply(case, name, h, learned[name][layer])
        loss = functional.binary_cross_entropy_with_logits(h, target)
        torch.autograd.backward(loss)
        optimizer.step()
        return loss.detach()

    turns = {name: name for name in STUDY.activations} | {AGAIN: REFERENCE}
    return {case: {key: partial(step, case, name) for key, name in turns.items()} for case in (WIDE, SINGLE)}


def _rounds(
    cases: Mapping[str, Mapping[str, Callable[[], object]]],
    first: int,
    last: int,
    *,
    repeats: int,
    per: int = 1,
    every: int = 1,
) -> pa.Table:
    """Return the rounds first … last − 1 of some cases; `every`: in how many rounds the others take part once."""
    for calls in cases.values():
        calls[AGAIN]()  # kernels are compiled or loaded, memory is fetched
    cells = []
    for number in range(first, last):
        asked = {
            (case, key): call
            for case, calls in cases.items()
            for key, call in calls.items()
            if number % every == 0 or key in (*SMOOTH, REFERENCE, AGAIN)
        }
        seconds = in_turns(asked, number, repeats)
        for (case, key), taken in seconds.items():
            if key == AGAIN:
                cells.append((REFERENCE, number, case, "control", taken / seconds[case, REFERENCE] - 1.0))
            else:
                cells.append((key, number, case, "seconds", taken / per))
    name, seed, cased, metric, value = zip(*cells, strict=True)
    return rows(SCHEMA, len(cells), activation=name, seed=seed, case=cased, metric=metric, value=value)


EXPERIMENT = Measured(CLAIM, units, measure, effects)
