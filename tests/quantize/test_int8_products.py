"""The check of PyTorch's int8 products: it passes where they are exact and fails where oneDNN cuts them off."""

import json
import os
import subprocess
import sys

import pytest
import torch

from quantstudy.quantize import int8_products
from quantstudy.quantize.int8_products import exact_products, multiplies_integers
from quantstudy.quantize.scheme import parse_scheme, schemes_for


def test_the_schemes_in_which_torchao_multiplies_integers():
    every = [scheme for bits in range(2, 17) for scheme in schemes_for(bits)]
    assert [str(scheme) for scheme in every if multiplies_integers(scheme)] == ["w8a8", "w8a8dyn"]
    assert not multiplies_integers(parse_scheme("w8a4"))


@pytest.mark.usefixtures("int8_products")
@pytest.mark.parametrize("hidden", [(8, 8, 8), (2, 3), (17, 64)])
@pytest.mark.parametrize("points", [1, 5, 8, 100])
def test_exact_products_pass(hidden, points, make_stack):
    assert exact_products(make_stack("relu", hidden), torch.zeros(2, points))


@pytest.mark.parametrize("lost", [1.0, 254.0])
def test_one_wrong_sum_fails(lost, make_stack, monkeypatch):
    """Whatever is lost: one of the 100 · 8 sums of a layer is a little less."""

    def less(weight, bias):
        layer = int8_products_linear(weight, bias)
        layer.register_forward_hook(
            lambda _, __, found: found - lost * (torch.arange(found.numel()) == 77).view_as(found)
        )
        return layer

    int8_products_linear = int8_products.linear
    monkeypatch.setattr(int8_products, "linear", less)
    int8_products._exact.cache_clear()
    try:
        assert not int8_products._exact(100, 8, 8)
    finally:
        int8_products._exact.cache_clear()


STUDY = """
import json, sys, torch
from pathlib import Path
from quantstudy import StudyConfig, run_study
from quantstudy.engine import drawing
sevens = torch.full((32, 64), 127, dtype=torch.int8)
if (torch._int_mm(sevens, sevens.T) == 64 * 127 * 127).all() and (
    torch._int_mm(sevens.view(torch.uint8) + 128, sevens.T) == 64 * 255 * 127
).all():
    sys.exit(77)
drawing.draw_elsewhere, drawing.draw_all = (lambda *_: frozenset()), (lambda *_, **__: None)
told = []
small = dict(seeds=1, steps=5, batch=16, grid=8, hidden=(4, 3), quick=True)
study = StudyConfig(bits=(4,), activations=("relu", "silu"), **small)
run = run_study(study, Path(sys.argv[1]), notify=told.append)
frame = run.metrics()
frame = frame[frame["backend"] == "torchao"]
print(json.dumps([told, sorted(set(frame["scheme"])), sorted(set(frame["activation"]))]))
"""


@pytest.mark.slow
def test_where_onednn_has_no_vnni_torchao_multiplies_no_integers_and_one_line_says_so(tmp_path):
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    command = [sys.executable, "-c", STUDY, str(tmp_path / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this processor, or this build of oneDNN, multiplies int8 exactly even without VNNI")
    assert done.returncode == 0, done.stderr[-2000:]
    told, schemes, names = json.loads(done.stdout)
    assert told == [int8_products.INEXACT]
    assert schemes == ["w4", "w4a8dyn", "w8"]
    assert names == ["relu", "silu"]
