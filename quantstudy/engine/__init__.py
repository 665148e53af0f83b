"""How a study runs: its pipeline, the cells that work is cut into, and the processes that they run in."""
