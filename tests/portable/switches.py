"""What the proofs of this folder switch off, and how they see it; imported by the tests and by what these start."""

import ctypes
import os
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
NUMPY_OFF = ("X86_V3", "X86_V4", "AVX512_ICL", "AVX512_SPR")
"""Names by which numpy 2.4 turns its dispatched code off."""

PREFIXES = ("NUMBA_CPU", "MKL_CBWR", "ATEN_", "ONEDNN_", "NPY_", "OPENBLAS_", "PLANT")


def clean():
    """The environment of a process in which nothing is switched yet, and which finds this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)}
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")])}


def blas_core():
    """What OpenBLAS says that it runs on, None where numpy brings no OpenBLAS of its own."""
    for path in (Path(np.__file__).parents[1] / "numpy.libs").glob("libscipy_openblas*.so"):
        name = ctypes.CDLL(str(path)).scipy_openblas_get_corename64_
        name.restype = ctypes.c_char_p
        return name().decode()
    return None
