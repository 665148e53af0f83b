"""From a verdict to a device: networks as files of engines, what the engines really compute, and the gate of a team."""
