"""A sweep on Dask that loses workers, a link and its driver ends with the bytes of one that nothing befell."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
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

DEADLINE = "6"
"""Seconds that a cell has, `--deadline`; a worker that must load torch first is given 12 and 24 more."""

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

    def until(self, cells: int, there: Callable[[], int]) -> None:
        """Wait until so many cells are there."""
        limit = time.monotonic() + 120
        assert self.process is not None
        while there() < cells:
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
    driver: Driver,
    cluster: Cluster,
    there: Callable[[], int],
    meanwhile: Callable[[], None] = lambda: None,
    afterwards: Callable[[], None] = lambda: None,
) -> tuple[int, str, str]:
    """Run the sweep while a link is cut, a worker is frozen, one is killed and the driver is; return how it ended.

    Args:
        driver: the sweep's.
        cluster: where it runs.
        there: counts the cells in its store.
        meanwhile: called while there is no driver.
        afterwards: called when the next one has begun and cells come in again.
    """
    last = cluster.spaces[-1]
    driver.begin()
    driver.until(40, there)
    cut = time.monotonic()
    if last.link:
        last.set_link("down")
    driver.until(60, there)
    os.kill(cluster.workers[2].pid, signal.SIGSTOP)
    driver.until(80, there)
    cluster.workers[1].kill()
    driver.until(120, there)
    driver.kill()
    meanwhile()
    driver.begin()
    driver.until(160, there)
    afterwards()
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
            code, out, err = befall(driver, dask, lambda: len([*(tmp_path / "sweep").rglob("*.json")]))
        finally:
            driver.kill()
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["cells"] == told["there"] + told["made"] == CELLS
    assert told["there"] >= 120
    require_whole(objects, undisturbed)
    if no_namespaces:
        pytest.skip(f"all but the cut link was tried: {no_namespaces}")


@pytest.fixture
def bucket(tmp_path: Path, spaces: list[Space], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a server of S3 with faults; its URL. The environment says how to reach it."""
    host = spaces[0].here if spaces else "127.0.0.1"
    with socket.create_server((host, 0)) as free:
        port = free.getsockname()[1]
    endpoint, name = f"http://{host}:{port}", f"s3://sweeps{os.getpid()}/chaos"
    for key, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(key, value)
    with (tmp_path / "s3").open("wb") as told:
        command = [sys.executable, Path(__file__).with_name("faulty_s3.py"), host, str(port), tmp_path]
        server = subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT)
    try:
        limit = time.monotonic() + 60
        while True:
            try:
                made = urllib.request.Request(f"{endpoint}/{name.split('/')[2]}", method="PUT")
                urllib.request.urlopen(made, timeout=10).close()
                break
            except OSError:
                assert time.monotonic() < limit, (tmp_path / "s3").read_text()
                time.sleep(0.1)
        yield name
    finally:
        end(server)


def test_the_same_into_a_bucket_with_faults(
    tmp_path: Path, bucket: str, spaces: list[Space], undisturbed: Path, no_namespaces: str
) -> None:
    objects, faults, lag = objects_at(bucket), tmp_path / "faults", tmp_path / "lag"
    truncated: list[str] = []

    def there() -> int:
        put = tmp_path / "put"
        return len({*put.read_text().split()}) // 3 if put.exists() else 0

    def meanwhile() -> None:
        """Truncate a table by hand, the oldest; let listings lag while the next driver begins."""
        put = (tmp_path / "put").read_text().split()
        truncated.append(next(name for name in put if name.endswith(".parquet")).removeprefix("chaos/"))
        objects.put(truncated[0], (objects.get(truncated[0]) or b"")[:-9])
        lag.touch()

    with cluster(tmp_path, spaces, os.environ) as dask:
        driver = Driver(dask, bucket, tmp_path, {**os.environ})
        try:
            code, out, err = befall(driver, dask, there, meanwhile, lag.unlink)
        finally:
            driver.kill()
        logs = b"".join((tmp_path / f"worker-{number}").read_bytes() for number in range(4))
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["cells"] == told["there"] + told["made"] == CELLS
    require_whole(objects, undisturbed)
    assert SECRET not in out + logs.decode()
    happened = faults.read_text().splitlines()
    assert sum(line.startswith("refused ") for line in happened) == 1
    assert any(line.startswith("lacking ") and line != "lacking 0" for line in happened)
    if no_namespaces:
        pytest.skip(f"all but the cut link was tried: {no_namespaces}")
