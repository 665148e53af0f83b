"""Does fusing the activation into the computation before it remove the memory traffic?

Bytes that go through memory in the forward pass and in a training step of the study's network: every tensor that an
eager operation reads and writes, against the loads and stores of the fused kernels; time beside.

Bytes are per point of a batch of 1024, one network: parameters and Adam are shared by the batch's points. The fused
forward pass writes what the eager one does, the maps of every layer, but reads none of them back; the fused step keeps
them in registers. `cost.traffic` says what counts.
"""

import ctypes
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from quantstudy.activations.catalogue import parse_activation
from quantstudy.claims.checkout import experiment
from quantstudy.config.study import StudyConfig
from quantstudy.engine.executors import available_cores
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.tables import CLAIM as SCHEMA
from quantstudy.records.tables import rows

STUDY = StudyConfig()
MODELS, GRID = 16, 128
"""Networks that the timed forward pass takes over the plane at once, as many as a study trains together, and the
plane's pixels along one side: 50 MB of maps."""
KEPT = {-3: 2**25, -1: 2**30}
"""Parameters of the C library's `mallopt` that make it keep freed memory, as torch's own allocator on a GPU does: the
threshold above which memory comes from the system at once (at its highest), and that of giving it back. Else a pass
spends nine tenths of its time on fresh pages in some processes, and none in others."""
GPU_MODELS, GPU_STEPS = 16, 50
"""Networks that are trained at once on a GPU, and the steps of one timing."""
REPEATS, TOGETHER = 3, 8
"""Timings of which a round takes the fastest; rounds of one piece of work."""
SMOOTH = ("silu", "gelu")
EAGER, SINGLE, FUSED = "eager", "single_pass", "fused"
"""Cases: plain torch; torch's layers with each activation in one kernel of ours; all layers in one kernel."""

