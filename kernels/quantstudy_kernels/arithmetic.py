"""The revision of the arithmetic: which results are the same bytes everywhere, and the number that names them.

In everything whose result reaches a record the source fixes the order of each sum and says whether a·b + c is fused;
nothing is left to the compiler's vector width or to a library's choice of code. So the results of

- activations that have a kernel here,
- trained by the fused trainer on the CPU,
- and measured by the simulated backend

are the same bytes on every x86-64 processor with FMA, whatever its vector width, the threads, the workers. Elsewhere
they are computed all the same (a fused multiply-add that the processor lacks is done in software, exactly), without the
promise. What names such results (folders, cells, entries of the cache) therefore holds this revision and no processor.

Importing this file loads nothing: what starts cells and reads records asks for it, long before torch or Numba is there.
"""

REVISION = 1
"""Raised whenever a change makes any portable result another: what was computed before is then not found any more, or
refused, and never mixed with what is computed now."""
