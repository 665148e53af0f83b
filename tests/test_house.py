"""The house in one picture (README) is the house that stands; its files and functions are small."""

import ast
import re
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from tests.test_imports import ROOMS

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(path for top in ("quantstudy", "kernels", "experiments") for path in (ROOT / top).rglob("*.py"))
MOST_LINES, MOST_IN_A_FUNCTION, MEDIAN = 300, 60, 150


def picture() -> list[str]:
    """The lines of the tree in the README."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## The house")[1]
    return section.split("```")[1].strip("\n").splitlines()


def rooms_drawn() -> dict[str, str]:
    """Each room of the picture, from the top down, and what it may import."""
    rows = [re.fullmatch(r"  (\w+)/ +(.+?) {2,}(.+)", line) for line in picture()]
    return {row[1]: row[3] for row in rows if row}


def test_the_picture_has_every_room_in_the_order_of_its_imports() -> None:
    drawn = rooms_drawn()
    assert list(drawn) == [room for room in reversed(ROOMS) if room != "errors"]
    assert drawn["cli"] == "any room"
    for above, room in pairwise(drawn):
        assert drawn[room] == ("errors" if room == "drift" else f"below {above}")
    assert len(picture()) <= 25
    assert max(map(len, picture())) <= 120


def test_every_folder_in_the_picture_is_there_and_no_other() -> None:
    rooms = {path.name for path in (ROOT / "quantstudy").iterdir() if (path / "__init__.py").is_file()}
    assert rooms == set(rooms_drawn())
    tops = [line.split("/")[0] for line in picture() if not line.startswith(" ")]
    assert tops == ["quantstudy", "kernels", "experiments"]
    assert all((ROOT / top).is_dir() for top in tops)


def test_every_room_says_what_it_is_for() -> None:
    for room in rooms_drawn():
        assert ast.get_docstring(ast.parse((ROOT / "quantstudy" / room / "__init__.py").read_text(encoding="utf-8")))


@pytest.mark.parametrize("most", [MOST_LINES])
def test_files_are_small(most: int) -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {path: length for path, length in lengths.items() if length > most} == {}
    assert median(lengths.values()) <= MEDIAN


def test_functions_are_short() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= MOST_IN_A_FUNCTION
    }
    assert long == {}
