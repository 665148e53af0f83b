"""What the README and results/README.md say is what the catalogue and the reference results hold."""

import json
import re
from pathlib import Path

import pytest

from experiments import default_study, engines, front, repairs, screenshots, tasks_table
from experiments.blocks import with_block
from quantstudy.config.toml import read_toml
from quantstudy.drift.catalogue import METRICS
from quantstudy.records.folders import RECORDS

ROOT = Path(__file__).resolve().parents[1]
DIRECTIONS = {"lower": "lower is better", "higher": "higher is better", "neither": "neither"}


def test_results_readme_lists_every_metric_with_unit_and_direction():
    table = (ROOT / "results/README.md").read_text().split("| metric |")[1].splitlines()
    told = [line for line in table if line.startswith("| `")]
    assert told == [
        f"| `{m.name}` | {', '.join(m.scope)} | {m.unit} | {DIRECTIONS[m.better]} | {m.description} |"
        for m in METRICS.values()
    ]


def test_results_readme_names_every_record():
    text = (ROOT / "results/README.md").read_text()
    assert [name for name in (*RECORDS, "study.toml", "manifest.json", "verdict.json") if f"`{name}`" not in text] == []


def test_readme_block_is_made_from_the_reference_verdict():
    verdict = json.loads((ROOT / "results/default/verdict.json").read_text())
    blocks = (("README.md", default_study.printed), ("results/README.md", default_study.losses))
    for page, made in blocks:
        text = (ROOT / page).read_text()
        assert with_block(text, default_study.MARKS, made(verdict)) == text
    verdict["schemes"]["w4a4"]["ranking"][0]["drop"] += 0.01
    for page, made in blocks:
        text = (ROOT / page).read_text()
        assert with_block(text, default_study.MARKS, made(verdict)) != text


def test_the_table_of_repairs_is_made_from_what_is_kept_and_it_shows_what_is_said():
    found = json.loads(repairs.TO.read_text())
    text = (ROOT / "results/README.md").read_text()
    assert with_block(text, repairs.MARKS, repairs.table(found)) == text
    eight, four = (found["schemes"][scheme] for scheme in repairs.SCHEMES)
    assert eight["polish"]["deployable"]
    assert eight["polish"]["pass_share"] * found["seeds"] >= 30
    assert eight["polish"]["steps"] == 0
    assert four["plain"]["drop"] - four["polish"]["drop"] >= 0.08
    assert eight["qat+polish"]["drop"] <= 0.015
    assert four["qat+polish"]["drop"] <= 0.03
    longest = repairs.RECIPES.rpartition(",")[2]
    assert four[longest]["drop"] <= 0.02
    assert four[longest]["steps"] <= 30_000


def test_the_tables_of_engines_are_made_from_what_is_kept_and_they_show_what_is_said():
    found = json.loads(engines.TO.read_text())
    text = engines.PAGE.read_text()
    assert with_block(text, engines.MARKS, engines.tables(found)) == text
    flips, points = {}, 0
    for row in found["engines"]:
        flips[row["engine"]] = flips.get(row["engine"], 0) + row["flips"]
        points += row["points"] * (row["engine"] == "onnx")
        assert "unexplained" not in row["by"]
        assert row["forced"] is None or row["forced"]["lsb"] <= 1
        assert row["networks"] == found["seeds"] == engines.SEEDS
        exact = row["activation"] not in ("silu", "gelu")
        assert row["worst"] <= (2 if row["engine"] != "c" or exact else 16)  # of 32 768 points, 16 384 twice
    assert len(found["engines"]) == 7 * (3 * 3 + 1)
    readme = (ROOT / "README.md").read_text()
    assert f"does at all {points:,} points, and the C file at all but {flips['c']};" in readme
    assert flips["onnx"] == flips["onnx-int"] == 0
    naive = {(row["activation"], row["scheme"], row["graph"]): row["by"] for row in found["naive"]}
    assert naive["relu", "w4a4", "bias inside the Gemm"] == {"re-quantized bias": 2800}
    assert f"{sum(naive['relu', 'w4a4', 'bias inside the Gemm'].values()):,} of 49,152" in readme
    assert set(naive["hardgelu", "w4", "MatMul"]) == {"graph optimizer"}


def test_reference_results_are_those_of_the_default_study():
    from quantstudy.config.study import StudyConfig

    assert read_toml(ROOT / "results/default/study.toml") == StudyConfig()
    assert json.loads((ROOT / "results/default/manifest.json").read_text())["state"] == "complete"
    assert default_study.KEPT[-1] == "figures"
    for image in ("heatmap_decision", "maps"):
        assert (ROOT / f"results/default/figures/{image}.png").stat().st_size > 10_000
    pictures = {one.name for one in screenshots.PICTURES}
    assert {path.stem for path in screenshots.TO.glob("*.png")} == pictures
    shown = set(re.findall(r"docs/pictures/(\w+)\.png", (ROOT / "README.md").read_text()))
    assert shown == {"live", "found"} < pictures


def test_readme_front_is_made_from_the_claims():
    found = front.judged(front.CLAIMS)
    readme = (ROOT / "README.md").read_text()
    assert with_block(readme, front.MARKS, front.block(found)) == readme
    assert len(front.FINDINGS) == 5
    told = front.block(found)
    for finding in front.FINDINGS:
        assert f"`quantstudy claim {finding.claim}`" in told
        assert "{" in finding.says
        assert finding.holds


def test_the_table_of_tasks_is_made_from_what_is_kept():
    from quantstudy.config.sweep import read_sweep
    from quantstudy.config.tasks import tasks_sweep
    from quantstudy.words.tasks import tasks_lines

    found = json.loads((tasks_table.KEPT / "tasks.json").read_text())
    readme = (ROOT / "README.md").read_text()
    assert with_block(readme, tasks_table.MARKS, tasks_table.block(found)) == readme
    assert found["summary"] == tasks_lines(found)
    assert read_sweep(tasks_table.KEPT / "sweep.toml") == tasks_sweep()
    assert list(json.loads((tasks_table.KEPT / "digests.json").read_text())) == sorted(
        f"activation={name.replace('@', '%40')}" for name in tasks_sweep().base.activations
    )
    assert (tasks_table.KEPT / "figures/tasks.png").stat().st_size > 10_000


def test_a_finding_that_came_out_another_way_is_refused():
    from dataclasses import replace

    from quantstudy.errors import StudyFailure

    found = front.judged(front.CLAIMS)
    name = front.FINDINGS[0].claim
    result, table, about = found[name]
    turned = tuple(replace(outcome, verdict="elsewhere") for outcome in result.outcomes)
    with pytest.raises(StudyFailure, match="write it anew"):
        front.block({**found, name: (replace(result, outcomes=turned), table, about)})
