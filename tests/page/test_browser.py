"""The page in a real browser: what it says, what it asks for, who can use it."""

import json
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine.pipeline import run_study
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.run import Run
from quantstudy.show.page.report import page_text

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
Open = Callable[..., Any]

TOLD = ".panel:not([hidden]) .told"


def told(page: Any) -> str:
    """Return the sentence of the first panel once what was chosen has been drawn: two frames and a task later."""
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )
    return str(page.locator(TOLD).first.text_content())


def flips(page: Any) -> int:
    cell = page.locator(".panel .statistics td").first.text_content()
    return int(re.search(r"\(([\d,]+)\)", cell).group(1).replace(",", ""))


def settings_of(scheme: str) -> str:
    parsed = parse_scheme(scheme)
    dynamic = "8dyn" if parsed.dynamic else None
    parts = {"weights": parsed.weights, "activations": parsed.activations}
    named = {name: "float" if form is None else form.in_scheme for name, form in parts.items()}
    return f"weights={named['weights']}&activations={dynamic or named['activations']}"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_disk_and_says_asks_and_scrolls_nothing(
    small_page: Path, opened: Open, width: int, scheme: str
) -> None:
    page = opened(small_page, width=width, color_scheme=scheme)
    assert "pixels change class" in told(page)
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 24, 29)")
    assert page.said == []
    if width == 390:
        small = page.locator("button, select, summary, input").evaluate_all(
            "all => all.filter((one) => one.checkVisibility()).map((one) => [one.outerHTML.slice(0, 90),"
            " ...(({width, height}) => [width, height])((one.closest('label') ?? one).getBoundingClientRect())])"
            ".filter(([, width, height]) => Math.min(width, height) < 43.5)"
        )
        assert small == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: make tests/page/node_modules/.installed")
@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(small_page: Path, opened: Open, width: int, scheme: str) -> None:
    page = opened(small_page, "#beside=relu", width=width, color_scheme=scheme)
    told(page)
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    page.evaluate(AXE.read_text("utf-8"))
    every_level = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("levels => axe.run(document, {runOnly: levels})", every_level)
    said = [(one["id"], one["impact"], [node["html"][:120] for node in one["nodes"]]) for one in found["violations"]]
    assert said == []
    assert len(found["passes"]) > 20


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_every_network_flips_as_many_pixels_as_the_records_say(
    small_run: Run, small_page: Path, opened: Open, seed: int
) -> None:
    page = opened(small_page)
    table = small_run.metrics()
    chosen = (table["metric"] == "flip_rate") & (table["backend"] == "simulated") & (table["scope"] == "network")
    rates = table[chosen & (table["seed"] == seed)].set_index(["activation", "scheme"])["value"]
    assert len(rates) == 7 * 11
    points = small_run.config.grid**2
    wrong = {}
    for (activation, scheme), rate in rates.items():
        fragment = f"#activation={activation}&seed={seed}&{settings_of(scheme)}"
        page.evaluate("fragment => { location.hash = fragment; }", fragment)
        text = told(page)
        assert text.startswith(f"{activation}, seed {seed}, {scheme}:")
        if flips(page) != round(rate * points):
            wrong[activation, scheme] = flips(page), round(rate * points)
    assert wrong == {}
    assert rates.max() > 0.1


def test_a_link_is_a_finding_and_garbage_is_told(small_page: Path, opened: Open) -> None:
    page = opened(small_page, "#activation=gelu&seed=1&weights=3&activations=f8&placement=both&fold=difference")
    assert told(page).startswith("gelu, seed 1, w3af8, activations quantized before and behind: ")
    assert page.locator("#control-placement").input_value() == "both"
    page.locator("#control-weights").press("ArrowRight")
    assert told(page).startswith("gelu, seed 1, w4af8, activations quantized before and behind: ")
    again = opened(small_page, page.evaluate("location.hash"))
    assert told(again) == told(page)
    assert again.evaluate("location.hash") == page.evaluate("location.hash")
    bad = opened(small_page, "#activation=<b>&seed=2&weights=17&colour=red&neuron=3.0")
    assert told(bad).startswith(
        f"{page.evaluate('JSON.parse(document.getElementById(`data`).textContent).study.best')}"
    )
    said = bad.locator("#problems p").all_text_contents()
    assert len(said) == 5
    assert "<b>" in said[0]
    assert "from 0.0 to 2.7" in said[4]
    assert bad.said == page.said == []


