"""An activation from outside the package, given as a torch function, through the whole command line."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from quantstudy.cost import timing

SMALL = ("--seeds", "2", "--steps", "60", "--grid", "24", "--lr", "0.05", "--quick", "--jobs", "2", "--out", "run")


@pytest.fixture
def run(tmp_path):
    (tmp_path / "outside.py").write_text("import torch\n\ndef wave(x):\n    return torch.sin(x)\n")

    def command(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "quantstudy", *arguments],
            cwd=tmp_path,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    return command


@pytest.fixture
def here(command, monkeypatch, tmp_path, capfd):
    """The same command line in this process, which has torch already; the function stays as it was first seen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(timing, "ROUNDS", 2)
    monkeypatch.setattr(timing, "SAMPLE", 1e-6)

    def told(*arguments):
        capfd.readouterr()
        assert command(*arguments) == 0
        return capfd.readouterr()

    yield told
    sys.modules.pop("outside", None)


@pytest.mark.slow
def test_a_function_from_outside_works_everywhere(run, here, tmp_path):
    names = ("relu", "outside:wave")
    done = run("run", "--activations", ",".join(names), *SMALL)
    told = [line for line in done.stderr.splitlines() if "reference trainer" in line]
    assert [line.split()[1] for line in told] == ["outside:wave"]
    metrics = pd.read_parquet(tmp_path / "run" / "metrics.parquet")
    counts = metrics.groupby("activation", observed=True).size()
    assert set(counts.index) == set(names)
    assert counts.nunique() == 1
    page = (tmp_path / "run" / "report.html").read_text()
    assert "no kernel, trained by the reference trainer</th><td>outside:wave</td>" in page
    assert "fingerprint of outside:wave</th>" in page
    ranked = json.loads((tmp_path / "run" / "verdict.json").read_text())["schemes"]["w4a4"]["ranking"]
    assert {row["activation"] for row in ranked} == set(names)

    costs = json.loads(here("cost", "--activations", "outside:wave", "--json").out)["activations"]["outside:wave"]
    assert costs["mufu_forward"] is None
    assert costs["nanoseconds"]["cpu"]["torch"]["forward"]["median"] > 0
    assert costs["nanoseconds"]["cpu"]["numba"] is None
    assert costs["saved_bytes"]["plain"] > 0
    assert costs["bounded"] in (True, False)

    assert here("run", "--activations", ",".join(names), *SMALL).err == ""
    (tmp_path / "outside.py").write_text("import torch\n\ndef wave(x):\n    return torch.cos(x)\n")
    refused = run("run", "--activations", ",".join(names), *SMALL, code=2)
    (line,) = refused.stderr.splitlines()
    assert line == (
        "quantstudy: out: 'run' is not allowed; outside:wave was another function when it was made; "
        "choose another folder, or --fresh to empty it"
    )
    assert pd.read_parquet(tmp_path / "run" / "metrics.parquet").equals(metrics)


def test_what_is_no_function_is_refused_before_anything_is_written(run, tmp_path):
    refused = run("run", "--activations", "outside:waves", *SMALL, code=2)
    (line,) = refused.stderr.splitlines()
    assert line.startswith(
        "quantstudy: activations: 'outside:waves' is not allowed; module:function must be importable"
    )
    assert not (tmp_path / "run").exists()
