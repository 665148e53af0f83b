"""`quantstudy show` beside a run that goes on, is killed, and goes on again."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from quantstudy.config.study import StudyConfig
from tests.cli.test_show import ask, port_of
from tests.slow.conftest import Start

pytestmark = pytest.mark.slow

STUDY = StudyConfig(
    name="long",
    activations=("relu", "gelu", "hardgelu"),
    seeds=18,
    steps=1500,
    batch=64,
    grid=33,
    hidden=(8, 8),
    quick=True,
)


def test_from_the_first_cell_to_the_verdict(tmp_path: Path, start: Start) -> None:
    """Killed in the middle: the page stays, and follows the run that goes on."""
    (tmp_path / "long.toml").write_text(STUDY.to_toml())
    folder = tmp_path / "run"
    arguments = ("run", "long.toml", "--out", "run", "--jobs", "2")
    run = start(*arguments)
    assert run.until((folder / "manifest.json").exists)
    port = port_of(start("show", "run").process)
    pages: list[tuple[str, bytes]] = []
    states: list[dict[str, object]] = []
    ended = threading.Event()

    def watch() -> None:
        """Ask as a browser would, but without a pause."""
        while not ended.is_set():
            code, _, body = ask(port, "/state")
            assert code == 200, body
            states.append(json.loads(body))
            if not pages or states[-1]["version"] != pages[-1][0]:
                code, headers, body = ask(port, "/")
                assert code == 200, body
                pages.append((headers["Server-Timing"].split('"')[1], body))

    def done() -> int:
        return states[-1]["progress"][0]["done"] if states and states[-1]["progress"] else 0  # type: ignore[index]

    failures: list[BaseException] = []

    def watched() -> None:
        try:
            watch()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=watched)
    thread.start()
    try:
        assert run.until(lambda: failures or done() >= 2)
        for pid in run.alive():
            os.kill(pid, signal.SIGKILL)
        assert run.left_after(60) == []
        time.sleep(0.5)
        assert not failures
        assert states[-1]["state"] == "running"
        again = start(*arguments)
        assert not again.until(lambda: bool(failures))
        assert again.process.returncode == 0
        until = time.monotonic() + 60
        while (not states or states[-1]["state"] != "complete") and time.monotonic() < until and not failures:
            time.sleep(0.05)
        time.sleep(0.5)
    finally:
        ended.set()
        thread.join()
    assert not failures, failures
    assert states[-1]["state"] == "complete"
    parts = [state["progress"][0]["done"] for state in states if state["progress"]]  # type: ignore[index]
    assert parts == sorted(parts)
    assert set(parts) >= {1, 6}
    keys = {tuple(sorted(each)) for state in states for each in state["progress"]}  # type: ignore[attr-defined]
    assert keys <= {("done", "stage", "text", "total")}
    # nothing trained, each activation once, finished
    assert 3 <= len(pages) <= 5
    assert len({version for version, _ in pages}) == len({body for _, body in pages}) == len(pages)
    assert pages[-1][0] == states[-1]["version"]
    assert ask(port, "/figures/verdict.png")[2] == (folder / "figures" / "verdict.png").read_bytes()
