"""What only claims measure: functions of arrays and networks, which know nothing of a claim, its table or its figure.

What a claim has measured is found again only while the modules of this folder that it imports are the same; so what its
numbers come from stands here, in modules of one reason to change each.

The rules of `quantstudy.drift` for the same bytes on every processor hold here too, but for what rests on BLAS and
LAPACK: `probes.layer_r2` (QR, singular values), `capacity.spectrum` (covariance, eigenvalues), `enlarged` (Newton's
method), whatever multiplies tensors. What else is used here beyond those rules: einsum of whole numbers (`regions`),
which is exact modulo 2^64, and `scipy.stats.rankdata` (`probes`), which gives equal values the same rank in whatever
order it found them.
"""
