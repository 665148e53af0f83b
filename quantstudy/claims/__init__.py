"""The article's claims: what each says, how it is measured, what it takes to call it supported; run, kept, reported.

A claim is a module of `experiments/claims/`, its figure the one beside it (`experiment` says what they hold). This room
runs them piece by piece (`run`), keeps their tables (`records`) and writes the ledger (`ledger`).
"""
