"""Run by test_any_processor.py in a process of its own: a small study, its digests, and what libraries run on.

Arguments: the folder to run in, the number of workers, and whether all is made (`1`) or the study alone (`0`): without
networks that diverge, wider ones, polished ones and the other targets. With PLANT=reassoc in the environment one sum of
the folds is left to the compiler, as all were once; with PLANT=groups sums are kept in registers as for the other kind
of processor, with and without vectors of 512 bits.
"""

import hashlib
import json
import os
import sys
from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import numpy._core._multiarray_umath as core
import torch
from numba.core.registry import cpu_target
from quantstudy_kernels.cpu import folds, point_sums, tiles
from quantstudy_kernels.cpu.polish import Effort, polish
from quantstudy_kernels.cpu.trainer import Examples, Recipe
from quantstudy_kernels.cpu.trainer import train as train_by_kernel
from quantstudy_kernels.cpu.vectors import has_512_bits, peek
from quantstudy_kernels.forward import Fixed, Network, PerPoint, Rounding

from experiments.digests import digests
from quantstudy import StudyConfig, run_study, workers
from quantstudy.activations.catalogue import parse_activation
from quantstudy.engine import drawing, repairs
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import train
from quantstudy.targets.catalogue import FIRST
from quantstudy.targets.islands import island_masks
from tests.portable.switches import blas_core

STUDY = StudyConfig(name="anywhere", bits=(4,), seeds=2, steps=60, batch=200, grid=30)


@numba.njit(fastmath={"reassoc", "contract"})
def sum_in_any_order(values):
    total = np.float32(0)
    for i in range(len(values)):
        total += peek(values, i)
    return total


@numba.njit(fastmath={"reassoc", "contract"})
def moments_in_any_order(x, y, floats):
    signal = noise = product = quantized = absolute = 0.0
    for p in range(floats):
        a, b = peek(x, p), peek(y, p)
        signal += a * a
        noise += (a - b) * (a - b)
        product += a * b
        quantized += b * b
        absolute += abs(a - b)
    return signal, noise, product, quantized, absolute


MOMENTS = folds._moments


@numba.njit
def our_moments(x, y):
    return MOMENTS(x, y, len(x))


def registers():
    """The widest vector registers in the machine code of one of our sums: zmm (512 bits), ymm or xmm."""
    our_moments(np.ones(16), np.ones(16))
    (code,) = our_moments.inspect_asm().values()
    return next(name for name in ("zmm", "ymm", "xmm") if name in code)


def digest(value):
    return hashlib.sha256(value.encode() if isinstance(value, str) else value.tobytes()).hexdigest()[:16]


def about():
    """Return what the libraries say that they run on, and digests that depend on that."""
    draws = np.random.default_rng(3)
    left, right = (torch.from_numpy(draws.normal(size=(97, 113)).astype(np.float32)) for _ in range(2))
    values = draws.normal(size=5001).astype(np.float32)
    _, processor, features = cpu_target.target_context.codegen().magic_tuple()
    return {
        "numba": {"processor": processor, "features": digest(features), "registers": registers()},
        "sum": digest(np.float64(sum_in_any_order(values))),
        "has mkl": torch.backends.mkl.is_available(),
        "mkl": digest(torch.mm(left, right.T).numpy()),
        "aten": torch.backends.cpu.get_cpu_capability(),
        "has onednn": torch.backends.mkldnn.is_available(),
        "onednn": digest(torch.nn.functional.gelu(torch.from_numpy(values)).numpy()),
        "numpy": sorted(name for name, there in core.__cpu_features__.items() if there),
        "openblas": blas_core(),
    }


def diverged():
    """Return digests of networks that a rate of 1e30 has filled with NaN and infinity."""
    seeds, found = range(2), {}
    for name in ("relu", "prelu", "silu", "gelu", "hardgelu", "gelu_tanh", "quick_gelu"):
        stack, masks = initial_stack(parse_activation(name), seeds, (8, 8)), island_masks(seeds, 16, 3.0)
        trained, losses = train(stack, seeds, masks, steps=40, batch=100, lr=1e30)
        found[name] = digest(np.concatenate([losses.ravel(), *(a.ravel() for a in trained.arrays().values())]))
    return found


