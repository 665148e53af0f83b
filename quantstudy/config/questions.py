"""The questions that a study asks beyond its schemes, and their names."""

from typing import NamedTuple


class Question(NamedTuple):
    """One question.

    Attributes:
        name: name of its analysis, of its table NAME.parquet, and of its file in every subpackage.
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
"""All questions in the order of the page. A quick run asks none of them."""
