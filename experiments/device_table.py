"""Flash, RAM and instructions of the C file, per activation and scheme, beside plain C in float32.

Flash is what a network adds to an empty program for a Cortex-M4, linked without what nobody calls. RAM is its data and
the stack frames of its functions. Instructions are counted twice, of one network at the same points: on x86-64 by
callgrind, two runs of which one takes the points twice, so that all else cancels; and for the Cortex-M4 by an emulator
that runs one instruction at a time, less those of an empty program. From the root of a checkout:
`python -m experiments.device_table`, or `python -m experiments.device_table RUN` for a run that is there. It writes
results/device/table.json and a table in docs/device.md.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import float_c
from experiments.bare_metal import STRICT, TARGETS, Target, compiled_object, linked, sizes, started
from experiments.blocks import with_block
from experiments.deployed_networks import Exported, networks, runs
from quantstudy.deploy.c.compiled import FLAGS, compiler, compiler_version
from quantstudy.deploy.c.files import files
from quantstudy.deploy.integer.emulate import input_codes
from quantstudy.deploy.integer.plan import integral

ROOT = Path(__file__).resolve().parents[1]
TO = ROOT / "results" / "device" / "table.json"
PAGE = ROOT / "docs" / "device.md"
SCHEMES = ("w8a8", "w4a8", "w4a4")
POINTS = 16
MARKS = (
    "<!-- results/device/table: made by experiments/device_table.py, do not edit -->",
    "<!-- end of results/device/table -->",
)
README = ROOT / "README.md"
README_MARKS = (
    "<!-- results/device: made by experiments/device_table.py, do not edit -->",
    "<!-- end of results/device -->",
)
BRIEF = {"integers": "", "float": "float32 with FPU", "float without unit": "float32 without"}
"""What kinds are called in the README; of integers the scheme says it."""

M4 = TARGETS["cortex-m4"]
CORES = {
    "integers": M4,
    "float": replace(M4, flags=(*M4.flags, "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")),
    "float without unit": replace(M4, flags=(*M4.flags, "-mfloat-abi=soft")),
}
"""What runs how: `float` has the core's floating-point unit, the last row has none."""

OTHERS = ("cortex-m0plus", "rv32imac", "rv64imac")
"""Other processors, of which the size of integers is printed."""

EMPTY = "static inline void network_run(const {0} *i, {1} *o)\n{{\n    o[0] = ({1})i[0];\n}}\n"

LOOP = """\
#include "network.h"
#include <stdlib.h>

void call(const INPUT *in, OUTPUT *out);
__attribute__((noinline)) void call(const INPUT *in, OUTPUT *out)
{
    network_run(in, out);
}

int main(int argc, char **argv)
{
    static const INPUT points[] = { POINTS };
    OUTPUT out[OUTPUTS];
    volatile OUTPUT last;
    int round, i;
    for (round = 0; round < atoi(argv[argc - 1]); round++)
        for (i = 0; i < COUNT; i++) {
            call(points + INPUTS * i, out);
            last = out[0];
        }
    (void)last;
    return 0;
}
"""


def main(folders: list[Path]) -> None:
    """Measure the first network of every activation of a run and keep what came out."""
    rows, names = list[dict[str, Any]](), list[str]()
    with runs(folders, ("islands",), 1) as found_in:
        for one in networks(found_in[0], SCHEMES, 1):
            names.append(one.activation)
            rows.append(measured(one, "integers"))
            if one.scheme == SCHEMES[0]:  # the weights that are nearest to the float ones
                rows += [measured(one, kind) for kind in CORES if kind != "integers"]
    rows.sort(key=lambda row: (names.index(row["activation"]), row["kind"] != "integers"))
    versions = sorted({target.version for target in TARGETS.values()})
    found = {"rows": rows, "compiler": compiler_version(), "cross_compilers": versions, "emulator": _emulator()}
    TO.parent.mkdir(exist_ok=True)
    TO.write_text(json.dumps(found, indent=1) + "\n")
    PAGE.write_text(with_block(PAGE.read_text(), MARKS, table(found)))
    README.write_text(with_block(README.read_text(), README_MARKS, brief(found)))
    print(f"written to {TO.relative_to(ROOT)}, {PAGE.relative_to(ROOT)} and README.md")


