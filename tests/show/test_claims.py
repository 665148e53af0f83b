"""What the figures of the claims share: every part is told, nothing is cut off, and nothing breaks without values."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from quantstudy.judge.claims import Claim, Part, judge_claims
from quantstudy.show.canvas.page import Page
from quantstudy.show.canvas.style import BEST, LEVELS, styled
from quantstudy.show.figures.claims import findings, height_of, names_width, present, strips, title, write_names

PARTS = (
    Part("first", "the first thing is so", 0.02, "points", 100.0),
    Part(
        "second",
        "and a second one, with a good many more words than fit into a line of its own, so that it must wrap",
        0.0,
    ),
    Part("beside", "measured beside", 0.0, decides=False),
    Part("none", "where nothing shows", 1.5, "points", decides=False),
    Part("missing", "not measured", 0.0, decides=False),
)


def judged(first=0.05, second=-0.1):
    effects = {
        "first": np.full(16, first),
        "second": np.full(16, second),
        "beside": np.full(16, 1.0),
        "none": np.zeros(16),
    }
    return judge_claims([(Claim("c", "It is so.", "By this.", PARTS, "first"), effects)])[0]


@styled
def page_of(found) -> tuple[Page, float]:
    page = Page(height_of(found), "Is it so?", "Read it so.")
    return page, findings(page, found, "what is said")


def test_every_part_is_told_with_effect_and_outcome():
    found = judged()
    page, height = page_of(found)
    texts = [text.get_text() for text in page.figure.texts]
    assert height == pytest.approx(height_of(found))
    words = ("the first thing is so (main part)", "5.00 [5.00, 5.00] points", "supported", "reversed", "(supported)")
    assert set(words) <= set(texts)
    assert "(no effect that matters)" in texts
    assert "In part: the main part holds; the other is reversed." in texts
    assert "not measured here" in texts
    assert "(undecided)" in texts
    second = [text for text in texts if "second one" in text or "must wrap" in text]
    assert len(second) == 2  # wrapped
    colours = {text.get_text(): text.get_color() for text in page.figure.texts}
    assert colours["supported"] == BEST
    assert colours["reversed"] == colours["(no effect that matters)"] == LEVELS


def test_nothing_lies_on_anything_else():
    page, _ = page_of(judged())
    renderer = page.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in page.figure.texts]
    width = page.figure.bbox.width
    for one, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= width
        for other in boxes[one + 1 :]:
            assert not (
                box.x0 < other.x1 - 1 and other.x0 < box.x1 - 1 and box.y0 < other.y1 - 2 and other.y0 < box.y1 - 2
            )


def test_the_title_ends_in_the_verdict():
    assert title("Is it so?", judged()) == "Is it so? In part"
    assert title("Is it so?", judged(second=0.1)) == "Is it so? Supported"
    assert title("Is it so?", judged(first=0.0)) == "Is it so? No effect that matters"


def test_where_nothing_is_claimed_neither_title_nor_table_give_a_verdict():
    parts = tuple(replace(part, decides=False) for part in PARTS)
    (found,) = judge_claims([(Claim("c", "What is it?", "By this.", parts, None), {"first": np.full(16, 0.05)})])
    assert title("What is it?", found) == "What is it?"
    page, height = page_of(found)
    assert height == pytest.approx(height_of(found))
    assert not any("main part" in text.get_text() for text in page.figure.texts)


def test_what_only_the_correction_keeps_open_is_marked():
    values = {"first": np.array([0.05, 0.051, 0.052, 0.053, 0.054])}  # too few for the test, not for the interval
    (found,) = judge_claims([(Claim("c", "It is so.", "By this.", PARTS[:1], "first"), values)])
    page, _ = page_of(found)
    assert "undecided after correction" in [text.get_text() for text in page.figure.texts]


@styled
def strips_of(wide, names):
    figure = Figure()
    ax = figure.add_subplot()
    strips(ax, wide, names, scale=100.0)
    return ax


def test_strips_draw_seeds_scaled_and_say_where_there_are_none():
    wide = pd.DataFrame({"relu": [0.1, 0.2, 0.3], "silu": [np.nan] * 3, "gelu": [0.5, 0.5, 0.5]})
    ax = strips_of(wide, ["relu", "silu", "gelu", "mish"])
    dots = [points.get_offsets()[:, 0].tolist() for points in ax.collections]
    assert dots[0] == pytest.approx([10.0, 20.0, 30.0])
    assert len(dots[1]) == len(dots[3]) == 0
    assert [text.get_text() for text in ax.texts] == ["n/a", "n/a"]
    means = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    assert means == pytest.approx([20.0, 50.0])


def test_longer_names_take_more_room():
    page = Page(2.0, "t", "r")
    write_names(page, ["relu", "silu"], 1.0, 0.0, 0.3)
    assert names_width(["relu", "hardgelu_uncapped"]) > names_width(["relu"])


def test_names_that_a_table_has_keep_their_order():
    table = pd.DataFrame({"activation": pd.Categorical(["silu", "relu", "silu"])})
    assert present(table, ["relu", "mish", "silu"]) == ["relu", "silu"]
