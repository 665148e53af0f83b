"""Studies that once went wrong, each with what was wrong; `make test` replays them."""

CASES: dict[str, str] = {}
