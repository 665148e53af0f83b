"""Operations on the CPU, compiled by Numba: kept on disk after the first use, deterministic, one thread per call."""
