"""Does fusing the activation into the computation before it remove the memory traffic?

Bytes that go through memory in the forward pass and in a training step of the study's network: every tensor that an
eager operation reads and writes, against the loads and stores of the fused kernels; time beside.

Bytes are per point of a batch of 1024, one network: parameters and Adam are shared by the batch's points. The fused
forward pass writes what the eager one does, the maps of every layer, but reads none of them back; the fused step keeps
them in registers. `cost.traffic` says what counts.

The article speaks of fusing the activation into the computation before it, so that alone decides: everything else as in
eager torch, but each linear layer writes its outputs with the activation applied, and the gradient that comes back is
multiplied by f' where it is made (`alone_bytes` says what that leaves). A whole network in one kernel saves far more,
of which the article doesn't speak: it stands beside, named so. What matters is a tenth of the bytes: a tenth is what
the article itself says starts to matter. (The first reading let the whole kernels decide, from a quarter on.)
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.forward_ways import eager_maps, single_pass_maps, untrained
from experiments.measures.timing import in_turns, keep_memory, rounds_together, torch_threads
from quantstudy.activations.catalogue import parse_activation
from quantstudy.claims.experiment import Measured
from quantstudy.config.study import StudyConfig
from quantstudy.engine.executors import available_cores
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import rows

STUDY = StudyConfig()
MODELS, GRID = 16, 128
"""Networks that the timed forward pass takes over the plane at once, as many as a study trains together, and the
plane's pixels along one side: 50 MB of maps."""
GPU_MODELS, GPU_STEPS = 16, 50
"""Networks that are trained at once on a GPU, and the steps of one timing."""
REPEATS, TOGETHER = 3, 8
"""Timings of which a round takes the fastest; rounds of one piece of work."""
SMOOTH = ("silu", "gelu")
EAGER, ALONE, SINGLE, FUSED = "eager", "alone", "single_pass", "fused"
"""Cases: plain torch; that with each activation fused into the layer before it; torch's layers with each activation in
one kernel of ours; all layers in one kernel."""

CLAIM = Claim(
    name="fusion",
    says="Fusing the activation into the computation before it (as Triton can) removes some of the memory traffic.",
    measured=(
        "Bytes read and written per point by the operations of eager torch, and what is left of them, worked out, with "
        "each activation fused into the layer before it, in a training step and in the forward pass; beside, the fused "
        "Triton kernels of the whole network, and times on a GPU where one is there and on this CPU."
    ),
    parts=(
        Part(
            "alone_step",
            "with the activation alone fused, a training step moves fewer bytes (share of eager's, least over the "
            "seven)",
            0.1,
            "%",
            100.0,
            exact=True,
        ),
        Part(
            "alone_forward",
            "with the activation alone fused, the forward pass moves fewer bytes (likewise)",
            0.1,
            "%",
            100.0,
            exact=True,
        ),
        Part(
            "forward_bytes",
            "with the whole network in one kernel, the forward pass moves fewer bytes (likewise)",
            0.1,
            "%",
            100.0,
            exact=True,
            decides=False,
        ),
        Part(
            "step_bytes",
            "with the whole network in one kernel, a training step moves fewer bytes (likewise)",
            0.1,
            "%",
            100.0,
            exact=True,
            decides=False,
        ),
        Part(
            "gpu_time",
            "the fused step is faster on a GPU (share of eager's time, least over the seven)",
            0.1,
            "%",
            100.0,
            decides=False,
        ),
        Part(
            "cpu_time",
            "the fused forward pass is faster on this CPU (share of eager's time, mean of the seven)",
            0.1,
            "%",
            100.0,
            decides=False,
        ),
        Part(
            "smooth_gains",
            "silu and gelu gain more than relu by it (forward time, share)",
            0.0,
            "%",
            100.0,
            decides=False,
        ),
    ),
    main="alone_step",
    alone=True,
)


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the bytes; rounds of forward passes; rounds of training steps where a GPU is."""
    import torch

    timed = ["forward", *(["gpu"] if torch.cuda.is_available() else [])]
    rounds = rounds_together(seeds, TOGETHER)
    return [{"what": "bytes"}, *({"what": what, "first": f, "last": to} for what in timed for f, to in rounds)]


def measure(what: str, **unit: Any) -> pa.Table:
    """Measure one piece.

    Metrics: `forward_bytes.KIND` and `step_bytes.KIND` per point, case `eager`, `alone` or `fused` (which is left out
    without Triton);
    per round (`seed`) `forward_seconds` over the plane of all networks, case `eager`, `single_pass` or `fused`, and
    `gpu_step_seconds`, case `eager` or `fused`.
    """
    pieces: dict[str, Callable[..., pa.Table]] = {"bytes": _bytes, "forward": _forward_seconds, "gpu": _gpu_seconds}
    return pieces[what](**unit)


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return the shares that fusing saves: of bytes the least over the seven, of times per round."""
    found: dict[str, Floats] = {}
    for part in ("forward_bytes", "step_bytes"):
        eager = totals(table, part, EAGER)
        for name, case in ((part, FUSED), (f"alone_{part.removesuffix('_bytes')}", ALONE)):
            if len(left := totals(table, part, case)):
                found[name] = np.array([(1.0 - left / eager).min()])
    if (table["metric"] == "forward_seconds").any():
        gain = gains(table, "forward_seconds")
        found["cpu_time"] = gain.mean(axis=1).to_numpy(np.float64)
        found["smooth_gains"] = contrast(gain, SMOOTH, ("relu",))
    if (table["metric"] == "gpu_step_seconds").any():
        found["gpu_time"] = _least(gains(table, "gpu_step_seconds"))
    return found