def test_the_keyboard_reaches_and_moves_everything(small_page: Path, opened: Open) -> None:
    page = opened(small_page)
    page.locator("#control-activation").focus()
    reached = []
    for _ in range(40):
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.slice(0, 20)"))
        page.keyboard.press("Tab")
    assert {"control-seed", "control-weights", "control-activations"} <= set(reached)
    page.locator(".more > summary").press("Enter")
    for name in ("beside", "inputs", "placement", "observer", "cap", "fold", "repaired"):
        page.locator(f"#control-{name}").focus()
        assert page.evaluate("document.activeElement.id") == f"control-{name}"
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    fold = page.locator(".fold[tabindex='0']").first
    fold.focus()
    before = page.locator(".neuron h4").first.text_content()
    page.keyboard.press("ArrowLeft")
    after = page.locator(".neuron h4").first.text_content()
    assert before != after
    page.keyboard.press("Enter")
    told(page)
    layer, neuron = re.findall(r"\d+", after)
    assert f"neuron={layer}.{neuron}" in page.evaluate("location.hash")
    assert page.locator(".fold[aria-pressed='true']").count() == 1


def test_play_goes_down_bit_by_bit_and_stops(small_page: Path, opened: Open) -> None:
    page = opened(small_page, "#weights=float")
    page.clock.install()
    page.get_by_role("button", name="16 → 2 bits").click()
    seen = [page.locator("#control-activations").get_attribute("aria-valuetext")]
    for _ in range(20):
        page.clock.run_for(900)
        seen.append(page.locator("#control-activations").get_attribute("aria-valuetext"))
    assert seen[:3] == ["16 bits", "15 bits", "14 bits"]
    assert seen[-1] == "2 bits"
    assert page.locator("#control-weights").get_attribute("aria-valuetext") == "float"
    assert page.get_by_role("button", name="16 → 2 bits").count() == 1


def test_ranges_that_are_not_known_are_greyed_out(small_page: Path, opened: Open) -> None:
    page = opened(small_page, "#weights=4&activations=4")
    told(page)
    observers = page.locator("#control-observer option")
    disabled = "all => all.filter((one) => one.disabled).map((one) => one.value)"
    assert observers.evaluate_all(disabled) == []
    page.locator("#control-activations").press("ArrowRight")
    told(page)
    assert observers.evaluate_all(disabled) == ["percentile", "mse"]
    page.evaluate("location.hash = '#observer=mse&activations=5'")
    assert "searched for" in told(page)
    assert not page.locator(".panel .decisions").first.is_visible()
    page.evaluate("location.hash = '#observer=mse&activations=8'")
    assert "change class" in told(page)
    page.evaluate("location.hash = '#activation=relu&observer=mse&activations=8&cap=3'")
    assert "capped as trained" in told(page)
    assert observers.evaluate_all(disabled) == ["percentile", "mse"]
    assert page.said == []


def test_repaired_networks_are_those_of_their_scheme(small_run: Run, small_page: Path, opened: Open) -> None:
    data = json.loads(re.search(r'id="data">(.*?)</script>', small_page.read_text("utf-8")).group(1))
    (name,) = data["live"]["repaired"]
    table = small_run.recovered()
    chosen = (table["activation"] == name) & (table["recipe"] == "polish") & (table["scheme"] == "w4a4")
    own = table[chosen & (table["metric"] == "heldout_accuracy_quantized")].set_index("seed")["value"]
    for seed in (0, 1):
        page = opened(small_page, f"#activation={name}&seed={seed}&weights=7&observer=percentile")
        page.locator(".more > summary").click()
        page.locator("#control-repaired").check()
        text = told(page)
        assert f"{name}, seed {seed}, w4a4, repaired: " in text  # its ranges are those that it was repaired with
        assert f"and {100 * own[seed]:.1f} % quantized" in text
        page.locator("#control-weights").press("ArrowRight")
        assert "repaired" not in told(page)
        assert not page.locator("#control-repaired").is_checked()


