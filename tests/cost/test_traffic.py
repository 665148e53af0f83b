"""Bytes moved: operations that can be worked out by hand, kernels against their machine code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from quantstudy.cost.interpreted import CountedKernel
from quantstudy.cost.operations import Traffic

N = 1000
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
interpreted = pytest.mark.skipif(not INTERPRETED, reason="there is a CUDA device: TRITON_INTERPRET=1 is not set")


def moved(compute: Callable[[], object]) -> tuple[int, int]:
    with Traffic() as count:
        compute()
    return sum(count.read.values()), sum(count.written.values())


@pytest.mark.parametrize(
    ("compute", "read", "written"),
    [
        (torch.relu, N, N),
        (lambda x: x.view(10, -1).t()[2:].detach(), 0, 0),
        (lambda x: x.view(10, -1)[2:4].relu(), N / 5, N / 5),
        (lambda x: x.expand(7, N).sum(0), N, N),  # what a stride of 0 repeats is read once
        (lambda x: x * x, N, N),
        (lambda x: x + torch.relu(x), 3 * N, 2 * N),
        (lambda x: x.mul_(2.0), N, N),
        (lambda x: x.add_(x), N, N),
        (torch.empty_like, 0, 0),
        (lambda x: x.new_empty(5), 0, 0),
        (torch.zeros_like, 0, N),
        (lambda x: x.new_ones(5), 0, 5),
        (lambda x: torch.empty_like(x).copy_(x), N, N),
        (lambda x: x.fill_(1.0), 0, N),
        (lambda x: torch.cat([x, x[:10]]), N + 10, N + 10),
        (torch.sum, N, 1),
        (lambda x: torch._foreach_mul_([x, x.view(-1)[:0]], 2.0), N, N),
        (lambda x: x[3].item(), 0, 0),
    ],
)
def test_operations_by_hand(compute: Callable[[Tensor], object], read: float, written: float) -> None:
    x = torch.zeros(N)
    assert moved(lambda: compute(x)) == (4 * read, 4 * written)


def test_what_is_given_to_write_into_is_not_read() -> None:
    x, y = torch.zeros(N), torch.zeros(N)
    assert moved(lambda: torch.relu(x)) == moved(lambda: torch.mul(x, 2.0, out=y)) == (4 * N, 4 * N)


def test_other_precisions() -> None:
    x = torch.zeros(N, dtype=torch.float64)
    assert moved(lambda: x > 0) == (8 * N, N)


def test_a_layer_there_and_back_by_kind() -> None:
    """Backward of relu reads its result and the gradient and writes one; that of a layer is two products and a sum."""
    x, weight, bias = torch.randn(100, 3), torch.randn(5, 3, requires_grad=True), torch.zeros(5, requires_grad=True)
    with Traffic() as count:
        count.kind = "linear"
        z = functional.linear(x, weight, bias)
        count.kind = "relu"
        y = z.relu()
        count.kind = "loss"
        loss = y.sum()
        z.register_hook(lambda gradient: setattr(count, "kind", "linear"))
        y.register_hook(lambda gradient: setattr(count, "kind", "relu"))
        torch.autograd.backward(loss)
    assert count.read["linear"] == 4 * (300 + 15 + 5 + (500 + 300) + 500)  # x, W, b; gradient and x; the gradient's sum
    assert count.written["linear"] == 4 * (500 + 15 + 5)
    assert count.read["relu"] == 4 * (500 + 500 + 1)  # the sum's gradient is one number, expanded
    assert count.written["relu"] == 4 * (500 + 500)
    assert count.moved() == {kind: count.read[kind] + count.written[kind] for kind in ("linear", "relu", "loss")}


def test_nothing_counts_in_a_pause() -> None:
    x = torch.zeros(N)
    with Traffic() as count:
        with count.paused():
            x.relu()
        x.relu()
    assert count.moved() == {"rest": 8 * N}


@interpreted
def test_lanes_that_are_masked_do_not_count_and_a_scalar_counts_once_per_program() -> None:
    pytest.importorskip("triton", reason="triton is not installed")
    from quantstudy_kernels.triton import activation, layout

    count, x = Traffic(), torch.randn(3, N)
    kinds = {"x_ptr": "x", "slope_ptr": "slopes", "y_ptr": "y", "d_ptr": "nobody"}
    constants = {"NAME": "prelu", "DERIVATIVE": False, "BLOCK": 512}
    y, slopes = torch.zeros_like(x), torch.tensor([0.5, 0.25, 0.0])
    blocks = -(-N // 512)
    with count:
        launch = CountedKernel(activation.map_kernel, count, kinds)[(3 * blocks,)]
        launch(x, slopes, y, y, N, blocks, float("inf"), **constants)
    assert layout.BLOCK != 512
    assert count.read == {"x": 4 * 3 * N, "slopes": 4 * 3 * blocks}
    assert count.written == {"y": 4 * 3 * N}
    torch.testing.assert_close(y, torch.where(x > 0, x, x * slopes[:, None]))


@interpreted
def test_the_interpreter_is_as_before_when_a_kernel_fails() -> None:
    pytest.importorskip("triton", reason="triton is not installed")
    from quantstudy_kernels.triton import activation
    from triton.runtime.interpreter import InterpreterBuilder

    before, count = InterpreterBuilder.create_masked_load, Traffic()
    with pytest.raises(Exception, match="NAME"):
        CountedKernel(activation.map_kernel, count, {})[(1,)](torch.zeros(4))
    assert InterpreterBuilder.create_masked_load is before
    with count:
        torch.zeros(1).relu()
    assert count.moved()["rest"] == 4 + 8


def test_a_kernel_that_is_compiled_is_refused() -> None:
    with pytest.raises(RuntimeError, match="TRITON_INTERPRET=1 was not set"):
        CountedKernel(type("Compiled", (), {"arg_names": ()})(), Traffic(), {})[(1,)]()


PROGRAM = """
import json, re, sys
from quantstudy_kernels.triton import forward, step, training
from quantstudy_kernels.triton.compiled import compile_kernel

