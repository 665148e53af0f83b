"""The unit tests of the page's scripts, run by node's own runner."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "js"


@pytest.mark.usefixtures("node")
def test_the_units_of_the_scripts() -> None:
    files = sorted(map(str, HERE.glob("*.test.js")))
    assert files
    ran = subprocess.run(["node", "--test", *files], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
