import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantstudy.targets.delimited import columns_of
from quantstudy.targets.files import Unusable

PLAIN = "x,y,label\n1,2.5,a\n-3,4e-1,b\n"


def shown(contents):
    columns = columns_of(contents if isinstance(contents, bytes) else contents.encode())
    cells = [part if isinstance(part, tuple) else tuple(part.tolist()) for part in columns.cells]
    return columns.names, cells, list(columns.places)


EXPECTED = (("x", "y", "label"), [(1.0, -3.0), (2.5, 0.4), ("a", "b")], [2, 3])


@pytest.mark.parametrize(
    "contents",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip("\n"),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace(",", "\t").replace(".", ","),
        PLAIN.replace(",", " , ").replace("x", "  x "),
        "".join(f'"{line.replace(",", chr(34) + "," + chr(34))}"\n' for line in PLAIN.splitlines()),
        PLAIN.replace("\n", ",,\n"),
        PLAIN.replace("a\n", "a,\n"),
        PLAIN + "\n\n,,\n   \n",
        PLAIN.replace("\n1,", "\n+1.,").replace("2.5", "02.50"),
    ],
)
def test_every_dialect_is_read(contents):
    names, cells, places = shown(contents)
    if "\r\n" not in str(contents):
        assert places == EXPECTED[2]
    assert (names, cells) == EXPECTED[:2]


def test_lines_are_those_of_the_file():
    _, _, places = shown("\n\nx,label\n\n1,0\n,\n2,1\n")
    assert places == [5, 7]


def test_a_delimiter_may_stand_in_quotes():
    names, cells, _ = shown('"a;b;c;d",label\n1,"x, y"\n2,"he said ""so"""\n')
    assert names == ("a;b;c;d", "label")
    assert cells[1] == ("x, y", 'he said "so"')


def test_one_decimal_mark_at_a_time():
    assert shown("x;y\n1,5;2\n2;3\n")[1] == [(1.5, 2.0), (2.0, 3.0)]
    with pytest.raises(Unusable, match="column 'y' has decimal points and column 'x' decimal commas"):
        shown("x;y\n1,5;2.5\n2;3\n")
    assert shown('x,y\n"1,234",5\n2,6\n')[1] == [("1,234", "2"), (5.0, 6.0)]  # thousands, perhaps: no number


@pytest.mark.parametrize("cell", ["1_000", "nan", "inf", "Infinity", "0x10", "1e", ".", "", "1 2", "1,2", "½", "١"])
def test_what_only_looks_like_a_number_is_text(cell):
    assert shown(f'x,y\n"{cell}",1\n2,3\n')[1][0] == (cell, "2")


@pytest.mark.parametrize("cell", ["1", "-1.5", "+.5", "5.", "1e9", "1.5E-3", "007"])
def test_numbers_are_those_of_python(cell):
    assert shown(f"x,y\n{cell},1\n2,3\n")[1][0] == (float(cell), 2.0)


NAMES = st.text("abcXYZ _-é%;", min_size=1, max_size=6).map(str.strip).filter(bool)


@given(
    st.lists(NAMES, min_size=2, max_size=4, unique=True),
    st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=5),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.booleans(),
)
def test_what_is_written_is_read(names, values, delimiter, quoting, ends, encoding, commas):
    names = [name.replace(";", "").strip() or "n" for name in names] if delimiter != ";" else names
    names = [f"{name}{place}" for place, name in enumerate(names)]
    held = io.StringIO()
    writer = csv.writer(held, delimiter=delimiter, quoting=quoting, lineterminator=ends)
    writer.writerow(names)
    for value in values:
        text = repr(value).replace(".", ",") if commas and delimiter != "," else repr(value)
        writer.writerow([text] * len(names))
    columns = columns_of(held.getvalue().encode(encoding))
    assert columns.names == tuple(names)
    for cells in columns.cells:
        assert np.array_equal(cells, np.array(values))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"\n \n", "the file is blank"),
        (",,\n1,2,3\n", "its first line must name the columns"),
        ("x,y\n1,2,3\n", "line 2 has 3 cells, the first one names 2"),
        ("x,y\n1,2\n\n3\n", "line 4 has 1 cell, the first one names 2"),
        ("x,x\n1,2\n", "2 columns are called 'x'"),
        (",x,y\n0,1,2\n", "column 1 has no name; if it only counts the rows"),
        ("x,,y\n0,1,2\n", "column 2 has no name"),
        ("0.1,0.2,1\n0.3,0.4,0\n", "its first line must name the columns, and holds numbers ('0.1' …)"),
        (b"x,y\n\xe9,2\n", "a table as UTF-8 text is needed"),
        (b"\xff\xfex", "a table as UTF-8 text is needed"),
        ('x,y\n1,"2\n' + "3,4\n" * 40_000, "can't be read (field larger than field limit"),
    ],
)
def test_what_is_no_table_is_refused(contents, message):
    with pytest.raises(Unusable) as refused:
        columns_of(contents if isinstance(contents, bytes) else contents.encode())
    assert message in str(refused.value)


def test_a_table_that_is_too_large_is_refused(monkeypatch):
    from quantstudy.targets import columns

    monkeypatch.setattr(columns, "MOST_NUMBERS", 5)
    with pytest.raises(Unusable, match="tables of at most 5 numbers, and it has 3 rows of 2"):
        columns_of(b"x,y\n1,2\n3,4\n5,6\n7,8\n")


def test_a_quote_that_is_left_open_is_seen_in_the_cell():
    columns = columns_of(b'x,y\n1,"2\n3,4\n')
    assert columns.cells[1] == ("2\n3,4",)
    assert columns.places == [3]
