"""Standard streams as they come: closed, on a full disk, read by nobody any more, or without a word for «→»."""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

OUTPUT = "standard output"
"""What an error names that standard output has raised."""

IN_ASCII = {
    **{"→": "->", "−": "-", "–": "-", "…": "...", "×": "x", "·": "*", "±": "+-", "≤": "<=", "≥": ">=", "√": "sqrt"},
    **{"«": '"', "»": '"', "²": "^2", "³": "^3", "½": "1/2", "µ": "u", "∞": "inf", "‖": "||", "Δ": "delta "},
    **{"\N{NO-BREAK SPACE}": " ", "\N{RIGHT SINGLE QUOTATION MARK}": "'"},
}
"""What is printed for a sign that the encoding of a stream has no code for; any other is printed as its number."""

_SEEN = {number: f"\\x{number:02x}" for number in (*range(32), 127)} | {ord("\n"): "\\n"}
"""What the names of files may hold and would break a line or colour it."""

_IN_OTHER_SIGNS = "quantstudy.in_other_signs"


def prepare() -> None:
    """Make standard streams ready to be printed to, whatever they are; call this before anything else is opened.

    A closed one is opened to nowhere: else the next file that is opened would take its number, and be printed into.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        _open_if_closed(number)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    codecs.register_error(_IN_OTHER_SIGNS, _in_other_signs)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout is sys.__stdout__:
        sys.stdout = _Output(
            sys.stdout.buffer,
            encoding=sys.stdout.encoding,
            line_buffering=sys.stdout.line_buffering,
            write_through=sys.stdout.write_through,
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_IN_OTHER_SIGNS)


def notify(line: str) -> None:
    """Print one line for the user on standard error; that it can't be printed is no failure."""
    try:
        print(f"quantstudy: {line.translate(_SEEN)}", file=sys.stderr, flush=True)
    except OSError:
        give_up(sys.stderr)


def give_up(stream: TextIO) -> None:
    """Let what is still to be printed on a stream go nowhere, so that ending the process fails no more."""
    with contextlib.suppress(OSError, ValueError):  # a stream that is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Output(io.TextIOWrapper):
    """Standard output, whose errors say that they are its own: a pipe to a worker may break as well."""

    def write(self, text: str, /) -> int:
        with _naming():
            return super().write(text)

    def flush(self) -> None:
        with _naming():
            super().flush()


@contextlib.contextmanager
def _naming() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename = OUTPUT
        raise


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        os.dup2(opened, number)  # workers inherit it
        if opened == number:
            os.set_inheritable(number, True)
        else:
            os.close(opened)


def _in_other_signs(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return how to print the first sign that can't be encoded, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign = error.object[error.start]
    if 0xDC80 <= ord(sign) <= 0xDCFF:  # a byte of a path that is no text
        return bytes([ord(sign) - 0xDC00]), error.start + 1
    return IN_ASCII.get(sign, sign.encode("ascii", "backslashreplace").decode()), error.start + 1
