"""The revision of the arithmetic: which results are the same bytes everywhere, and the number that names them.

In everything whose result reaches a record the source fixes the order of each sum and says whether a·b + c is fused;
nothing is left to the compiler's vector width or to a library's choice of code. So the results of

- activations that have a kernel here,
- trained by the fused trainer on the CPU,
- and measured by the simulated backend

are the same bytes on every x86-64 processor with FMA, whatever its vector width, the threads, the workers. Elsewhere
they are computed all the same (a fused multiply-add that the processor lacks is done in software, exactly), without the
promise. What names such results (folders, cells, entries of the cache) therefore holds this revision and no processor.

What libraries still compute on the way from a seed to a record, and why it may stay (drift and judge have lists of
their own in their docstrings):

- numpy's Philox streams: whole numbers; the normal deviates of the first weights are a table's but for one in a
  hundred, which takes exp and log1p of the C library, scalar code that every processor with FMA runs alike;
- `noise`: float32 in C, compiled where it is installed, as a rule for any x86-64 and so without fused products; what
  it computes is looked at, and keys and a notice name another build (`quantstudy.engine.portability`);
- `math.cos` of the C library in the learning rates, once a step, rounded to float32; powers of Adam's constants are
  products, as numpy's power is vector code that differs;
- numpy and torch: + − · / and roots one at a time, minima, maxima, ranks (`topk`), rounding: exact everywhere.
  torchao's choice of scales is made of these;
- comparisons of logits and whole-number counts.

torch's matrix products, sums and functions (gelu, sigmoid) decide no such record.

Importing this file loads nothing: what starts cells and reads records asks for it, long before torch or Numba is there.
"""

REVISION = 3
"""Raised whenever a change makes any portable result another: what was computed before is then not found any more, or
refused, and never mixed with what is computed now."""
