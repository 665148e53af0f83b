"""Studies of other targets: numbers over x, on a plane that is not square, on no plane, and classes on no plane."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from quantstudy.cli.terminal import print_verdict
from quantstudy.engine import drawing
from quantstudy.records.html import run_html
from quantstudy.show.figures.catalogue import FIGURES, png
from quantstudy.show.figures.maps.layout import in_the_middle, panel_size
from quantstudy.show.figures.maps.pictures import coloured, off
from quantstudy.show.names import figure_files, figure_names
from quantstudy.show.page.report import page_text
from quantstudy.words import page as page_words
from quantstudy.words.tables import tables
from tests.show.conftest import OTHERS, PICTURE

NAMES = ("relu", "silu", "hardgelu")
NUMBERS = [name for name, study in OTHERS.items() if study.get("task") == "regression"]
OF_CLASSES = re.compile(r"accurac|flip|island|\d points|\bright\b(?!:)|logit", re.IGNORECASE)
OF_PLANES = re.compile(r"pixel|over the plane|coordinate|island|\bsea\b", re.IGNORECASE)
ELSEWHERE = re.compile(r"x to the right|Right of 0|Right: |\(right\)")
"""Where «right» is a side."""


@pytest.fixture
def study(make_run: Callable[..., Any]) -> Callable[..., Any]:
    """Return the builder of runs of one of OTHERS."""
    return lambda name, **settings: make_run(**{"activations": NAMES, "quick": False} | OTHERS[name] | settings)


def told(run: Any, words: Callable[[Figure], list[str]]) -> list[str]:
    """Return everything that is said of a run, but for its page's definitions."""
    verdict = run.verdict()
    texts = [*verdict["summary"], *(judged["reason"] for judged in verdict["schemes"].values())]
    texts += [row["sentence"] for rows in verdict["cause"].values() for row in rows]
    for name in figure_names(run):
        texts += words(FIGURES[name](run))
    for made in tables(run.config, verdict).values():
        for table in made:
            texts += [table["caption"], *table["head"], *(cell for row in table["rows"] for cell in row)]
    return [ELSEWHERE.sub("", text) for text in texts]


@pytest.mark.parametrize("name", NUMBERS)
def test_of_numbers_nothing_is_said_as_of_classes(study: Any, words: Any, name: str) -> None:
    texts = told(study(name), words)
    assert any("dB" in text for text in texts)
    assert [text for text in texts if OF_CLASSES.search(text)] == []


@pytest.mark.parametrize("name", ["curve", "numbers", "digits"])
def test_without_a_plane_nothing_is_said_of_one(study: Any, words: Any, name: str) -> None:
    assert [text for text in told(study(name), words) if OF_PLANES.search(text)] == []


@pytest.mark.parametrize("seeds", [4, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in ("picture", "numbers") else ()) for name in OTHERS]
)
def test_no_text_is_cut_off_or_on_other_text(study: Any, looks: Any, name: str, seeds: int) -> None:
    run = study(name, seeds=seeds)
    for figure in figure_names(run):
        drawn = FIGURES[figure](run)
        drawn.set_dpi(72)
        assert looks(drawn) == [], figure


@pytest.mark.parametrize("name", [pytest.param("picture", marks=pytest.mark.slow), "digits"])
def test_missing_values_are_drawn_too(study: Any, looks: Any, name: str) -> None:
    run = study(name, seeds=2, missing=0.4)
    for figure in figure_names(run):
        assert looks(FIGURES[figure](run)) == [], figure


def test_only_what_is_drawn_has_a_name(study: Any) -> None:
    drawn = {"maps", "folds"}
    has = {name: drawn & set(figure_names(study(name))) for name in OTHERS}
    assert has == {"curve": drawn, "picture": drawn, "numbers": set(), "digits": set()}
    assert len(figure_files(study("digits"))) == len(FIGURES) - 3  # nor have engines run its networks
    assert set(figure_names(study("digits", quick=True))) == {"verdict", "heatmap_decision", "heatmap_folds", "ranges"}