def totals(table: pd.DataFrame, part: str, case: str) -> "pd.Series[float]":
    """Return the bytes per point of each activation in the forward pass or the step, all kinds together."""
    kept = table["metric"].astype(str).str.startswith(f"{part}.") & (table["case"] == case)
    return table[kept].astype({"activation": str}).groupby("activation")["value"].sum()


def gains(table: pd.DataFrame, metric: str, case: str = FUSED) -> pd.DataFrame:
    """Return per round and activation the share of eager's time in the same round that another way saves."""
    return 1.0 - by_seed(table, metric, case=case) / by_seed(table, metric, case=EAGER)


def _least(gain: pd.DataFrame) -> Floats:
    """Return per round the gain of the activation that gains least in the mean: the least of each would be biased."""
    return np.asarray(gain[gain.mean().idxmin()], dtype=np.float64)


def _bytes() -> pa.Table:
    from quantstudy.cost.traffic import count_fused, eager_bytes

    sizes = STUDY.hidden, STUDY.batch
    sides = {EAGER: {name: eager_bytes(parse_activation(name), *sizes) for name in STUDY.activations}}
    sides[ALONE] = {name: alone_bytes(name, found) for name, found in sides[EAGER].items()}
    sides |= {FUSED: count_fused(STUDY.activations, *sizes, available_cores()) or {}}
    cells = [
        (name, side, f"{part}.{kind}", value)
        for side, found in sides.items()
        for name, parts in found.items()
        for part, kinds in parts.items()
        for kind, value in kinds.items()
    ]
    activation, case, metric, value = zip(*cells, strict=True)
    return rows(SCHEMA, len(cells), activation=activation, case=case, metric=metric, value=value)