found = {}
for kernel, constants, warps in (
    (step.step_kernel, training.step_constants((2, 8, 8, 8, 1), "relu"), 1),
    (forward.forward_kernel, dict(NAME="relu", KINDS=(0,) * 7, HIDDEN=3, ISOLATED=False, W=8, BLOCK=64), 4),
):
    types = {p.name: "*i64" if p.name in ("neurons_ptr", "starts_ptr") else "*fp32" if p.name.endswith("_ptr")
             else "fp32" if p.name in ("cap", "share") else "i32" for p in kernel.params if not p.is_constexpr}
    sass = compile_kernel(kernel, types, constants, warps=warps, enable_fp_fusion=warps == 1).sass
    found[kernel.__name__] = re.findall(r"\\b((?:LDG|STG)[A-Z0-9.]*)", sass)
print(json.dumps(found))
"""


@pytest.mark.slow
@interpreted
def test_the_interpreter_counts_what_the_machine_code_of_the_training_step_does() -> None:
    """A thread has two points; what all threads load from one address or one of them stores is a single number."""
    pytest.importorskip("triton", reason="triton is not installed")
    from quantstudy_kernels.triton import training

    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    ran = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    codes = json.loads(ran.stdout)
    neurons, kernel, count = (2, 8, 8, 8, 1), training.step_kernel, Traffic()
    kinds = {"flat_ptr": "parameters", "inputs_ptr": "points", "target_ptr": "points", "partial_ptr": "sums"}
    parameters = training.step_constants(neurons, "relu")["PARAMETERS"]
    try:
        training.step_kernel = CountedKernel(kernel, count, kinds)
        with np.errstate(all="ignore"):
            inputs, target = torch.rand(1, 2, 64), torch.ones(1, 1, 64)
            training.flat_gradients(torch.randn(1, parameters), neurons, inputs, target, "relu")
    finally:
        training.step_kernel = kernel
    points, lanes = count.read["points"] // 4, 32
    assert points == 3 * 64
    assert codes["step_kernel"].count("LDG.E") == count.read["parameters"] // 4 + points // lanes
    assert codes["step_kernel"].count("STG.E") == count.written["sums"] // 4 == parameters + 1
    assert set(codes["step_kernel"]) == {"LDG.E", "STG.E"}  # 4 bytes each
    maps = 4 * codes["forward_kernel"].count("STG.E") - 4  # of one thread, the logit left out
    assert 128 * maps == 64 * 6 * 8 * 4
