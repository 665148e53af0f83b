"""The C files compiled and run: what a device would say, and what every layer of it hands on."""

import contextlib
import functools
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quantstudy.deploy.c.files import files
from quantstudy.deploy.c.main import main_file
from quantstudy.deploy.integer.emulate import answers, input_codes
from quantstudy.deploy.integer.numbers import Reals, Whole
from quantstudy.deploy.integer.plan import Integral, integral
from quantstudy.deploy.network import Deployed, Floats
from quantstudy.deploy.steps import after
from quantstudy.errors import StudyFailure

COMPILERS = ("cc", "gcc", "clang")
"""Looked for in this order where $CC names none."""

SECONDS = 120
"""After which a compiler, or what it made, is given up."""

FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror")


@dataclass(frozen=True)
class Program:
    """A network as a program.

    Attributes:
        net: what it computes.
        path: the program.
    """

    net: Integral
    path: Path

    def outputs(self, codes: Whole) -> Whole:
        """Return what it gives for codes of inputs [in, points]: [outputs, points]."""
        return self._run("b", codes, self.net.network.neurons[-1])

    def layers(self, codes: Whole) -> tuple[Whole, ...]:
        """Return what leaves every layer, the last one's outputs included."""
        neurons = self.net.network.neurons[1:]
        found = self._run("a", codes, sum(neurons))
        return tuple(np.split(found, np.cumsum(neurons)[:-1]))

    def layer(self, k: int, codes: Whole) -> Whole:
        """Return what leaves one layer if these codes [in, points] enter it."""
        return self._run(str(k), codes, self.net.network.neurons[k + 1])

    def _run(self, what: str, codes: Whole, rows: int) -> Whole:
        given = np.ascontiguousarray(codes.T.astype(np.int16)).tobytes()
        done = subprocess.run([str(self.path), what], input=given, capture_output=True, check=False, timeout=SECONDS)
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines()
            raise StudyFailure(f"the compiled network stopped with {done.returncode}: {' '.join(told[:1])}")
        found = np.frombuffer(done.stdout, dtype=np.int32).astype(np.int64)
        if found.size != rows * codes.shape[1]:
            raise StudyFailure(f"the compiled network gave {found.size} numbers, not {rows * codes.shape[1]}")
        return found.reshape(codes.shape[1], rows).T


def compiler() -> tuple[str, ...]:
    """Return the command of a C compiler: that of $CC, or the first of COMPILERS that is there.

    Raises:
        StudyFailure: there is none.
    """
    try:
        named = shlex.split(os.environ.get("CC", ""))
    except ValueError:
        raise StudyFailure("$CC can't be read as a command; name a compiler in it, or nothing") from None
    for command in [named] if named else [[name] for name in COMPILERS]:
        found = shutil.which(command[0])
        if found:
            return (str(Path(found).resolve() if "/" in command[0] else found), *command[1:])
    looked = named[0] if named else ", ".join(COMPILERS)
    raise StudyFailure(f"no C compiler is found ({looked}); install gcc or clang, or name one in $CC")


def compiler_version() -> str:
    """Return the first line of what the compiler says of itself.

    Raises:
        StudyFailure: there is none.
    """
    return (_told([*compiler(), "--version"]).stdout.splitlines() or ["unknown"])[0]


@functools.cache
def works(command: tuple[str, ...]) -> bool:
    """Return whether a compiler makes programs that run on this machine: one for another machine does not."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(StudyFailure, OSError):
        place = Path(folder)
        (place / "try.c").write_text("int main(void) { return 7; }\n")
        made = _told([*command, "-std=c99", "try.c", "-o", "try"], place)
        return made.returncode == 0 and _told([str(place / "try")], place).returncode == 7
    return False


def _told(command: list[str], place: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command and return what it says.

    Raises:
        StudyFailure: it can't be started, or does not end.
    """
    try:
        return subprocess.run(
            command, cwd=place, capture_output=True, text=True, errors="replace", check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise StudyFailure(f"{command[0]} did not end within {SECONDS} seconds") from None
    except OSError as error:
        raise StudyFailure(f"{command[0]} can't be started ({error.strerror}); name another compiler in $CC") from None


@contextlib.contextmanager
def compiled(net: Integral, flags: Sequence[str] = FLAGS, header: bytes | None = None) -> Iterator[Program]:
    """Compile a network in a temporary folder, which is gone afterwards.

    Args:
        net: the network.
        flags: of the compiler.
        header: the file that is compiled, if it is there already.

    Raises:
        StudyFailure: no compiler, or it refuses; the header is none of ours.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for suffix, data in (files(net) if header is None else _around(net, header)).items():
            (place / f"network{suffix}").write_bytes(data)
        command = [*compiler(), *flags, "network_main.c", "-o", "network"]
        done = _told(command, place)
        if done.returncode:
            lines = done.stderr.splitlines()
            lines = [line for line in lines if "error" in line] or lines or [f"exit code {done.returncode}"]
            raise StudyFailure(f"the C compiler refuses: {lines[0]}")
        yield Program(net, place / "network")


def _around(net: Integral, header: bytes) -> dict[str, bytes]:
    """Return the files of a program around a header that is there already."""
    found = re.search(rb"static inline void (\w+)_run\(", header)
    if found is None:
        raise StudyFailure("the header has no network in it that could be run; export it again")
    return {".h": header, "_main.c": main_file(net, found[1].decode(), "network").encode()}


def answered(
    network: Deployed, points: Floats, header: bytes | None = None
) -> tuple[Reals, Mapping[str, NDArray[np.int32]]]:
    """Return what the compiled network answers at points, and the codes of every place where it has some.

    Args:
        network: what is computed.
        points: [in, points].
        header: its file, if it is there already; what that file says is then what runs.

    Returns:
        [outputs, points], exactly 0 where the program says 0; place (`steps.after`) → codes [neurons, points].

    Raises:
        BadInput: the network can't be computed in integers.
        StudyFailure: no compiler, or what it makes fails.
    """
    net = integral(network)
    with compiled(net, header=header) as program:
        *codes, found = program.layers(input_codes(net, points))
    coded = {after(k): one.astype(np.int32) for k, one in enumerate(codes) if network.layers[k].after is not None}
    return answers(net, found), coded
