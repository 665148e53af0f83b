import logging
import sys
import types

import pytest

from quantstudy.quantize.torchao_import import quantization

TALKATIVE = {"torchao": 13, "torch.utils._pytree": logging.DEBUG}
RECORDING = "import logging\nlevels = [logging.getLogger(n).level for n in ('torchao', 'torch.utils._pytree')]\n"


@pytest.fixture
def levels():
    """Unusual levels on the two loggers, so that putting them back shows."""
    before = {name: logging.getLogger(name).level for name in TALKATIVE}
    for name, level in TALKATIVE.items():
        logging.getLogger(name).setLevel(level)
    yield lambda: {name: logging.getLogger(name).level for name in TALKATIVE}
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def stand_in(monkeypatch, folder, source: str) -> None:
    """Put a torchao of our own in the real one's place, its `quantization` not yet imported."""
    quantization()
    package = types.ModuleType("torchao")
    package.__path__ = [str(folder)]
    (folder / "quantization.py").write_text(source)
    monkeypatch.setitem(sys.modules, "torchao", package)
    monkeypatch.delitem(sys.modules, "torchao.quantization")


def test_it_is_torchaos_module():
    module = quantization()
    assert module.__name__ == "torchao.quantization"
    assert module is sys.modules["torchao.quantization"]
    assert quantization() is module


def test_warnings_are_silent_while_it_loads_and_only_then(levels, monkeypatch, tmp_path):
    stand_in(monkeypatch, tmp_path, RECORDING)
    assert quantization().levels == [logging.ERROR, logging.ERROR]
    assert levels() == TALKATIVE


def test_levels_come_back_after_a_failed_import(levels, monkeypatch, tmp_path):
    stand_in(monkeypatch, tmp_path, "raise ImportError('no such library')")
    with pytest.raises(ImportError, match="no such library"):
        quantization()
    assert levels() == TALKATIVE
