"""Drift measures and judgements are the same bytes whatever numpy and OpenBLAS choose to run on.

Each setting is a process of its own (`dispatch_digests.py`), as both choose once, when they are loaded.
"""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from quantstudy.records.schemas import CLAIM, rows
from tests.portable.switches import NUMPY_OFF, ROOT, clean

SETTINGS = {
    "native": {},
    "no_avx512": {"NPY_DISABLE_CPU_FEATURES": " ".join(NUMPY_OFF[1:]), "OPENBLAS_CORETYPE": "Haswell"},
    "baseline": {
        "NPY_DISABLE_CPU_FEATURES": " ".join(NUMPY_OFF),
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENBLAS_NUM_THREADS": "1",
    },
}


@pytest.fixture(scope="module")
def found():
    def started(name):
        program = [sys.executable, "-m", "tests.portable.dispatch_digests"]
        return subprocess.Popen(program, env=clean() | SETTINGS[name], cwd=ROOT, stdout=subprocess.PIPE, text=True)

    native, *others = SETTINGS
    said = {native: started(native).communicate(timeout=120)[0]}  # first, as it may have to compile for all of them
    running = {name: started(name) for name in others}
    said |= {name: process.communicate(timeout=120)[0] for name, process in running.items()}
    return {name: json.loads(text) for name, text in said.items()}


@pytest.mark.slow
@pytest.mark.parametrize("setting", [name for name in SETTINGS if name != "native"])
def test_the_same_bytes(found, setting):
    native, here = found["native"]["digests"], found[setting]["digests"]
    assert len(native) > 100
    assert [name for name in native if here[name] != native[name]] == []


@pytest.mark.slow
def test_the_switches_took_effect(found):
    native, no_avx512, baseline = (found[name] for name in SETTINGS)
    assert not set(NUMPY_OFF[1:]) & set(no_avx512["features"])
    assert not set(NUMPY_OFF) & set(baseline["features"])
    if "X86_V4" in native["features"]:
        assert native["exp"] != no_avx512["exp"] == baseline["exp"]
    if native["core"] is None:
        pytest.skip("this numpy has another BLAS than its own OpenBLAS, which nothing here can switch")
    assert no_avx512["core"] == "Haswell"
    assert baseline["core"] not in (native["core"], "Haswell")
    assert baseline["product"] not in (native["product"], no_avx512["product"])


def test_nan_and_zero_have_one_code_in_records():
    codes = np.array([0x7FF8_0000_0000_0000, 0xFFF8_0000_0000_0000, 0x7FF8_0000_0000_0001, 1 << 63, 0], np.uint64)
    column = rows(CLAIM, 5, value=codes.view(np.float64))["value"]
    assert column.to_numpy().tobytes() == np.array([np.nan] * 3 + [0.0] * 2).tobytes()
    assert column.null_count == 0
    assert rows(CLAIM, 2, x=[None, 0.5])["x"].to_pylist() == [None, 0.5]
    assert column.type == pa.float64()
