"""The gate: are enough of a run's networks, or is one network, within a team's limits?"""
