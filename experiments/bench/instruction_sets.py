"""Which vector instructions a benchmark runs on, and how to do without the widest of them."""

import os

from llvmlite import binding
from numba.core.registry import cpu_target

WIDEST = ("avx512", "avx10", "amx")


def compiled_for() -> str:
    """Return the widest vectors that Numba compiles for in this process: `AVX-512`, `AVX2` or `SSE`."""
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    return next((name for flag, name in (("+avx512f", "AVX-512"), ("+avx2", "AVX2")) if flag in features), "SSE")


def without_avx512() -> dict[str, str]:
    """Return the environment of a process in which nothing that is compared uses AVX-512.

    Numba compiles for another processor, XLA and oneDNN have an upper limit, ATen takes its AVX2 kernels. MKL's matrix
    product obeys on Intel's processors; on AMD's it takes no limit and reaches the same rate either way.
    """
    host = binding.get_host_cpu_features()
    features = (("-" if not there or name.startswith(WIDEST) else "+") + name for name, there in host.items())
    return {
        **os.environ,
        "NUMBA_CPU_NAME": "x86-64-v3",
        "NUMBA_CPU_FEATURES": ",".join(features),
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa=AVX2".strip(),
    }
