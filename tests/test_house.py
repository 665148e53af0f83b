"""The house in one picture (README) is the house that stands."""

import ast
import re
from itertools import pairwise
from pathlib import Path

from tests.test_imports import ROOMS

ROOT = Path(__file__).resolve().parents[1]


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