def alone_bytes(name: str, eager: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return what eager torch's bytes per point become when each activation is fused into the layer before it.

    Of the activations' own traffic nothing is left in the forward pass. In a training step one tensor is read on the
    way back to multiply the gradient by f': the layer's output, which is there for the next layer anyway, where it
    tells f'; else its input, which must be written for it too. Learned slopes are read twice, their gradient written.

    Args:
        name: of the activation.
        eager: `cost.traffic.eager_bytes` of it.
    """
    from quantstudy_kernels.checks import derivative_from_output_allowed

    from quantstudy.cost.traffic import ACTIVATION, FORWARD, STEP

    activation, tensor = parse_activation(name), 4.0 * sum(STUDY.hidden)
    kept = 1.0 if derivative_from_output_allowed(str(activation.kernel), activation.cap) else 2.0
    slopes = 3.0 * activation.learned_slope / STUDY.batch
    left = {FORWARD: slopes / 3.0 * tensor, STEP: (kept + slopes) * tensor}
    return {part: {**kinds, ACTIVATION: left[part]} for part, kinds in eager.items()}


def forward_calls(name: str) -> dict[str, Callable[[], Any]]:
    """Return way → forward pass of all networks over the plane; all of them hold all maps when they end."""
    import torch
    from quantstudy_kernels.cpu.forward import forward

    from quantstudy.targets.islands import plane

    network, points = untrained(name, MODELS, STUDY.hidden), torch.from_numpy(plane(GRID))
    return {
        EAGER: lambda: eager_maps(network, name, points),
        SINGLE: lambda: single_pass_maps(network, points),
        FUSED: lambda: forward(network, points),
    }


def _forward_seconds(first: int, last: int) -> pa.Table:
    import torch

    keep_memory()
    calls = {(name, way): call for name in STUDY.activations for way, call in forward_calls(name).items()}
    with torch_threads(available_cores()), torch.no_grad():
        return _rounds(calls, "forward_seconds", first, last)


def gpu_calls(name: str, device: str = "cuda") -> dict[str, Callable[[], Any]]:
    """Return way → some steps of training of stacked networks, each the same minibatch."""
    import torch
    from quantstudy_kernels.triton.training import train
    from torch.nn import functional

    network = untrained(name, GPU_MODELS, STUDY.hidden, device)
    inputs = torch.rand(GPU_MODELS, 2, STUDY.batch, device=device)
    target = (torch.rand(GPU_MODELS, 1, STUDY.batch, device=device) > 0.5).float()
    parts = [*network.weights, *network.biases, *network.slopes]
    flat = torch.cat([part.flatten(1) for part in parts], dim=1)
    neurons, rates = (2, *STUDY.hidden, 1), [1e-3] * GPU_STEPS
    for part in parts:
        part.requires_grad_()
    optimizer = torch.optim.Adam(parts, lr=1e-3)

    def finish() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    def eager() -> None:
        for _ in rates:
            optimizer.zero_grad()
            logit = eager_maps(network, name, inputs)[-1]
            loss = functional.binary_cross_entropy_with_logits(logit, target, reduction="sum") / STUDY.batch
            torch.autograd.backward(loss)
            optimizer.step()
        finish()

    def fused() -> None:
        train(flat.clone(), neurons, [(inputs, target)] * len(rates), rates, network.name, network.cap)
        finish()

    return {EAGER: eager, FUSED: fused}


def _gpu_seconds(first: int, last: int, device: str = "cuda") -> pa.Table:
    calls = {(name, way): call for name in STUDY.activations for way, call in gpu_calls(name, device).items()}
    return _rounds(calls, "gpu_step_seconds", first, last, per=GPU_STEPS)


def _rounds(
    calls: dict[tuple[str, str], Callable[[], Any]], metric: str, first: int, last: int, per: int = 1
) -> pa.Table:
    """Return the fastest of a few calls of each, per round; in every round they take turns in another order."""
    for call in calls.values():  # kernels are compiled or loaded, memory is fetched
        call()
    found = {number: in_turns(calls, number, REPEATS) for number in range(first, last)}
    cells = [(*key, number, taken / per) for number, seconds in found.items() for key, taken in seconds.items()]
    name, way, number, seconds = zip(*cells, strict=True)
    return rows(SCHEMA, len(cells), activation=name, case=way, seed=number, metric=metric, value=seconds)


EXPERIMENT = Measured(CLAIM, units, measure, effects)
