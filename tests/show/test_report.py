"""The page is one self-contained file, and drawing a run's folder leaves whole files."""

import base64
import hashlib
import json
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quantstudy.engine import drawing
from quantstudy.records.run import Run
from quantstudy.records.schemas import HISTOGRAMS, METRICS, PLANS, RECOVER
from quantstudy.records.store import npz, write_json
from quantstudy.show import names
from quantstudy.show.page.report import VIEWS, page_text, write_report
from quantstudy.words.verdict import more_seeds

TEXTS = dict.fromkeys(("activation", "scheme", "recipe", "metric"), str)
"""Columns of repaired networks that are categories once they are read."""


class Page(HTMLParser):
    """Collects tags; complains about tags that aren't closed in order."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def stored(make_run: Callable[..., Any], tmp_path: Path) -> Run:
    """Return a run whose records are files, as a study writes them."""
    run = make_run(activations=("relu", "silu"), seeds=2, grid=8, hidden=(4, 4), quick=False)
    for name, schema in (("metrics", METRICS), ("histograms", HISTOGRAMS), ("plans", PLANS)):
        frame = run.tables[name].astype(dict.fromkeys(run.tables[name].select_dtypes("category"), str))
        frame = frame.astype({"zero_point": "Int32", "flips": "Int64", "bits": "Int16"} if name == "plans" else {})
        pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), tmp_path / f"{name}.parquet")
    table = pa.Table.from_pandas(run.tables["recover"].astype(TEXTS), schema=RECOVER, preserve_index=False)
    pq.write_table(table, tmp_path / "recover.parquet")
    (tmp_path / "maps.npz").write_bytes(npz(run.arrays))
    write_json(tmp_path / "verdict.json", run.verdict())
    write_json(tmp_path / "manifest.json", run.manifest())
    return Run(tmp_path, run.config)


class Elsewhere(Executor):
    """Runs nothing until it is told to, and then in threads."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.pool = ThreadPoolExecutor(1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        run, name = pickle.loads(pickle.dumps(args))  # what a worker process would get
        self.names.append(name)
        return self.pool.submit(fn, run, name)


@pytest.mark.slow
def test_draw_all_leaves_whole_files_and_a_page_that_holds_them(stored: Run) -> None:
    told: list[tuple[int, int]] = []
    paths = drawing.draw_all(stored, lambda done, total: told.append((done, total)))
    assert paths == [*names.figure_files(stored), stored.folder / "report.html"]
    files = len(names.figure_names(stored)) + 1
    assert told[0] == (0, files)
    assert told[-1] == (files, files)
    assert not [path for path in stored.folder.rglob("*") if path.name.startswith(".") or path.suffix == ".part"]
    page = Page(paths[-1].read_text("utf-8"))
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    shown = [path for path in paths[:-1] if path.stem not in VIEWS]  # the others the page draws itself
    for path, attributes in zip(shown, images, strict=True):
        assert base64.b64decode(str(attributes["src"]).removeprefix("data:image/png;base64,")) == path.read_bytes()
        assert "One" in str(attributes["alt"]) or len(str(attributes["alt"])) > 60
    assert {path.stem for path in shown} == {"maps", "folds", "heatmap_folds", "ranges"}
    links = [attributes.get("href") for tag, attributes in page.tags if tag == "a"]
    assert "#explore" in links
    views = [attributes.get("data-view") for tag, attributes in page.tags if tag == "a"]
    assert {VIEWS[path.stem] for path in paths[:-1] if path.stem in VIEWS} <= set(views)


