"""The names of what is asked beyond the schemes stand once; every room has exactly one answer for each."""

from quantstudy.config.questions import QUESTIONS
from quantstudy.engine.worker import VARIATIONS
from quantstudy.records.folders import RECORDS
from quantstudy.records.schemas import VARIATION_TABLES
from quantstudy.show.figures.catalogue import FIGURES
from quantstudy.show.names import FIGURE_NAMES

NAMES, SECTIONS = ({getattr(question, field) for question in QUESTIONS} for field in ("name", "section"))


def test_every_question_has_an_analysis_a_table_and_a_figure() -> None:
    assert set(VARIATIONS) == set(VARIATION_TABLES) == NAMES
    assert {f"{name}.parquet" for name in NAMES} <= set(RECORDS)
    assert SECTIONS <= set(FIGURE_NAMES) == set(FIGURES)
    assert len(QUESTIONS) == len(NAMES) == len(SECTIONS)
