"""A sweep on Dask that loses workers, a link and its driver ends with the bytes of one that nothing befell."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import sweep_of
from quantstudy.engine.sweep import run_sweep
from quantstudy.engine.swept import sweep_cells
from quantstudy.records.files import sha256
from quantstudy.records.objects import Objects, objects_at
from tests.slow.dask_cluster import Cluster, Space, cluster, end, namespaces, why_no_namespaces

pytestmark = pytest.mark.slow

SWEEP = sweep_of(
    StudyConfig(
        name="chaos",
        activations=("relu", "hardgelu", "leaky_relu", "hardswish", "silu"),
        seeds=1,
        steps=5,
        batch=8,
        grid=5,
        hidden=(3,),
    ),
    {"frequency": [1 + part / 20 for part in range(100)]},
)

CELLS = 500

CUT = 20.0
"""Seconds that the link of one worker is cut."""

DEADLINE = "10"
"""Seconds that a cell has, `--deadline`: a worker that loads torch while others do takes several."""

SECRET = "a-secret-that-nobody-may-read"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the same sweep, run in this process."""
    folder = tmp_path_factory.mktemp("undisturbed") / "sweep"
    assert run_sweep(SWEEP, objects_at(str(folder))).made == CELLS
    return folder


@pytest.fixture(scope="module")
def no_namespaces() -> str:
    """Why no network namespace can be made here; empty if one can."""
    return why_no_namespaces()


@pytest.fixture
def spaces(no_namespaces: str) -> Iterator[list[Space]]:
    """Two network namespaces, or none where none can be made."""
    if no_namespaces:
        yield []
    else:
        with namespaces(2) as made:
            yield made


class Driver:
    """`quantstudy sweep` on a cluster, begun again whenever it was killed."""

    def __init__(self, cluster: Cluster, out: str, folder: Path, environment: dict[str, str]) -> None:
        (folder / "chaos.toml").write_text(SWEEP.to_toml())
        options = ["--out", out, "--engine", "dask", "--address", cluster.address, "--deadline", DEADLINE, "--json"]
        self._command = [sys.executable, "-m", "quantstudy", "sweep", "chaos.toml", *options]
        self._folder, self._environment = folder, environment
        self.process: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Begin, or go on."""
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until(self, cells: int, objects: Objects) -> None:
        """Wait until so many cells are there."""
        limit = time.monotonic() + 120
        assert self.process is not None
        while sum(name.endswith(".json") for name, _ in objects.listed("cells")) < cells:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < limit, f"{cells} cells are too many"
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it."""
        assert self.process is not None
        end(self.process)

    def went(self) -> tuple[int, str, str]:
        """Wait for its end; return exit code, standard output and standard error."""
        assert self.process is not None
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err


def befall(
    driver: Driver, cluster: Cluster, objects: Objects, meanwhile: Callable[[], None] = lambda: None
) -> tuple[int, str, str]:
    """Run the sweep while a link is cut, a worker is frozen, one is killed and the driver is; return how it ended.

    Args:
        driver: the sweep's.
        cluster: where it runs.
        objects: its store.
        meanwhile: called while there is no driver.
    """
    last = cluster.spaces[-1]
    driver.begin()
    driver.until(40, objects)
    cut = time.monotonic()
    if last.link:
        last.set_link("down")
    driver.until(60, objects)
    os.kill(cluster.workers[2].pid, signal.SIGSTOP)
    driver.until(80, objects)
    cluster.workers[1].kill()
    driver.until(120, objects)
    driver.kill()
    meanwhile()
    driver.begin()
    driver.until(160, objects)
    if last.link:
        time.sleep(max(0.0, cut + CUT - time.monotonic()))
        last.set_link("up")
    return driver.went()


def require_whole(objects: Objects, undisturbed: Path) -> None:
    """Check that every cell is there once, and that its files are those of the undisturbed run."""
    names = {cell.name for cell in sweep_cells(SWEEP)}
    files = {name for name, _ in objects.listed("")}
    endings = (".parquet", ".safetensors", ".json")
    assert len(names) == CELLS
    assert files == {f"cells/{name}{ending}" for name in names for ending in endings} | {"manifest.json", "sweep.toml"}
    for name, data in objects.get_many(sorted(files)):
        assert data is not None
        assert SECRET.encode() not in data
        if name.endswith(endings[:2]):
            assert data == (undisturbed / name).read_bytes(), name
        elif name.startswith("cells/"):
            known = json.loads(data)["files"]
            stem = undisturbed / name.removesuffix(".json")
            for ending, (size, digest) in known.items():
                whole = stem.with_name(stem.name + ending).read_bytes()
                assert [len(whole), sha256(whole)] == [size, digest]
    assert json.loads(objects.get("manifest.json") or b"{}")["state"] == "complete"


def test_a_sweep_outlives_its_workers_a_link_and_its_driver(
    tmp_path: Path, spaces: list[Space], undisturbed: Path, no_namespaces: str
) -> None:
    objects = objects_at(str(tmp_path / "sweep"))
    with cluster(tmp_path, spaces, os.environ) as dask:
        driver = Driver(dask, str(tmp_path / "sweep"), tmp_path, {**os.environ})
        try:
            code, out, err = befall(driver, dask, objects)
        finally:
            driver.kill()
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["cells"] == told["there"] + told["made"] == CELLS
    assert told["there"] >= 120
    require_whole(objects, undisturbed)
    if no_namespaces:
        pytest.skip(f"all but the cut link was tried: {no_namespaces}")
