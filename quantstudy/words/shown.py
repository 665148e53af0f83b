"""Which of the seeds a figure shows that can show one only."""

MEDIAN = {"flip_rate": "flip rate", "psnr_drop": "loss of PSNR"}
"""What the median is of, by the measure."""


def chosen(seed: int, seeds: int, disturbed: str = "flip_rate") -> str:
    """Return the seed that is shown of a study, and why that one.

    Args:
        seed: which.
        seeds: of how many.
        disturbed: the measure that it is the median of.

    >>> chosen(0, 1)
    'One seed was run.'
    >>> chosen(7, 16).partition(";")[0]
    'Seed 7: of 16 the one with the median flip rate, mean over the activations'
    """
    if seeds == 1:
        return "One seed was run."
    return (
        f"Seed {seed}: of {seeds} the one with the median {MEDIAN[disturbed]}, mean over the activations; it shows "
        "what happens, it ranks nothing."
    )
