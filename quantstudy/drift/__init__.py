"""What quantization did: pure functions of numpy arrays, without models and without files.

What is measured here stands in records, and a study must give the same bytes on every processor. So each operation of a
library that is used here was looked at, as numpy, BLAS and LAPACK choose their code by the processor:

- `+ - * /`, sqrt, square (also as `x**2`), abs, floor, ceil, rint, comparisons, where, clip, minimum, maximum: IEEE 754
  rounds in one way only.
- exp, log, log1p, log2, log10: `quantstudy_kernels.elementary`; numpy's own differ. Powers like x^1.5 likewise: written
  as products and roots. hypot is the system's: written as a root.
- sum, mean, std along any axis: numpy's pairwise order depends on the shape alone and is the same in all its targets
  (tests/portable). cumsum and `bincount` with weights add one after another. einsum and tensordot are not used on
  floating-point numbers, nor is `@`: BLAS has an order of its own (`shapley` adds the coalitions in a loop).
- counts (`count_nonzero`, `bincount`, cumsum of them) are exact, and random whole numbers (`Generator.integers`) come
  from integer arithmetic.
- sort, partition, median, max and min are other programs on other processors, but values have one order, and what
  follows takes the values, not their places. Two things show through: which of 0 and -0, and which code of NaN; so a
  record has one code for each (`schemas.rows`). `argsort` is always asked to be stable.
- what `quantstudy_kernels.cpu` counts and sums has its order in its own source.
"""
