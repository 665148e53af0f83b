"""Which activation to deploy, and how sure one can be: reads records (arrays and data frames), never models.

A verdict must be the same bytes on every processor. What `quantstudy.drift` says of numpy holds here too; beyond it:

- products with the matrices of resamples and signs (`bootstrap.resampled_means`, `bootstrap.paired_p`) are BLAS's, and
  it adds in another order on other processors and with other numbers of threads: the values are first rounded to a grid
  on which every such sum is exact (`bootstrap.on_grid`), so that no order matters. Ties are held up to rounding.
- means over the seeds are `math.fsum`, rounded once. Numbers of verdict.json have 12 decimals (`seeds.number`).
- `scipy.special.ndtr`, `ndtri`, `stdtrit` and `gammaincinv` (`intervals`, `robust`, `power`) are compiled once, for any
  x86-64, use no long double (whose functions are the processor's own), and call the system's exp, log, log1p, expm1
  and pow of doubles, as do `math.log` and `math.log2`; glibc has one variant of these for all processors with FMA.
  `logsumexp` calls numpy's exp and log and is not used.
- `np.quantile` is used with `inverted_cdf` only, which picks a value. `scipy.stats.rankdata` (`multiverse`) gives equal
  values the same rank. `argsort` is stable, and so is `lexsort`.
- resamples and signs come from `Philox.integers`: integer arithmetic.
- pandas selects, pivots and groups, which moves values and computes none; the one mean it takes (`contrasts`) is
  numpy's as long as bottleneck, which no dependency brings, isn't installed. pyarrow reads and counts.
"""
