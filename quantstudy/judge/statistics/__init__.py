"""Statistics of a few seeds, as functions of arrays."""
