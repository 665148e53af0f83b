"""The stacked network, and how it is trained."""
