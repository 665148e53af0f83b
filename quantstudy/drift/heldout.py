"""Names of the measures at points that networks were neither trained on nor calibrated with, for classes.

>>> HALVES[True]
'heldout_accuracy_quantized_even'
"""

QUANTIZED, DROP = "heldout_accuracy_quantized", "heldout_accuracy_drop"
"""What activations are ranked and deployed by, beside `FLOAT`."""

FLOAT = "heldout_accuracy_float"

HALVES = {True: f"{QUANTIZED}_even", False: f"{QUANTIZED}_odd"}
"""The accuracy on either half of the points: where the best of several is chosen, and where it is judged."""
