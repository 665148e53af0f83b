"""All claims by one command: tables, ledger, figures, and what is printed of them."""

import json

import pytest

from quantstudy.claims.ledger import judged, ledger
from quantstudy.cli.claims import do_claims
from quantstudy.errors import StudyFailure

BOTH = ("dead_neurons", "wish_list")


def test_several_claims(small, tmp_path, capsys):
    out = tmp_path / "claims"
    do_claims(BOTH, 4, out, 1, fresh=False, as_json=False)
    told = capsys.readouterr().out
    assert "dead_neurons  undecided  a | leads." in told
    assert "wish_list     supported  b is counted." in told
    assert str(out / "README.md") in told
    assert (out / "README.md").read_text() == ledger(judged(out))
    assert {path.stem for path in (out / "figures").glob("*.png")} == set(BOTH)


def test_brackets_are_printed(small, tmp_path, capsys):
    do_claims(["dead_neurons"], 1, tmp_path / "claims", 1, fresh=False, as_json=False)
    assert "10.0 [n/a, n/a] points" in capsys.readouterr().out


def test_as_json(small, tmp_path, capsys):
    do_claims(BOTH, 1, tmp_path / "claims", 1, fresh=False, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert list(told) == ["claims", *BOTH]
    (part,) = told["dead_neurons"]["parts"]
    assert (part["verdict"], part["low"], part["p"], part["smallest"]) == ("undecided", None, 1.0, 0.02)
    assert part["mean"] == pytest.approx(0.1)


def test_one_claim_is_judged_together_with_those_that_are_there(small, tmp_path, capsys):
    out = tmp_path / "claims"
    with pytest.raises(StudyFailure, match="quantstudy claim dead_neurons"):
        do_claims(["wish_list"], 4, out, 1, fresh=False, as_json=False)
    do_claims(["dead_neurons"], 4, out, 1, fresh=False, as_json=False)
    do_claims(["wish_list"], 4, out, 1, fresh=False, as_json=False)
    assert "b has some" in capsys.readouterr().out
    assert (
        "2 claims: 1 supported, 0 in part, 0 no effect that matters, 0 reversed, 1 undecided"
        in (out / "README.md").read_text()
    )


def test_a_failed_claim_leaves_the_ledger_as_it_was(small, tmp_path):
    out = tmp_path / "claims"
    do_claims(["dead_neurons"], 4, out, 1, fresh=False, as_json=False)
    before = (out / "README.md").read_bytes()
    (small / "experiments" / "claims" / "broken").touch()
    with pytest.raises(RuntimeError, match="broken off"):
        do_claims(["dead_neurons"], 5, out, 1, fresh=False, as_json=False)
    assert (out / "README.md").read_bytes() == before
