"""What is asked beyond the schemes: its names stand here once."""

from typing import NamedTuple


class Question(NamedTuple):
    """One question.

    Attributes:
        name: of its analysis, of its table NAME.parquet, and of its file in every room.
        section: its key in verdict.json, and the name of its figure.
    """

    name: str
    section: str


QUESTIONS = (
    Question("cliff", "bit_cliff"),
    Question("placement", "placement"),
    Question("sensitivity", "sensitivity"),
    Question("cause", "cause"),
)
"""In the order of the page. A quick run asks none of them."""
