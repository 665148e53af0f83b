"""The digest of a user's file: found once, and anew when the file is another."""

import hashlib
import os

from quantstudy.targets import files
from quantstudy.targets.files import file_digest


def test_a_file_is_read_once_for_its_digest_until_it_changes(tmp_path, monkeypatch):
    read = []
    real = files.contents
    monkeypatch.setattr(files, "contents", lambda text: read.append(text) or real(text))
    path = tmp_path / "points.csv"
    for held in (b"x,label\n1,2\n", b"x,label\n1,3\n", b"x,label\n"):  # the second is as long as the first
        path.write_bytes(held)
        os.utime(path, ns=(len(read), len(read) + 10**9))
        assert {file_digest(str(path)) for _ in range(3)} == {hashlib.sha256(held).hexdigest()[:16]}
    assert len(read) == 3


def test_a_relative_path_is_looked_up_where_one_is(tmp_path, monkeypatch):
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "points.csv").write_text(name)
        monkeypatch.chdir(tmp_path / name)
        found.append(file_digest("points.csv"))
    assert found[0] != found[1]