def test_the_page_shows_what_there_is(study: Any, tmp_path: Path) -> None:
    run = replace(study("digits"), folder=tmp_path)
    (tmp_path / "figures").mkdir()
    paths = [drawing.draw_figure(run, name) for name in ("verdict", "heatmap_decision")]
    (tmp_path / "figures" / "maps.png").write_bytes(paths[0].read_bytes())  # of an older run, say
    page = page_text(run)
    assert re.findall(r'<h2 id="figure-(\w+)"', page) == ["verdict", "heatmap_decision"]
    assert "Which activation flips fewer decisions, and how sure is that?" in page
    assert "The class with the largest output" in page
    assert "Points that no network was trained on or calibrated with." in page
    assert "boundary_displacement" not in page
    assert "Points that differ in class" in page
    assert f"of {7 * 1500:,}" not in page
    assert f"of {len(NAMES) * 4 * 1500:,}" in page
    line = run.verdict()["learned"]
    assert f"at least\n{100 * line:.1f} % right in the mean" in page


def test_the_page_of_numbers(study: Any) -> None:
    page = page_text(study("picture", learned=20.0, allowed_psnr_drop=1.5))
    text = page[: page.index('<section id="definitions"')]
    for said in (
        "lose no more\nthan 1.5 dB of PSNR at points",
        "(at least\n20.0 dB in the mean)",
        '<th scope="col" class="number">PSNR</th>',
        "PSNR drop over the plane",
        "Largest |Δoutput|",
        "loses at most so many dB",
    ):
        assert said in text
    assert "points of" not in text
    assert "reach less than 20.0 dB in the mean" in page
    assert "unless <code>input_bits</code> is set" in page
    assert "numbers, on the scale of the labels" in page  # tables' labels are standardized, pictures' from −1 to 1


@pytest.mark.parametrize(("name", "defined"), [("digits", "categorical_kl"), ("numbers", "psnr_quantized")])
def test_a_page_defines_what_was_measured_on_rows(study: Any, name: str, defined: str) -> None:
    run = study(name)
    groups = page_words.groups(run.config, {defined, "value_min", "flip_rate", "heldout_accuracy_quantized_even"})
    told = {one.name: one.description for group in groups.values() for one in group}
    assert defined in told
    assert not [text for text in told.values() if re.search("pixel|over the plane|square", text)]


