from quantstudy_kernels.cpu import jit

from quantstudy.engine.pipeline import run_study


def test_what_every_cell_notices_is_told_once(tiny, undrawn, tmp_path, monkeypatch):
    line = "compiled kernels are not kept on disk: No space left on device"
    monkeypatch.setattr(jit, "_problems", [line])
    told: list[str] = []
    run_study(tiny.config, tmp_path / "again", notify=told.append)
    assert told.count(line) == 1
