"""The activations: the catalogue, functions from outside, and the traits that are measured of both."""