CLAIM = Claim(
    name="fusion",
    says="Fusing the activation into the computation before it (as Triton can) removes much of the memory traffic.",
    measured=(
        "Bytes read and written per point by the operations of eager torch, and by the loads and stores of the "
        "fused Triton kernels, forward and whole training step; time on a GPU where one is there, on this CPU "
        "beside."
    ),
    parts=(
        Part(
            "forward_bytes",
            "the fused forward pass moves fewer bytes (share of eager's, least over the seven)",
            0.25,
            "%",
            100.0,
            exact=True,
        ),
        Part(
            "step_bytes",
            "the fused training step moves fewer bytes (share of eager's, least over the seven)",
            0.25,
            "%",
            100.0,
            exact=True,
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
    alone=True,
)


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the bytes; rounds of forward passes; rounds of training steps where a GPU is."""
    import torch

    timed = ["forward", *(["gpu"] if torch.cuda.is_available() else [])]
    rounds = [(first, min(first + TOGETHER, seeds)) for first in range(0, seeds, TOGETHER)]
    return [{"what": "bytes"}, *({"what": what, "first": f, "last": to} for what in timed for f, to in rounds)]


def measure(what: str, **unit: Any) -> pa.Table:
    """Measure one piece.

    Metrics: `forward_bytes.KIND` and `step_bytes.KIND` per point, case `eager` or `fused` (left out without Triton);
    per round (`seed`) `forward_seconds` over the plane of all networks, case `eager`, `single_pass` or `fused`, and
    `gpu_step_seconds`, case `eager` or `fused`.
    """
    return {"bytes": _bytes, "forward": _forward_seconds, "gpu": _gpu_seconds}[what](**unit)


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return the shares that fusing saves: of bytes the least over the seven, of times per round."""
    found: dict[str, Floats] = {}
    for part in ("forward_bytes", "step_bytes"):
        eager, fused = (totals(table, part, case) for case in (EAGER, FUSED))
        if len(fused):
            found[part] = np.array([(1.0 - fused / eager).min()])
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
    return gain[gain.mean().idxmin()].to_numpy(np.float64)


def _bytes() -> pa.Table:
    from quantstudy.cost.traffic import count_fused, eager_bytes

    sizes = STUDY.hidden, STUDY.batch
    sides = {EAGER: {name: eager_bytes(parse_activation(name), *sizes) for name in STUDY.activations}}
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


def _network(name: str, models: int, device: str = "cpu") -> Any:
    """Return untrained networks of one activation as the kernels take them."""
    from quantstudy_kernels.forward import Network

    from quantstudy.networks.stack import initial_stack

    activation = parse_activation(name)
    stack = initial_stack(activation, range(models), STUDY.hidden).to(device)
    learned = tuple(slope for slope in stack.slopes if slope is not None)
    return Network(str(activation.kernel), stack.weights, stack.biases, learned, activation.cap)


def eager_maps(network: Any, name: str, points: Any) -> list[Any]:
    """Return all maps of stacked networks, as plain torch makes them: pre-activations and outputs, then the logit."""
    import torch

    maps, h = [], points.expand(network.models, -1, -1) if points.dim() == 2 else points
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        h = torch.baddbmm(bias, weight, h)
        maps.append(h)
        if layer < network.hidden:
            h = _plain(h, name, network.slopes[layer] if network.slopes else None)
            maps.append(h)
    return maps


def _plain(z: Any, name: str, slope: Any) -> Any:
    """Return plain torch's f(z); prelu's slopes are `[models, width, 1]`, a channel for every neuron of every model."""
    from quantstudy.cost.plain import plain

    if slope is None:
        return plain(z, parse_activation(name))
    return plain(z.reshape(1, -1, z.shape[-1]), parse_activation(name), slope.reshape(-1)).view_as(z)


def single_pass_maps(network: Any, points: Any) -> list[Any]:
    """Return the same maps, the layers by torch, each activation by one kernel of ours on one thread."""
    import torch
    from quantstudy_kernels.cpu.activations import activation_forward

    maps, h = [], points.expand(network.models, -1, -1)
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        h = torch.baddbmm(bias, weight, h)
        maps.append(h)
        if layer < network.hidden:
            slope = network.slopes[layer] if network.slopes else None
            h = activation_forward(h, network.name, slope=slope, cap=network.cap)
            maps.append(h)
    return maps


def forward_calls(name: str) -> dict[str, Callable[[], Any]]:
    """Return way → forward pass of all networks over the plane; all of them hold all maps when they end."""
    import torch
    from quantstudy_kernels.cpu.forward import forward

    from quantstudy.targets.islands import plane

    network, points = _network(name, MODELS), torch.from_numpy(plane(GRID))
    return {
        EAGER: lambda: eager_maps(network, name, points),
        SINGLE: lambda: single_pass_maps(network, points),
        FUSED: lambda: forward(network, points),
    }


def _keep_memory() -> None:
    """Let freed memory be used again instead of being handed back; does nothing where the C library has no say."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    if hasattr(library, "mallopt"):
        for parameter, value in KEPT.items():
            library.mallopt(parameter, value)


def _forward_seconds(first: int, last: int) -> pa.Table:
    import torch

    _keep_memory()
    calls = {(name, way): call for name in STUDY.activations for way, call in forward_calls(name).items()}
    before = torch.get_num_threads()
    torch.set_num_threads(available_cores())
    try:
        with torch.no_grad():
            return _rounds(calls, "forward_seconds", first, last)
    finally:
        torch.set_num_threads(before)


def gpu_calls(name: str, device: str = "cuda") -> dict[str, Callable[[], Any]]:
    """Return way → some steps of training of stacked networks, each the same minibatch."""
    import torch
    from quantstudy_kernels.triton.training import train
    from torch.nn import functional

    network = _network(name, GPU_MODELS, device)
    inputs = torch.rand(GPU_MODELS, 2, STUDY.batch, device=device)
    target = (torch.rand(GPU_MODELS, 1, STUDY.batch, device=device) > 0.5).float()
    parts = [*network.weights, *network.biases, *network.slopes]
    flat = torch.cat([part.flatten(1) for part in parts], dim=1)
    widths, rates = (2, *STUDY.hidden, 1), [1e-3] * GPU_STEPS
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
        train(flat.clone(), widths, [(inputs, target)] * len(rates), rates, network.name, network.cap)
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
    in_turns = experiment("special_functions").in_turns
    found = {number: in_turns(calls, number, REPEATS) for number in range(first, last)}
    cells = [(*key, number, taken / per) for number, seconds in found.items() for key, taken in seconds.items()]
    name, way, number, seconds = zip(*cells, strict=True)
    return rows(SCHEMA, len(cells), activation=name, case=way, seed=number, metric=metric, value=seconds)
