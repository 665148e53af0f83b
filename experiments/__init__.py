"""What this checkout measures and the package does not hold: the article's claims, benchmarks, and what makes results.

`claims` says what is claimed and how it is measured, a module and a figure each; `measures` is what only claims
measure; `bench` takes times. `python -m experiments.default_study` makes the reference results again,
`python -m experiments.front` the README's findings; `how_sure` and `digests` stand beside them. What was found, and
what failed, is in LOG.md.
"""
