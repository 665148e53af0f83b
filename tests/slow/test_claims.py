"""A claim that is stopped, by Ctrl-C or by a kill, goes on where it was and ends with the same table."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.claims.records import read_claim

pytestmark = pytest.mark.slow

ASKED = ("claim", "even_buckets", "--seeds", "3", "--jobs", "2", "--out", "claims")


def pieces(cache: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (cache / "quantstudy" / "claims").rglob("*.parquet")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_claim_goes_on(tmp_path: Path, start: Callable[..., Any], number: signal.Signals) -> None:
    calm, cut = tmp_path / "calm", tmp_path / "cut"
    undisturbed = start(*ASKED[:-1], "undisturbed", XDG_CACHE_HOME=str(calm))
    assert undisturbed.process.wait(300) == 0
    session = start(*ASKED, XDG_CACHE_HOME=str(cut))
    assert session.until(lambda: pieces(cut))
    os.killpg(session.pid, number)
    _, err = session.process.communicate(timeout=30)
    assert session.left_after() == []
    assert "Traceback" not in err
    if number == signal.SIGINT:
        assert session.process.returncode == 130
        assert err == f"quantstudy: interrupted; go on with: quantstudy {' '.join(ASKED)}\n"
    assert not (tmp_path / "claims" / "even_buckets.parquet").exists()
    kept = pieces(cut)
    assert 0 < len(kept) < len(pieces(calm))

    again = start(*ASKED, XDG_CACHE_HOME=str(cut))
    _, err = again.process.communicate(timeout=300)
    assert (again.process.returncode, err) == (0, "")
    assert {path: stamp for path, stamp in pieces(cut).items() if path in kept} == kept  # nothing was done twice
    one, other = (read_claim(tmp_path / name, "even_buckets") for name in ("undisturbed", "claims"))
    assert one is not None
    assert other is not None
    assert one[0].equals(other[0])
    assert not list(tmp_path.rglob("*.part"))
