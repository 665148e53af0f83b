"""Bytes that go through memory for a small network: in plain torch, and in the fused Triton kernels.

`operations` says what counts of torch's operations, `interpreted` what counts of Triton's kernels. Torch's side is
never too large, that of the kernels never too small.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from quantstudy.activations.catalogue import Activation, parse_activation
from quantstudy.cost.interpreted import counted
from quantstudy.cost.operations import Traffic
from quantstudy.cost.plain import plain, slopes
from quantstudy.errors import StudyFailure

LINEAR, ACTIVATION, LOSS, ADAM = "linear layers", "activations", "loss", "Adam"
INPUTS, PARAMETERS, MAPS, LOGIT, SUMS = "inputs", "parameters", "layers' outputs", "logit", "gradient sums"
"""What bytes are moved for: in eager torch by operation, in the kernels by tensor (Adam is torch's there too)."""

FORWARD, STEP = "forward_bytes", "step_bytes"
"""The forward pass alone, and a training step: forward, backward, Adam."""

Bytes = dict[str, dict[str, float]]
"""FORWARD or STEP → kind → bytes per point of the batch."""


def eager_bytes(activation: Activation, hidden: Sequence[int], points: int) -> Bytes:
    """Return what one network 2→hidden→1 moves in plain torch: layers, loss and Adam as one writes them, autograd.

    Args:
        activation: which.
        hidden: neurons of the hidden layers.
        points: of the batch, which share the parameters and Adam.
    """
    neurons = (2, *hidden, 1)
    weights = [torch.randn(above, below).requires_grad_() for below, above in pairwise(neurons)]
    biases = [torch.zeros(above, requires_grad=True) for above in neurons[1:]]
    learned = [slopes(activation, count) for count in hidden]
    optimizer = torch.optim.Adam([*weights, *biases, *(slope for slope in learned if slope is not None)])
    inputs, target = torch.rand(points, 2), torch.ones(points, 1)

    def forward(count: Traffic) -> Tensor:
        h = inputs
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            count.kind = LINEAR
            h = _comes_from(count, LINEAR, functional.linear(h, weight, bias))
            if layer < len(learned):
                count.kind = ACTIVATION
                h = _comes_from(count, ACTIVATION, plain(h, activation, learned[layer]))
        return h

    def step(count: Traffic) -> None:
        optimizer.zero_grad()
        logit = forward(count)
        count.kind = LOSS
        torch.autograd.backward(functional.binary_cross_entropy_with_logits(logit, target))
        count.kind = ADAM
        optimizer.step()

    step(Traffic())  # Adam makes its moments in the first one
    counts = {FORWARD: Traffic(), STEP: Traffic()}
    with torch.no_grad(), counts[FORWARD] as count:
        forward(count)
    with torch.enable_grad(), counts[STEP] as count:
        step(count)
    return _per_point(counts, points)


def _comes_from(count: Traffic, kind: str, tensor: Tensor) -> Tensor:
    """Let bytes be of that kind on the way back, from where the gradient of this tensor is known; return it."""
    if tensor.requires_grad:
        tensor.register_hook(lambda gradient: setattr(count, "kind", kind))  # type: ignore[no-untyped-call]
    return tensor


def _per_point(counts: Mapping[str, Traffic], points: int) -> Bytes:
    return {part: {kind: moved / points for kind, moved in count.moved().items()} for part, count in counts.items()}


def fused_bytes(activation: Activation, hidden: Sequence[int], points: int) -> Bytes:
    """Return what the fused Triton kernels move for the same network, torch's operations around them included.

    The forward kernel puts the parameters side by side and writes the maps of all layers; the step's leaves a sum of
    gradients per block of points, which torch adds up. Only where `TRITON_INTERPRET=1` was set before triton was
    loaded. Arguments as `eager_bytes`.
    """
    from quantstudy_kernels.adam import adam_step
    from quantstudy_kernels.forward import Network
    from quantstudy_kernels.triton import forward, training

    neurons, kernel = (2, *hidden, 1), str(activation.kernel)
    weights = tuple(torch.randn(1, above, below) for below, above in pairwise(neurons))
    biases = tuple(torch.zeros(1, above, 1) for above in neurons[1:])
    learned = tuple(torch.zeros(1, count, 1) for count in hidden if activation.learned_slope)
    network = Network(kernel, weights, biases, learned, activation.cap)
    flat = torch.randn(1, training.step_constants(neurons, kernel)["PARAMETERS"])
    inputs, target, moments = torch.rand(1, 2, points), torch.ones(1, 1, points), (flat * 0.0, flat * 0.0)
    counts = {FORWARD: Traffic(), STEP: Traffic()}
    kinds = dict.fromkeys(forward.forward_kernel.arg_names, PARAMETERS) | {"points_ptr": INPUTS, "maps_ptr": MAPS}
    with counted(forward, "forward_kernel", counts[FORWARD], kinds), counts[FORWARD] as count:
        count.kind = PARAMETERS
        forward.forward(network, inputs[0])
    kinds = {"flat_ptr": PARAMETERS, "inputs_ptr": INPUTS, "target_ptr": INPUTS, "partial_ptr": SUMS}
    with counted(training, "step_kernel", counts[STEP], kinds), counts[STEP] as count:
        count.kind = SUMS
        gradient, _ = training.flat_gradients(flat, neurons, inputs, target, kernel, activation.cap)
        count.kind = ADAM
        adam_step(flat, gradient, moments, 1, 1e-3, betas=(0.9, 0.999), epsilon=1e-8)
    found, logit = _per_point(counts, points), 4.0
    found[FORWARD] |= {MAPS: found[FORWARD][MAPS] - logit, LOGIT: logit}
    return found


def count_fused(names: Sequence[str], hidden: Sequence[int], points: int, jobs: int) -> dict[str, Bytes] | None:
    """Return `fused_bytes` of each activation, counted in processes of their own; None where Triton is not installed.

    Args:
        names: of activations that have a kernel.
        hidden: as `eager_bytes`.
        points: as `eager_bytes`.
        jobs: processes.

    Raises:
        StudyFailure: Triton could not interpret the kernels.
    """
    if importlib.util.find_spec("triton") is None:
        return None
    command = [sys.executable, "-m", "quantstudy.cost.traffic", json.dumps([list(hidden), points])]
    running = [
        subprocess.Popen(
            [*command, *names[start::jobs]],
            env={**os.environ, "TRITON_INTERPRET": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for start in range(min(jobs, len(names)))
    ]
    found: dict[str, Bytes] = {}
    for process in running:
        out, errors = process.communicate()
        if process.returncode != 0:
            last = (errors.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
            raise StudyFailure(f"counting bytes: Triton could not interpret the kernels: {last}")
        found |= json.loads(out)
    return {name: found[name] for name in names}


if __name__ == "__main__":
    sizes = json.loads(sys.argv[1])
    print(json.dumps({name: fused_bytes(parse_activation(name), *sizes) for name in sys.argv[2:]}))
