"""Polish quantized networks: move their codes, scales, zero points and biases while that lowers the loss.

Three parts, per network. A *descent* tries every number once up and once down, sweep after sweep, and keeps what
lowers the loss. It soon ends where no single move pays. So small networks then begin anew, from codes that are drawn,
as often as their size allows: they have few ways out of a poor minimum, and cost little. From the best of all a
*search* follows: simulated annealing (Kirkpatrick et al. 1983), moves drawn at random, kept also where the loss rises
by less than an amount that is drawn as well and shrinks towards 0. All these look at some of the points; what they
find stays where it has the lowest loss on all points, and a last descent looks at all of them.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy_kernels import draws
from quantstudy_kernels.cpu.descent import State, settle
from quantstudy_kernels.cpu.descent_search import Words, descend, search, search_anew, starts
from quantstudy_kernels.cpu.descent_start import finish, neurons_of, parameters, start, without_points
from quantstudy_kernels.cpu.descent_table import Moves, moves_of
from quantstudy_kernels.cpu.losses import LOSSES
from quantstudy_kernels.cpu.running import each_model
from quantstudy_kernels.cpu.tiles import BLOCK
from quantstudy_kernels.forward import Fixed, Network, PerPoint, Rounding, check_network
from quantstudy_kernels.reference_forward import rounded

_FEWER = 8  # as many points are enough to tell which of many starts is a good one


@dataclass(frozen=True)
class Effort:
    """How long to go on.

    Attributes:
        sweeps: of either descent, at most; it ends with the first sweep in which nothing pays.
        attempts: moves that each search draws; 0: no search.
        points: that the first descent and the search look at, whole blocks of 352, drawn anew for every network. What
            begins from drawn codes looks at an eighth of them first.
        heat: how far the loss may rise, on average, when the search begins, as a share of it. (From drawn codes: as
            far as the best loss so far.)
    """

    sweeps: int = 6
    attempts: int = 8_320
    points: int = 8192
    heat: float = 0.01


@dataclass(frozen=True)
class Polished:
    """Polished networks.

    Attributes:
        network: weights that are quantized are, to the bit, code · scale, and rounded by `rounding` give their codes.
        rounding: with other scales and zero points, one set per model.
        losses: float64 [models, sweeps + 2], the mean over all points (squared: and outputs): before, after the search,
            and after each sweep of the last descent, the last one again where it ended early. They never rise.
    """

    network: Network
    rounding: Rounding
    losses: NDArray[np.float64]


def polish(
    network: Network,
    rounding: Rounding,
    points: Tensor,
    labels: Tensor,
    loss: str,
    *,
    seeds: Sequence[int],
    purpose: int,
    effort: Effort = Effort(),
    threads: int = 1,
) -> Polished:
    """Return networks whose codes, scales, zero points, biases and slopes have been moved to lower the loss.

    Weights that are float stay as they are, as do the quantizers of the inputs and those that choose scales per point.
    A network whose loss is not finite is returned as it is. The same bits for any number of threads.

    Args:
        network: the float networks.
        rounding: how they are quantized; weights with zero point 0.
        points: [in, n], the same for all models, or [models, in, n], float32, n at least 1.
        labels: [models, rows, n], float32: one row of 0 and 1 for the loss `binary`, one of numbers of classes for
            `softmax`, a row per output for `squared`.
        loss: one of `losses.LOSSES`.
        seeds: of the models' draws: of the points that a search looks at, and of its moves.
        purpose: of the random stream of these draws (see `quantstudy_kernels.draws`).
        effort: how long to go on.
        threads: how many models are polished at once.

    Raises:
        ValueError: as `cpu.forward.forward`; the labels or the loss do not fit the networks; a quantizer of another
            kind, or weights with another zero point.
    """
    _check(network, rounding, points, labels, loss, seeds)
    inputs = np.ascontiguousarray(rounded(rounding.inputs, points.view(-1, *points.shape[-2:])).detach().numpy())
    wanted = np.ascontiguousarray(labels.detach().numpy(), np.float32)
    terms = inputs.shape[-1] * (network.outputs if loss == "squared" else 1)
    found: dict[int, State] = {}
    losses = np.empty((network.models, effort.sweeps + 2))

    def one(model: int) -> None:
        order = shuffled(seeds[model], purpose, inputs.shape[-1])
        own = inputs[model if len(inputs) > 1 else 0]
        state = start(network, rounding, own[:, order], wanted[model][:, order], loss, model)
        moves = moves_of(network, rounding, state)
        losses[model] = [total / terms for total in _polished(state, moves, effort, _words(seeds[model], purpose))]
        found[model] = without_points(state)

    each_model(network.models, one, threads)
    states = [found[model] for model in range(network.models)]
    return Polished(*finish(network, rounding, states, np.isfinite(losses[:, 0])), losses)


def shuffled(seed: int, purpose: int, points: int) -> NDArray[np.int64]:
    """Return the order in which a network's points are looked at, which is that of their losses in a sum."""
    words = draws.words(np.array(seed), purpose, np.array(0), -(-points // 4))
    return np.argsort(words.reshape(-1)[:points], kind="stable")


def _polished(s: State, moves: Moves, effort: Effort, words: Words) -> Iterator[float]:
    """Polish one network; yield the sums of the losses that `Polished` has the means of."""
    best = float(settle(s))
    yield best
    if not np.isfinite(best):
        yield from [best] * (effort.sweeps + 1)
        return
    blocks = max(1, -(-effort.points // BLOCK))
    some, few = _looking_at(s, blocks), _looking_at(s, -(-blocks // _FEWER))

    def anew() -> None:
        settle(few)
        search_anew(few, moves, words, effort.attempts)
        settle(some)
        descend(some, moves, effort.sweeps)

    parts: list[Callable[[], object]] = [lambda: descend(some, moves, effort.sweeps)]
    if effort.attempts:
        parts += [anew] * (starts(s, moves) - 1)
        parts.append(lambda: search(some, moves, words, effort.attempts, effort.heat))
    kept = [numbers.copy() for numbers in parameters(s)]
    for improve in parts:
        settle(some)
        improve()
        found = float(settle(s))
        if found < best:
            best, kept = found, [numbers.copy() for numbers in parameters(s)]
        else:  # what is better on some points need not be on all
            for numbers, old in zip(parameters(s), kept, strict=True):
                numbers[...] = old
    settle(s)
    yield best
    losses = descend(s, moves, effort.sweeps)
    yield from [*losses, *losses[-1:] * (effort.sweeps - len(losses))]


def _looking_at(s: State, blocks: int) -> State:
    """Return the same network with the first of its blocks of points."""
    some = s.blocks[:blocks]
    return s._replace(blocks=some, lost=np.zeros((2, len(some))))


def _words(seed: int, purpose: int) -> Words:
    """Return what gives a network's words, one step of its random stream after the other; step 0 is `shuffled`'s."""
    steps = itertools.count(1)
    return lambda quads: draws.words(np.array(seed), purpose, np.array(next(steps)), quads)


def _check(
    network: Network, rounding: Rounding, points: Tensor, labels: Tensor, loss: str, seeds: Sequence[int]
) -> None:
    check_network(network, points, rounding)
    if loss not in LOSSES:
        raise ValueError(f"loss: {loss!r}; allowed: {', '.join(LOSSES)}")
    outputs, n = network.outputs, int(points.shape[-1])
    if (loss == "binary" and outputs != 1) or (loss == "softmax" and outputs == 1):
        allowed = "1" if loss == "binary" else "2 or more"
        raise ValueError(f"network: {outputs} outputs; allowed with loss {loss}: {allowed}")
    shape = [network.models, outputs if loss == "squared" else 1, n]
    if list(labels.shape) != shape or n < 1:
        raise ValueError(f"labels: shape {list(labels.shape)}; allowed: {shape}, at least one point")
    if len(seeds) != network.models:
        raise ValueError(f"seeds: {len(seeds)} of them; allowed: {network.models}, one per model")
    tensors = [("points", points), ("labels", labels), *((f"weights[{k}]", w) for k, w in enumerate(network.weights))]
    for name, tensor in tensors:
        if tensor.dtype is not torch.float32 or not tensor.is_cpu:
            raise ValueError(f"{name}: {tensor.dtype} on {tensor.device}; allowed: torch.float32 on the CPU")
    _check_quantizers(network, rounding)


def _check_quantizers(network: Network, rounding: Rounding) -> None:
    for k, weights in enumerate(rounding.weights):
        if weights is not None and (type(weights) is not Fixed or bool((weights.zero_point != 0).any())):
            raise ValueError(f"rounding.weights[{k}]: {type(weights).__name__}; allowed: Fixed with zero point 0")
    neurons = neurons_of(network)
    groups = {"weights": rounding.weights, "preactivations": rounding.preactivations, "outputs": rounding.outputs}
    for name, some in groups.items():
        for k, q in enumerate(some):
            if q is not None and type(q) not in (Fixed, PerPoint):
                raise ValueError(f"rounding.{name}[{k}]: {type(q).__name__}; allowed: Fixed or PerPoint")
            if isinstance(q, Fixed) and q.scale.shape[1] not in (1, neurons[k + 1]):
                raise ValueError(f"rounding.{name}[{k}]: {q.scale.shape[1]} scales; allowed: 1 or {neurons[k + 1]}")
