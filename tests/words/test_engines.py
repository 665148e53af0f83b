"""What is told of engines: nothing that was not measured, causes in order, numbers as they are."""

from typing import Any

from quantstudy.words.engines import OPERATIONS, causes, engine_lines, engine_tables, notes
from quantstudy.words.figures.engines import title


def row(**cells: Any) -> dict[str, Any]:
    usual = {"engine": "onnx", "version": "1.32.0", "settings": "as usual", "scheme": "w4a4", "recipe": "plain"}
    usual |= {
        "processor": "some",
        "activation": "relu",
        "networks": 3,
        "points": 30000,
        "flips": 0,
        "worst": 0,
        "by": {},
        "ties": 0,
    }
    codes = {"codes": 1000, "differ": 0, "lsb": 0}
    return usual | {"forced_flips": 0, "apart": 1e-6, "bytes": 900, "free": codes, "forced": codes} | cells


def test_no_flip_is_said_to_be_none() -> None:
    (line,) = engine_lines([row(), row(activation="gelu")])
    assert line == (
        "ONNX Runtime (QDQ) 1.32.0 at w4a4 decides as the simulated networks do at all 60,000 points of 6 networks; "
        "all 2,000 codes of hidden layers are equal."
    )


def test_flips_come_with_their_causes_the_most_frequent_first() -> None:
    rows = [row(flips=3, worst=2, by={"tie": 1, "float order": 2}), row(activation="gelu", flips=4, worst=4,
            by={"function": 4}, forced={"codes": 1000, "differ": 7, "lsb": 1},
            free={"codes": 1000, "differ": 9, "lsb": 3})]  # fmt: skip
    (line,) = engine_lines(rows)
    assert (
        "otherwise than the simulated networks at 7 of 60,000 points of 6 networks, at most 4 of one (gelu): " in line
    )
    assert line.index("4 by function") < line.index("2 by float order") < line.index("1 by tie")
    assert " of 2,000 codes of hidden layers 7 layer by layer (by 1 at most) and 9 with errors added up" in line
    assert line.endswith(" (by 3 at most) differ.")


def test_an_engine_without_codes_is_not_said_to_have_equal_ones() -> None:
    (line,) = engine_lines([row(engine="torchao", free=None, forced=None)])
    assert "codes" not in line


def test_schemes_recipes_and_engines_have_sentences_of_their_own() -> None:
    rows = [row(), row(recipe="polish"), row(scheme="w8a8"), row(engine="onnx-int")]
    lines = engine_lines(rows)
    assert len(lines) == 4
    assert "repaired by polish" in lines[1]


def test_every_operation_has_its_meaning() -> None:
    for name, meaning in OPERATIONS.items():
        assert causes([row(by={name: 1})]) == f"1 by {name} ({meaning})"


def test_the_page_says_what_they_ran_with() -> None:
    verdict = {"engines": {"rows": [row()]}}
    assert notes(verdict)[-1] == "ONNX Runtime (QDQ) 1.32.0: as usual; some."
    assert notes({}) == []
    (table,) = engine_tables(None, verdict["engines"])  # type: ignore[arg-type]
    assert all(len(cells) == len(table["head"]) for cells in table["rows"])


def test_the_figures_title_says_what_was_found() -> None:
    assert title([row()]) == (
        "Real engines decide as the simulated networks do, at every point of every network: ONNX Runtime"
    )
    assert title([row(flips=3), row(engine="c", version="cc 12")]) == (
        "Real engines decide otherwise than the simulated networks, most often ONNX Runtime (QDQ) 1.32.0 with relu at "
        "w4a4: at 3 of 30,000 points"
    )
    assert title([]).endswith("None has run these networks")
