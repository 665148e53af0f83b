"""A study is the same bytes on every processor: on this one, with its instruction sets and libraries turned down.

Every setting is a process of its own (`study_digests.py`), as libraries choose what they run on when they are loaded.
It proves that its switch took effect: by what the library says of itself, or by a canary whose bits must change.
"""

import json
import os
import subprocess
import sys

import pytest
from llvmlite import binding

from tests.portable.switches import NUMPY_OFF, ROOT, clean


def features(*more, without=()):
    """What Numba is told: the processor's own features, without some and with more."""
    host = binding.get_host_cpu_features()
    kept = [("+" if there and not name.startswith(tuple(without)) else "-") + name for name, there in host.items()]
    return ",".join([*kept, *more])


def compiled_for(name, *more, without=()):
    return {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features(*more, without=without)}


NO_AVX512 = compiled_for("x86-64-v3", without=("avx512", "avx10", "amx"))
NARROW = compiled_for(binding.get_host_cpu_name(), "+prefer-128-bit")
ALL_OFF = {
    **compiled_for("x86-64-v3", "+prefer-128-bit", without=("avx512", "avx10", "amx")),
    "MKL_CBWR": "COMPATIBLE",
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "NPY_DISABLE_CPU_FEATURES": " ".join(NUMPY_OFF),
    "OPENBLAS_CORETYPE": "Prescott",
}
SETTINGS = {
    "no AVX-512": NO_AVX512,
    "MKL": {"MKL_CBWR": "COMPATIBLE"},
    "ATen default": {"ATEN_CPU_CAPABILITY": "default"},
    "ATen AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "oneDNN": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "numpy": {"NPY_DISABLE_CPU_FEATURES": " ".join(NUMPY_OFF)},
    "OpenBLAS": {"OPENBLAS_CORETYPE": "Prescott"},
    "two workers": {},
}
JOBS = {"two workers": 2}
COMPILED = ("no AVX-512",)
"""What changes the machine code of our own kernels: there, networks of every shape are trained as well.

Vectors of 128 bits, too: those are looked at where everything is turned down, as compiling takes a minute.
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return what runs the study under a setting and returns what it printed; the same setting runs once."""
    folder, found = tmp_path_factory.mktemp("anywhere"), {}

    def run(name, switches, jobs=1, everything=False):
        if name not in found:
            arguments = [str(folder / name), str(jobs), str(int(everything))]
            program = [sys.executable, "-m", "tests.portable.study_digests", *arguments]
            own = clean() | switches | {"XDG_CACHE_HOME": str(folder / f"{name} cache")}  # no stacks of another setting
            own.setdefault("NUMBA_CACHE_DIR", os.environ.get("NUMBA_CACHE_DIR") or str(folder / "compiled"))
            done = subprocess.run(program, env=own, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, done.stderr
            found[name] = json.loads(done.stdout)
        return found[name]

    return run


def differences(one, other, path=""):
    """Return the names of all digests that differ."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        return [name for key in one for name in differences(one[key], other[key], f"{path}/{key}")]
    return [] if one == other else [path]


def proven(name, native, here):
    """Whether the switch of a setting took effect; None where this machine has nothing to switch off."""
    was, now = native["about"], here["about"]
    off = set(NUMPY_OFF)
    there_is, found = {
        "no AVX-512": (was["numba"]["registers"] == "zmm", now["numba"]["registers"] == "ymm"),
        "MKL": (was["has mkl"], now["mkl"] != was["mkl"]),
        "ATen default": (was["aten"] != "DEFAULT", now["aten"] == "DEFAULT"),
        "ATen AVX2": (was["aten"] not in ("DEFAULT", "AVX2"), now["aten"] == "AVX2"),
        "oneDNN": (was["has onednn"], now["onednn"] != was["onednn"]),
        "numpy": (bool(off & set(was["numpy"])), not off & set(now["numpy"])),
        "OpenBLAS": (was["openblas"] is not None, now["openblas"] != was["openblas"]),
        "two workers": (True, here["jobs"] == 2 != native["jobs"]),
    }[name]
    return found if there_is else None


@pytest.mark.slow
def test_with_everything_turned_down_the_bytes_of_all_that_is_made_are_the_same(study):
    """A study, networks that diverge, wider ones and polished ones on every loss, and every other target."""
    native, off = (
        study(name, switches, everything=True) for name, switches in (("all", {}), ("all, all off", ALL_OFF))
    )
    assert len(native["digests"]["weights"]) == 7
    assert {"diverged", "wider", "polished", "others"} <= native["digests"].keys()
    assert differences(native["digests"], off["digests"]) == []
    found = {name: proven(name, native, off) for name in ("MKL", "ATen default", "oneDNN", "numpy", "OpenBLAS")}
    assert False not in found.values(), found
    assert off["about"]["sum"] != native["about"]["sum"]
    assert off["about"]["numba"]["registers"] != "zmm"


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_each_switch_alone_changes_no_byte(study, name):
    native = study("all", {}, everything=True) if name in COMPILED else study("native", {})
    here = study(name, SETTINGS[name], JOBS.get(name, 1), name in COMPILED)
    took_effect = proven(name, native, here)
    if took_effect is None:
        pytest.skip("this machine, or its torch or numpy, has nothing here to switch off")
    assert took_effect
    assert differences(native["digests"], here["digests"]) == []


@pytest.mark.slow
def test_how_many_sums_lie_in_registers_changes_no_byte(study, tmp_path):
    other = study("groups", {"PLANT": "groups", "NUMBA_CACHE_DIR": str(tmp_path)}, everything=True)
    assert differences(study("all", {}, everything=True)["digests"], other["digests"]) == []


@pytest.mark.slow
def test_a_sum_that_is_left_to_the_compiler_is_seen(study, tmp_path):
    planted = {"PLANT": "reassoc", "NUMBA_CACHE_DIR": str(tmp_path)}
    native, narrow = study("planted", planted), study("planted narrow", planted | NARROW)
    found = differences(native["digests"], narrow["digests"])
    assert "/tables/metrics/0" in found
    assert not [name for name in found if name.startswith("/weights")]
