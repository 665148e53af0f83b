"""How long compiling takes is counted, and nothing else is."""

import time

import numba
from quantstudy_kernels.cpu.compiling import seconds_compiling


def test_compiling_counts_and_running_does_not() -> None:
    def add(x: float) -> float:
        return x + 1.0

    with seconds_compiling() as seconds:
        time.sleep(0.3)
        assert seconds() == 0.0
        function = numba.njit(add)
        began = time.perf_counter()
        function(1.0)
        first = time.perf_counter() - began
        once = seconds()
        assert 0.5 * first < once <= first
        time.sleep(0.3)
        function(2.0)
        assert seconds() == once
