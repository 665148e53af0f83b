"""What a notebook shows of a run: its summary and its ranking; nothing that would be read as markup."""

from pathlib import Path
from xml.etree import ElementTree

from quantstudy.config.study import StudyConfig
from quantstudy.records.html import run_html
from quantstudy.records.run import Run

ENTRY = {"activation": "relu", "mean": 0.91234, "low": 0.9, "high": 0.92, "drop": 0.05, "deployable": False}
UNKNOWN = {"activation": "mine:f", "mean": None, "low": None, "high": None, "drop": None, "deployable": True}


def test_the_ranking_and_the_summary_are_shown() -> None:
    verdict = {"unit": "fraction", "summary": ["a < b & c"], "schemes": {"w4a4": {"ranking": [ENTRY, UNKNOWN]}}}
    page = ElementTree.fromstring(run_html(Path("results/a & b"), "w4a4", verdict))
    assert [item.text for item in page.iter("li")] == ["a < b & c"]
    assert page.find("code").text == "results/a & b"
    rows = [[cell.text or "" for cell in row] for row in page.iter("tr")]
    assert rows == [
        ["w4a4", "accuracy, %", "95 % interval", "drop", "deployable"],
        ["relu", "91.2", "90.0 to 92.0", "5.0", "no"],
        ["mine:f", "n/a", "", "n/a", "yes"],
    ]


def test_a_run_without_a_verdict_says_so(tmp_path: Path) -> None:
    assert "No verdict yet" in Run(tmp_path, StudyConfig())._repr_html_()
    assert "<table>" not in run_html(tmp_path, "w5a5", {"schemes": {}})