@pytest.mark.slow
def test_figures_drawn_elsewhere_are_the_same_bytes(stored: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    here = [path.read_bytes() for path in drawing.draw_all(stored)]
    shutil.rmtree(stored.folder / "figures")
    executor = Elsewhere()
    begun = drawing.draw_elsewhere(stored, (*drawing.FROM_RECORDS, *drawing.FROM_VERDICT), executor)
    elsewhere = {"ranges", "folds", "maps", "verdict", "bit_cliff", "recover", "sensitivity", "cause"}
    assert set(begun) == set(executor.names) == elsewhere
    for future in begun.values():
        assert future.result().is_file()
    real, drawn = drawing.draw_figure, []
    monkeypatch.setattr(drawing, "draw_figure", lambda run, name: (drawn.append(name), real(run, name)))
    paths = drawing.draw_all(stored, lambda done, total: told.append((done, total)), begun)
    assert drawn == ["heatmap_decision", "placement", "heatmap_folds"]  # what was begun is not drawn again
    assert [path.read_bytes() for path in paths] == here
    files = len(names.figure_names(stored)) + 1
    assert told[0] == (0, files)  # those are counted when they are waited for
    assert told[-1] == (files, files)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert drawing.draw_elsewhere(stored, drawing.FROM_RECORDS, None) == {}


def test_a_quick_run_has_nothing_beyond_the_schemes(make_run: Callable[..., Any]) -> None:
    run = make_run(activations=("relu", "hardgelu"), seeds=2, grid=8, hidden=(4, 4))
    found = {path.stem for path in names.figure_files(run)}
    beyond = {"sensitivity", "placement", "bit_cliff", "cause", "recover", "engines"}
    assert found == set(names.FIGURE_NAMES) - beyond
    assert not beyond & set(run.verdict())
    assert "<details>" not in page_text(run)
    assert drawing.draw_elsewhere(run, drawing.FROM_VERDICT, Elsewhere()).keys() == {"verdict"}


def test_the_page_holds_the_summary_and_the_numbers_beyond_the_schemes(make_run: Callable[..., Any]) -> None:
    run = make_run(activations=("relu", "hardgelu"), seeds=6, grid=8, hidden=(4, 4), quick=False)
    run.made["recover_seconds"] = {"w4a4": {"polish": {"relu": 0.125}}}
    for name in (*names.VARIED, *names.ADDED):
        drawing.draw_figure(run, name)
    html = page_text(run)
    page = Page(html)
    texts = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("&#39;", "'").replace("&amp;", "&")
    verdict = run.verdict()
    assert 3 <= len(verdict["summary"]) <= 8
    for line in verdict["summary"]:
        assert line in texts
    for row in verdict["cause"]["w4a4"]:
        assert row["sentence"] in texts
    assert len([tag for tag, _ in page.tags if tag == "details"]) == 1 + 2 + 2 + 6 + 1
    assert '<td class="number">0.12</td>' in html  # seconds per network
    assert "A repair changes a trained network, or how it is quantized" in texts
    cells = re.findall(r'<td class="number">(.*?)</td>', html)
    assert {"polish", "qat+polish (chosen)", "3,000", "not measured"} <= set(cells)
    pairs = [pair for judged in verdict["schemes"].values() for pair in judged["more_seeds"]]
    assert pairs  # a tie that more seeds would break
    for pair in pairs:
        assert f"{' and '.join(pair['pair'])}: {more_seeds(pair)}" in texts
    smallest = verdict["bit_cliff"]["both"]["relu"]["smallest"]["0.05"]
    assert f"{smallest['bits']} [{smallest['low']}, {smallest['high']}]" in texts


def test_a_figure_that_fails_elsewhere_is_told_and_no_page_is_written(
    stored: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    future: Future[Path] = Future()
    future.set_exception(OSError(28, "No space left on device"))
    monkeypatch.setattr(drawing, "draw_figure", lambda *_: None)
    with pytest.raises(OSError, match="No space"):
        drawing.draw_all(stored, begun={"maps": future})
    assert not (stored.folder / "report.html").exists()


@pytest.mark.slow
def test_only_the_heatmaps_load_seaborn(stored: Run) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from quantstudy import Run, StudyConfig\nfrom quantstudy.engine import drawing\n"
        "study = StudyConfig(activations=('relu', 'silu'), seeds=2, hidden=(4, 4), grid=8)\n"
        f"run = Run(Path({str(stored.folder)!r}), study)\n"
        "for name in (*drawing.FROM_RECORDS, *drawing.FROM_VERDICT):\n    drawing.draw_figure(run, name)\n"
        "assert 'seaborn' not in sys.modules\n"
        "drawing.draw_figure(run, 'heatmap_folds')\n"
        "assert 'seaborn' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_page_tells_no_seconds_that_are_not_over(make_run: Callable[..., Any]) -> None:
    run = make_run(seeds=2, activations=("relu",))
    before = page_text(run)
    assert "seconds, train" in before
    run.made["seconds"] |= {"judge": 0.5, "draw": 3.0}
    assert page_text(run) == before


def test_a_failed_write_leaves_the_old_figures(stored: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from quantstudy.show.figures import catalogue

    first = names.figure_files(stored)[0]
    first.parent.mkdir()
    first.write_bytes(b"old")

    def full(figure: Any) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(catalogue, "png", full)
    with pytest.raises(OSError, match="No space"):
        drawing.draw_all(stored)
    assert first.read_bytes() == b"old"
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_the_page_is_self_contained(make_run: Callable[..., Any]) -> None:
    html = page_text(make_run(seeds=2))
    page = Page(html)
    for _, attributes in page.tags:
        for key in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(key)
            assert value is None or value.startswith(("data:", "#")), value
    assert {tag for tag, _ in page.tags}.isdisjoint({"iframe", "object", "embed", "base"})
    kinds = [attributes for tag, attributes in page.tags if tag == "script"]
    assert kinds == [{"type": "application/json", "id": "data"}, {"type": "module"}]
    (policy,) = (one["content"] for tag, one in page.tags if "http-equiv" in one)
    assert policy is not None
    script = html.split('<script type="module">')[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}';" in policy
    assert "connect-src" not in policy
    served = page_text(make_run(seeds=2), served=True)
    assert "connect-src 'self'" in served
    assert "@import" not in html
    assert "url(" not in html
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    targets = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [str(attributes["href"])[1:] for tag, attributes in page.tags if tag == "a"]
    assert {link for link in links if not link.startswith("view=")} <= targets
    views = dict(json.loads(html.split('id="data">')[1].split("</script>")[0])["findings"]["views"])
    assert {link.removeprefix("view=") for link in links if link.startswith("view=")} <= set(views)


def test_hostile_texts_are_escaped(make_run: Callable[..., Any]) -> None:
    run = make_run(activations=("relu",), seeds=2)
    hostile = "</title><script>alert('x')</script>\"><img src=x onerror=y>"
    object.__setattr__(run.config, "name", hostile)
    run.made["versions"]["torch"] = hostile
    run.judged["schemes"]["w4"]["reason"] = hostile
    html = page_text(run)
    assert html.count("<script") == 2
    assert "<img" not in html
    assert html.count("&lt;script&gt;") >= 4
    Page(html)


def test_the_page_says_what_the_records_say(make_run: Callable[..., Any]) -> None:
    run = make_run(seeds=4, missing=0.05)
    html = re.sub(r"\s+", " ", page_text(run)).replace("\u00a0", " ")
    for scheme, judged in run.verdict()["schemes"].items():
        assert f'id="ranking-{scheme}"' in html
        assert judged["reason"].replace("'", "&#39;") in html
    assert "boundary_displacement_mean" in html
    assert "Undefined is never counted as 0" in html
    assert "abc1234" in html
    assert ", ".join(run.config.activations) in html
    networks = len(run.config.activations) * run.config.seeds
    assert f"<td>all {4 * networks}</td>" in html
    assert f">{networks} of {networks * run.config.grid**2:,}</td>" in html


def test_one_seed_without_torchao_is_said(make_run: Callable[..., Any]) -> None:
    run = make_run(seeds=1, activations=("relu",))
    run.tables["plans"] = run.tables["plans"][lambda plans: plans["backend"] != "torchao"]
    html = page_text(run)
    assert "One seed was run" in html
    assert "torchao ran none of these schemes" in html
    assert 'class="tied"' not in html


def test_the_page_is_written_without_figures_too(make_run: Callable[..., Any]) -> None:
    run = make_run(seeds=2, activations=("relu",))
    assert isinstance(run.metrics(), pd.DataFrame)
    assert "<img" not in write_report(run).read_text("utf-8")


def test_looking_for_files_loads_no_matplotlib_and_drawing_no_torch() -> None:
    code = (
        "import sys, quantstudy.show\n"
        "assert not {'matplotlib', 'seaborn', 'pandas', 'torch'} & set(sys.modules)\n"
        "import quantstudy.show.figures.catalogue, quantstudy.show.page.report\n"
        "assert not {'torch', 'torchao', 'triton', 'numba'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