def open_found(page: Any, activation: str, seed: int) -> None:
    page.locator("#findings-activation").select_option(activation)
    page.locator("#findings-seed").select_option(str(seed))
    page.get_by_role("button", name="Open this network").click()


def test_a_seed_that_was_found_opens_as_the_study_quantized_it(small_run: Run, small_page: Path, opened: Open) -> None:
    page = opened(small_page, "#cap=none&placement=both&observer=percentile&inputs=3&repaired=yes")
    open_found(page, "silu", 1)
    table = small_run.metrics()
    chosen = (table["metric"] == "heldout_accuracy_quantized") & (table["backend"] == "simulated")
    own = table[chosen].set_index(["activation", "seed", "scheme"])["value"]
    scheme = small_run.config.focus_scheme
    assert told(page).startswith(f"silu, seed 1, {scheme}: ")
    assert f"and {100 * own['silu', 1, scheme]:.1f} % quantized" in told(page)
    page.locator("#findings-view").select_option("recover")
    data = json.loads(re.search(r'id="data">(.*?)</script>', small_page.read_text("utf-8")).group(1))
    (name,) = data["live"]["repaired"]
    open_found(page, f"{name}, polish", 0)
    assert told(page).startswith(f"{name}, seed 0, w4a4, repaired: ")
    open_found(page, f"{name}, plain", 0)
    assert told(page).startswith(f"{name}, seed 0, w4a4: ")
    assert page.said == []