def test_the_terminal_and_the_notebook_say_decibels(study: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = study("numbers")
    print_verdict(run.config, run.verdict(), Path("page"))
    first, heads, units, best, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("w4a4: held-out PSNR after quantization, mean over 4 seeds")
    assert (heads.split()[0], units.split()[1:3]) == ("PSNR", ["dB", "interval"])
    assert "flips" not in heads
    leader = run.verdict()["schemes"]["w4a4"]["ranking"][0]
    assert best.split()[:2] == [leader["activation"], f"{leader['mean']:.1f}"]
    html = run_html(Path("run"), "w4a4", run.verdict())
    assert "<th>PSNR, dB</th>" in html
    assert f"<td>{leader['mean']:.1f}</td>" in html


def test_decibels_are_drawn_as_they_are(study: Any) -> None:
    run = study("picture")
    mean = run.verdict()["schemes"]["w4"]["ranking"][0]["mean"]
    drawn = [line.get_xdata() for ax in FIGURES["verdict"](run).axes for line in ax.lines]
    assert any(len(x) == 1 and x[0] == pytest.approx(mean) for x in drawn)
    rates = run.verdict()["bit_cliff"]["both"]["relu"]["curve"]
    curves = [line.get_ydata() for ax in FIGURES["bit_cliff"](run).axes for line in ax.lines]
    assert any(np.array_equal(y, [point["mean"] for point in rates]) for y in curves)


def test_the_axes_of_the_cliff_are_in_decibels(study: Any, words: Any) -> None:
    texts = [text.replace("\u00a0", " ") for text in words(FIGURES["bit_cliff"](study("numbers")))]
    assert {"0 dB", "0.1 dB", "1 dB", "3 dB", "loses ≤ 3 dB", "loss of PSNR"} <= set(texts)


@pytest.mark.slow
def test_who_has_not_learned_is_marked_before_there_is_a_verdict(study: Any) -> None:
    for line, marked in ((40.0, True), (20.0, False), ("halfway", False)):
        label = FIGURES["maps"](study("picture", learned=line)).get_label()
        assert ("(not learned)" in label) is marked


def test_pictures_keep_their_shape_and_their_colours(study: Any) -> None:
    run = study("picture")
    figure = FIGURES["maps"](run)
    images = [image for ax in figure.axes for image in ax.images if image.get_array().shape[:2] == PICTURE]
    assert len(images) == 1 + 2 * 5 * len(NAMES)  # the target; float and four schemes, each with its difference
    assert np.array_equal(images[0].get_array(), coloured(run.maps()["relu/target"]))
    for image in images:
        left, right, bottom, top = image.get_extent()
        assert (right - left) / (top - bottom) == pytest.approx(PICTURE[1] / PICTURE[0])
        box, (width, height) = image.axes.get_position(), figure.get_size_inches()
        inches = box.width * width / np.ptp(image.axes.get_xlim()), box.height * height / np.ptp(image.axes.get_ylim())
        assert inches == pytest.approx((1.0, 1.0))  # a unit is an inch both ways
    assert png(FIGURES["folds"](run))


def test_the_size_of_a_panel() -> None:
    assert panel_size(2.0, (3, 3)) == (2.0, 2.0)
    assert panel_size(2.0, (3, 4)) == (2.0, 1.5)
    assert panel_size(2.0, (4, 3)) == (1.5, 2.0)
    assert panel_size(2.0, (40, 3)) == (1.0, 2.0)  # the picture takes 0.15 of it
    assert in_the_middle(1.0, (1.0, 2.0), (40, 3)) == pytest.approx((1.425, 1.575))


def test_colours_and_differences() -> None:
    picture = np.array([[[0.0, 0.5, 2.0], [1.0, -1.0, 0.25]]])
    assert coloured(picture).tolist() == [[[0, 128, 255], [255, 0, 64]]]
    assert coloured(np.array([[[0.0], [1.0]]])).tolist() == [[[0] * 3, [255] * 3]]
    assert off(picture, np.zeros((1, 2, 3))).tolist() == [[2.5 / 3, 0.75]]


def test_what_is_not_finite_is_hatched(study: Any, words: Any) -> None:
    for name in ("picture", "curve"):
        run = study(name)
        run.arrays["silu/w4a4/output"][..., 0] = np.nan
        del run.arrays["silu/a4/output"]
        hatched = [patch for ax in FIGURES["maps"](run).axes for patch in ax.patches if patch.get_hatch()]
        assert len(hatched) == (4 if name == "picture" else 2)


def test_curves_are_drawn_in_the_order_of_x(study: Any) -> None:
    run = study("curve")
    order = np.random.default_rng(0).permutation(1500)
    for key, value in run.arrays.items():
        if value.ndim == 2 or key.endswith(("chain/float", "chain/quantized")):
            run.arrays[key] = value[..., order]
    for name in ("maps", "folds"):
        figure, tidy = FIGURES[name](run), FIGURES[name](study("curve"))
        drawn, expected = ([line.get_xydata() for ax in one.axes for line in ax.lines] for one in (figure, tidy))
        assert all(np.array_equal(one, other) for one, other in zip(drawn, expected, strict=True))
        assert any(len(one) == 1500 for one in drawn)


def test_decisions_on_a_plane_that_is_not_square_keep_its_shape(make_run: Any, looks: Any) -> None:
    run = make_run(activations=NAMES, grid=24)
    for key, value in run.arrays.items():
        if np.ndim(value) >= 2:
            run.arrays[key] = value[..., :12, :]
    for name in ("maps", "folds"):
        figure = FIGURES[name](run)
        assert looks(figure) == []
        images = [image for ax in figure.axes for image in ax.images if image.get_array().shape[:2] == (12, 24)]
        assert len(images) == (1 + 5 * len(NAMES) if name == "maps" else 3 * 3 * len(NAMES))
        for left, right, bottom, top in (image.get_extent() for image in images):
            assert (right - left) / (top - bottom) == pytest.approx(2.0)