def _emulator() -> str:
    done = subprocess.run([M4.emulator, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


def measured(one: Exported, kind: str) -> dict[str, Any]:
    """Return flash, RAM and instructions of one network, in integers or in float32."""
    net, target = integral(one.network), CORES[kind]
    chosen = np.random.default_rng(0).choice(one.points.shape[1], POINTS, replace=False)
    points = one.points[:, chosen]
    types, given = ("float", "float"), np.ascontiguousarray(points.T)
    header = float_c.header(one.network)
    if kind == "integers":
        types, header = ("int16_t", "int32_t"), files(net)[".h"].decode()
        given = np.ascontiguousarray(input_codes(net, points).T.astype(np.int16))
    neurons = (one.network.neurons[0], one.network.neurons[-1])
    found: dict[str, Any] = {"activation": one.activation, "scheme": one.scheme, "kind": kind}
    empty = ("#include <stdint.h>\n" if kind == "integers" else "") + EMPTY.format(*types)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for optimized in ("-Os", "-O2"):
            costs = []
            for text in (header, empty):
                (folder / "network.h").write_text(text)
                source = started(folder / "network.h", neurons, types, "network_run")
                program = linked(target, source, folder, optimized)
                costs.append((sum(sizes(target, program)[:2]), instructions(target, program, given.tobytes())))
            (flash, steps), (flash_0, steps_0) = costs
            found |= {f"flash{optimized}": flash - flash_0, f"instructions{optimized}": (steps - steps_0) / POINTS}
        (folder / "network.h").write_text(header)
        found["ram"] = _ram(target, types, folder)
        if kind == "integers":
            found["objects"] = {name: _object(TARGETS[name], types, folder) for name in OTHERS}
        if kind != "float without unit":
            found["callgrind"] = callgrind(given, neurons, types, folder)
    return found


def _called(types: tuple[str, str]) -> str:
    """Return a source with the network and one function that calls it."""
    call = f"void call(const {types[0]} *in, {types[1]} *out)"
    return f'#include "network.h"\n{call};\n{call}\n{{\n    network_run(in, out);\n}}\n'


def _object(target: Target, types: tuple[str, str], folder: Path) -> int:
    """Return the bytes of flash of a network's object, with -Os; library functions are not in it."""
    return sum(sizes(target, compiled_object(target, _called(types), folder))[:2])


def _ram(target: Target, types: tuple[str, str], folder: Path) -> int:
    """Return data and bss of a network, and its functions' frames: all of them, as if each called the next."""
    made = compiled_object(target, _called(types), folder, "-O2")
    frames = [int(line.split("\t")[1]) for line in made.with_suffix(".su").read_text().splitlines()]
    return sum(sizes(target, made)[1:]) + sum(frames)


def instructions(target: Target, program: Path, given: bytes) -> int:
    """Return how many instructions a program takes in an emulator."""
    command = [target.emulator, "-singlestep", "-d", "exec,nochain", str(program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stderr is not None
        running.stdin.write(given)
        running.stdin.close()
        count = sum(line.startswith(b"Trace") for line in running.stderr)
    if running.returncode:
        raise RuntimeError(f"{program} stopped with {running.returncode}")
    return count


def callgrind(given: NDArray[Any], neurons: tuple[int, int], types: tuple[str, str], folder: Path) -> float:
    """Return the instructions of a call on x86-64: of runs that take the points once and twice the difference."""
    listed = ", ".join(f"{value!r}f" if types[0] == "float" else str(value) for value in given.flatten().tolist())
    told = {"POINTS": listed, "COUNT": len(given), "INPUTS": neurons[0], "OUTPUTS": neurons[1]}
    text = LOOP
    for key, value in {**told, "INPUT": types[0], "OUTPUT": types[1]}.items():
        text = re.sub(rf"\b{key}\b", str(value), text)
    (folder / "loop.c").write_text(text)
    subprocess.run([*compiler(), *FLAGS, "loop.c", "-lm", "-o", "loop"], cwd=folder, check=True)
    counts = []
    for rounds in ("1", "2"):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "./loop", rounds]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        found = re.search(r"Collected : (\d+)", done.stderr)
        assert found is not None
        counts.append(int(found[1]))
    return (counts[1] - counts[0]) / len(given)


def brief(found: dict[str, Any]) -> str:
    """The table in the README: bytes of flash (-Os) and instructions (-O2) of a Cortex-M4, from what is kept alone."""
    rows = found["rows"]
    names = list(dict.fromkeys(row["activation"] for row in rows))
    kinds = [("integers", scheme) for scheme in SCHEMES] + [(kind, SCHEMES[0]) for kind in BRIEF if kind != "integers"]
    lines = [
        f"| flash / instructions | {' | '.join(names)} | RAM |",
        f"|---|{'---|' * (len(names) + 1)}",
    ]
    for kind, scheme in kinds:
        own = [row for row in rows if (row["kind"], row["scheme"]) == (kind, scheme)]
        cells = [f"{row['flash-Os']:,} / {row['instructions-O2']:,.0f}" for row in own]
        memory = sorted({row["ram"] for row in own})
        ram = str(memory[0]) if len(memory) == 1 else f"{memory[0]} to {memory[-1]}"
        lines.append(f"| {' | '.join([BRIEF[kind] or scheme, *cells, ram])} |")
    return "\n".join(lines)


def table(found: dict[str, Any]) -> str:
    """The table in docs/device.md, from what is kept alone."""
    lines = [
        "| activation | numbers | flash -Os, bytes | flash -O2 | RAM, bytes | instructions -Os | -O2 | x86-64 -O2 |"
        f" flash -Os of {', '.join(OTHERS)} |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        numbers = row["scheme"] if row["kind"] == "integers" else row["kind"].replace("float", "float32")
        cells = [row["activation"], numbers, f"{row['flash-Os']}", f"{row['flash-O2']}", f"{row['ram']}"]
        cells += [f"{row['instructions-Os']:.0f}", f"{row['instructions-O2']:.0f}"]
        cells.append(f"{row['callgrind']:.0f}" if "callgrind" in row else "–")
        cells.append(", ".join(map(str, row["objects"].values())) if "objects" in row else "–")
        lines.append(f"| {' | '.join(cells)} |")
    told = f"{'; '.join(found['cross_compilers'])}; {found['emulator']}; x86-64: {found['compiler']}, callgrind"
    return "\n".join([*lines, "", f"Flags: {' '.join(STRICT)}. {told}."])


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