@pytest.fixture
def page_of_drawn(small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page of a run that has drawn a figure."""
    (tmp_path / "recover.png").touch()
    monkeypatch.setattr("quantstudy.show.page.report.figure_files", lambda _: [tmp_path / "recover.png"])
    (tmp_path / "page.html").write_text(page_text(small_run), "utf-8")
    return tmp_path / "page.html"


def test_a_finger_reads_a_dot_before_it_opens_it(small_page: Path, opened: Open) -> None:
    page = opened(small_page, width=390, has_touch=True)
    before = told(page)
    dot = page.locator(".findings-chart circle[r='3.5']").nth(1)
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.touchscreen.tap(*place)
    read = page.locator(".findings-readout").text_content()
    assert "second tap opens it" in read
    assert told(page) == before
    page.touchscreen.tap(*place)
    name, scheme, seed = re.match(r"(\w+), (\w+), seed (\d)", read).groups()
    assert told(page).startswith(f"{name}, seed {seed}, {scheme}: ")
    page.locator(".fold").nth(3).tap()
    assert "neuron=0.3" in page.evaluate("location.hash")
    assert page.said == []


def test_a_link_to_a_chart_leaves_the_rest_as_it_was_chosen(
    page_of_drawn: Path, small_page: Path, opened: Open
) -> None:
    at = "document.getElementById('explore').getBoundingClientRect().top"
    page = opened(page_of_drawn, "#activation=gelu&seed=0")
    before = told(page)
    page.locator("a[data-view=recover]").click()
    assert abs(page.evaluate(at)) < 2
    assert page.locator("#findings-view").input_value() == "recover"
    assert told(page) == before
    assert page.evaluate("location.hash") == "#activation=gelu&seed=0&view=recover"
    again = opened(small_page, "#view=recover")
    told(again)
    assert abs(again.evaluate(at)) < 2


@pytest.mark.slow
def test_a_network_that_is_not_in_the_page_cannot_be_opened_and_that_is_told(tmp_path: Path, opened: Open) -> None:
    schemes, names = ("wf8af8-w8a8",), ("relu", "tanh")
    config = StudyConfig(activations=names, schemes=schemes, seeds=1, steps=5, grid=8, quick=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("quantstudy.engine.drawing.draw_all", lambda *_, **__: None)
        run = run_study(config, tmp_path / "run")
    (tmp_path / "page.html").write_text(page_text(run), "utf-8")
    page = opened(tmp_path / "page.html")
    for scheme, name, there in (("w4a4", "relu", True), ("w4a4", "tanh", False), ("wf8af8-w8a8", "relu", False)):
        page.locator("#findings-scheme").select_option(scheme)
        open_found(page, name, 0)
        assert ("does not hold" in page.locator(".findings-readout").text_content()) != there
    assert page.said == []


def test_a_printed_page_has_the_maps_the_chart_and_every_table(page_of_drawn: Path, opened: Open) -> None:
    page = opened(page_of_drawn)
    told(page)
    page.emulate_media(media="print")
    seen = "all => all.map((one) => one.checkVisibility({ contentVisibilityAuto: true }))"
    for wanted in (".panel:not([hidden]) .decisions canvas", ".findings-chart svg", "details table"):
        found = page.locator(wanted).evaluate_all(seen)
        assert found
        assert all(found), wanted
    for useless in (".controls", "a[data-view]", "button.quiet"):
        assert not any(page.locator(useless).evaluate_all(seen))


def test_controls_do_not_stand_before_the_maps_where_there_is_little_room(small_page: Path, opened: Open) -> None:
    position = "getComputedStyle(document.querySelector('.controls')).position"
    page = opened(small_page, width=390)
    assert page.evaluate(position) == "sticky"
    page.locator(".more > summary").click()
    assert page.evaluate(position) == "static"
    low = opened(small_page, viewport={"width": 800, "height": 390})
    assert low.evaluate(position) == "static"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["sine", "texture"])
def test_numbers_are_as_good_as_the_records_say(tmp_path: Path, opened: Open, target: str) -> None:
    config = StudyConfig().with_options(
        target=target, activations=("relu", "silu"), seeds=2, steps=30, grid=12, hidden=(6, 6), quick=True
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("quantstudy.engine.drawing.draw_all", lambda *_, **__: None)
        run = run_study(config, tmp_path / "run")
    (tmp_path / "page.html").write_text(page_text(run), "utf-8")
    page, table = opened(tmp_path / "page.html"), run.metrics()
    chosen = (table["backend"] == "simulated") & (table["scope"] == "network")
    table = table[chosen].set_index(["metric", "activation", "seed", "scheme"])["value"]
    for activation, seed, scheme in product(config.activations, (0, 1), ("w4", "a4", "w4a4", "w8a8")):
        fragment = f"#activation={activation}&seed={seed}&{settings_of(scheme)}"
        page.evaluate("fragment => { location.hash = fragment; }", fragment)
        assert told(page).startswith(f"{activation}, seed {seed}, {scheme}:")
        cells = [text.split(" → ") for text in page.locator(".panel .statistics td").all_text_contents()]
        for (_, after), metric in zip(cells[:2], ("psnr_quantized", "heldout_psnr_quantized"), strict=True):
            assert float(after.replace("−", "-")) == pytest.approx(table[metric, activation, seed, scheme], abs=0.051)
    assert page.said == []
    assert page.locator("svg.curve" if target == "sine" else ".decisions canvas").first.is_visible()


def test_maps_are_saved_as_a_picture(small_page: Path, opened: Open, tmp_path: Path) -> None:
    page = opened(small_page, "#activation=silu&seed=1")
    told(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save these maps").first.click()
    assert download.value.suggested_filename == "silu-w4a4-seed1.png"
    download.value.save_as(tmp_path / "maps.png")
    from PIL import Image

    with Image.open(tmp_path / "maps.png") as picture:
        assert picture.size == (3 * 4 * 24 + 64, 4 * 24 + 96)
        assert len(picture.convert("RGB").getcolors(100_000)) > 4