def wider():
    """Return digests of networks with any inputs and outputs, trained on every loss."""
    draws, found = np.random.default_rng(11), {}
    inputs = draws.normal(size=(1, 20, 90)).astype(np.float32)
    for loss, outputs, name in (("binary", 1, "prelu"), ("softmax", 10, "gelu"), ("squared", 3, "hardswish")):
        recipe = Recipe(name, 2.0, (20, 17, 32, outputs), 370, [0.02] * 20, 0.9, 0.999, 1e-8, 2, loss)
        sizes = [a * b for a, b in zip(recipe.neurons, recipe.neurons[1:], strict=False)]
        number = sum(sizes) + sum(recipe.neurons[1:]) + (49 if name == "prelu" else 0)
        labels = draws.integers(0, max(2, outputs), (2, outputs if loss == "squared" else 1, 90)).astype(np.float32)
        first = (draws.normal(size=(2, number)) / 4).astype(np.float32)
        trained, losses = train_by_kernel(recipe, first, [0, 1], Examples(inputs, labels))
        found[loss] = digest(np.concatenate([trained.ravel(), losses.ravel()]))
    return found


def polished():
    """Return digests of networks quantized in every way and then polished, on every loss; the last begin many times."""
    draws, found = np.random.default_rng(13), {}

    def drawn(*shape):
        return torch.from_numpy(draws.normal(size=shape).astype(np.float32))

    def fixed(rows, low=-8, high=7, zero=0):
        return Fixed(drawn(2, rows, 1).abs() / 4 + 0.1, torch.full((2, rows, 1), zero, dtype=torch.int32), low, high)

    for loss, neurons, name in (
        ("binary", (2, 17, 8, 1), "prelu"),
        ("softmax", (20, 17, 8, 10), "gelu"),
        ("squared", (20, 17, 8, 3), "hardgelu"),
        ("squared", (2, 3, 2, 1), "relu"),
    ):
        _, first, second, outputs = neurons
        weights, biases = zip(*((drawn(2, b, a) / 3, drawn(2, b, 1)) for a, b in pairwise(neurons)), strict=True)
        slopes = (drawn(2, first, 1), drawn(2, second, 1)) if name == "prelu" else ()
        network = Network(name, weights, biases, slopes, 2.5)
        rounding = Rounding(
            (fixed(first), fixed(1), None),
            (None, PerPoint(-128, 127, False)),
            (fixed(1, zero=-6), fixed(second, zero=2)),
        )
        points, labels = drawn(neurons[0], 800), drawn(2, outputs if loss == "squared" else 1, 800)
        labels = labels if loss == "squared" else (labels > 0).float()
        effort = Effort(sweeps=2, attempts=3000, points=400)
        done = polish(network, rounding, points, labels, loss, seeds=[0, 1], purpose=3, effort=effort)
        numbers = [*done.network.weights, *done.network.biases, *done.network.slopes]
        numbers += [q.scale for q in (*done.rounding.weights[:2], *done.rounding.outputs)]
        assert (done.losses[:, -1] < done.losses[:, 0]).all()
        found[name] = digest(np.concatenate([done.losses.ravel(), *(n.numpy().ravel() for n in numbers)]))
    return found


def others(folder):
    """Return digests of small studies of the other first targets."""
    found, small = {}, {"seeds": 1, "steps": 30, "batch": 60, "grid": 15, "hidden": (9, 6), "quick": True}
    for target in (one.name for one in FIRST):
        if target != "islands":
            study = StudyConfig(target=target, activations=("gelu", "hardgelu"), **small)
            found[target] = digests(run_study(study, folder / target))
    return found


def main(folder, jobs, everything):
    """Run the study in a folder and print."""
    plant = os.environ.get("PLANT")
    if plant == "reassoc":
        folds._moments = moments_in_any_order
    elif plant == "groups":
        tiles.has_512_bits = point_sums.has_512_bits = lambda context: not has_512_bits(context)
    drawing.draw_elsewhere, drawing.draw_all = (
        (lambda *_: frozenset()),
        (lambda *_, **__: None),
    )  # figures are no records
    repairs.MOST_WORK = 0.0  # nothing is polished here: `polished` does it, and every process would compile for it
    with workers(jobs) as executor:
        run = run_study(STUDY, folder / "islands", executor=executor)
    more = (
        {"diverged": diverged(), "wider": wider(), "polished": polished(), "others": others(folder)}
        if everything
        else {}
    )
    json.dump({"about": about(), "jobs": jobs, "digests": digests(run) | more}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1")
