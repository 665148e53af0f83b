"""A processor without VNNI instructions, where onnxruntime's products of uint8 and int8 saturate: ours are exact there.

valgrind knows no AVX-512: a program that runs in it takes the code for processors without it.
"""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quantstudy.deploy.formats import made
from quantstudy.deploy.stacks import simulated
from tests.deploy.conftest import Make

PROGRAM = """
import pickle, sys
import numpy as np
from quantstudy.deploy.onnx.runtime import answers, saturates, session
for model, points, reference in pickle.loads(open(sys.argv[1], "rb").read()):
    (found,) = answers(session(model), points)
    print(int(((found > 0) != (reference > 0)).sum()), points.shape[1])
print("saturates" if saturates() else "exact")
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_it_computes_the_same(make: Make, tmp_path: Path) -> None:
    cases = []
    for activation, scheme in (("relu", "w8a8"), ("gelu", "w4a8"), ("hardgelu", "w8a8")):
        network, points = make(activation, scheme, hidden=(16, 16), points=16384)
        reference = simulated(network, points).logit[0].numpy()
        cases += [(made(form, network).data, points, reference) for form in ("onnx", "onnx-int")]
    (tmp_path / "cases").write_bytes(pickle.dumps(cases))
    command = ["valgrind", "--tool=none", "-q", sys.executable, "-c", PROGRAM, str(tmp_path / "cases")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    *lines, exact = done.stdout.splitlines()
    assert exact == "saturates"  # else this test shows nothing
    assert len(lines) == len(cases)
    assert all(int(line.split()[0]) <= 2 for line in lines), lines
