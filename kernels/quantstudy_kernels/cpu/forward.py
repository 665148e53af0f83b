"""The forward pass of a whole stacked MLP on the CPU, a block of points at a time, one model after the other.

The only forward pass that the product calls for networks whose activation has a kernel. `forward` has the arguments,
errors and results of the oracle, `reference_forward.forward`; `logits` quantizes the same networks in many ways at
once. What a block holds stays in the nearest caches; only what is asked for leaves it. Models are shared out among as
many threads as torch may use; the bits do not depend on their number.

Float maps differ from the reference's by the order of summation (1e-6 of a layer's largest values, times what the
layers after it make of that); a code can differ only where the value lies that near to a tie.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from quantstudy_kernels.cpu.program import Program, Step
from quantstudy_kernels.forward import FLOAT, Maps, Network, Rounding, check_network


def forward(network: Network, points: Tensor, rounding: Rounding = FLOAT, *, isolated: bool = False) -> Maps:
    """Return the maps of all networks: see `reference_forward.forward` for arguments and errors.

    Raises:
        ValueError: as there, and where a tensor is not float32 on the CPU or a quantizer has scales for other rows.
    """
    _check(network, points, rounding)
    neurons = [int(weights.shape[1]) for weights in network.weights[:-1]]
    before, after = (tuple(torch.empty(network.models, n, points.shape[-1]) for n in neurons) for _ in range(2))
    logit = torch.empty(network.models, network.outputs, points.shape[-1])
    program = Program(network, points)
    inputs, exact = program.rounded(program.start, rounding.inputs), program.start
    for layer in range(network.hidden):
        z = program.affine(inputs, layer, _of(rounding.weights, layer))
        y = _through(program, z, rounding, layer)
        program.leave(z, before[layer])
        program.leave(y, after[layer])
        if isolated:
            y = exact = program.activate(program.affine(exact, layer, None), layer)
        inputs = y
    program.leave(program.affine(inputs, network.hidden, _of(rounding.weights, network.hidden)), logit)
    program.run(torch.get_num_threads())
    return Maps(before, after, logit)


def logits(network: Network, points: Tensor, roundings: Sequence[Rounding] = (FLOAT,)) -> Tensor:
    """Return the logits alone of all networks, quantized in each of several ways.

    They are those of `forward`. What several ways have in common is computed once: the layers before the first one in
    which they differ.

    Returns:
        [roundings, models, outputs, points].

    Raises:
        ValueError: as `forward`.
    """
    for rounding in roundings:
        _check(network, points, rounding)
    found = torch.empty(len(roundings), network.models, network.outputs, points.shape[-1])
    if not roundings:
        return found
    program = Program(network, points)
    for rounding, into in zip(roundings, found, strict=True):
        values = program.rounded(program.start, rounding.inputs)
        for layer in range(network.hidden):
            z = program.affine(values, layer, _of(rounding.weights, layer))
            values = _through(program, z, rounding, layer)
        program.leave(program.affine(values, network.hidden, _of(rounding.weights, network.hidden)), into)
    program.run(torch.get_num_threads())
    return found


def _through(program: Program, z: Step, rounding: Rounding, layer: int) -> Step:
    """Return the step that gives a layer's outputs, behind its quantizers, from that of its pre-activations."""
    outputs = program.activate(program.rounded(z, _of(rounding.preactivations, layer)), layer)
    return program.rounded(outputs, _of(rounding.outputs, layer))


def _of(quantizers: Sequence[Any], layer: int) -> Any:
    return quantizers[layer] if quantizers else None


def _check(network: Network, points: Tensor, rounding: Rounding) -> None:
    check_network(network, points, rounding)
    for name, tensor in [("points", points), *((f"weights[{k}]", w) for k, w in enumerate(network.weights))]:
        if tensor.dtype is not torch.float32 or not tensor.is_cpu:
            raise ValueError(f"{name}: {tensor.dtype} on {tensor.device}; allowed: torch.float32 on the CPU")
