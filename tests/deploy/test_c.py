"""The C files: the same integers as the emulator, strict compilers, sanitizers, other processors, clear refusals."""

import functools
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments import bare_metal
from quantstudy.deploy.as_json import text_of
from quantstudy.deploy.c.carried import network_in
from quantstudy.deploy.c.compiled import FLAGS, answered, compiled, compiler, compiler_version
from quantstudy.deploy.c.files import files, written
from quantstudy.deploy.c.text import comment, packed
from quantstudy.deploy.integer.emulate import answers, emulated, input_codes
from quantstudy.deploy.integer.plan import Design, Integral, integral
from quantstudy.deploy.network import Deployed, Floats
from quantstudy.deploy.steps import after
from quantstudy.errors import BadInput, StudyFailure
from tests.deploy.random_networks import SEVEN, network, plane

HAVE = any(shutil.which(name) for name in ("cc", "gcc", "clang"))
needs_compiler = pytest.mark.skipif(not HAVE, reason="no C compiler")
SANITIZED = (*FLAGS, "-O1", "-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all")


@functools.cache
def sanitizers() -> bool:
    program = "int main(void) { return 0; }"
    command = [*compiler(), "-x", "c", "-", "-fsanitize=undefined,address", "-o", "/dev/null"]
    return subprocess.run(command, input=program.encode(), capture_output=True, check=False).returncode == 0


def same(net: Integral, points: Floats, flags: tuple[str, ...]) -> None:
    """Check that C gives what the emulator gives, in every layer, one after the other and each alone."""
    codes = input_codes(net, points)
    expected = emulated(net, codes)
    ends = (*expected.codes, expected.outputs)
    with compiled(net, flags) as program:
        assert all(np.array_equal(*pair) for pair in zip(program.layers(codes), ends, strict=True))
        assert np.array_equal(program.outputs(codes), expected.outputs)
        last = len(ends) - 1
        assert np.array_equal(program.layer(last, ends[last - 1] if last else codes), expected.outputs)
        rng = np.random.default_rng(0)
        for k, hidden in enumerate(net.hidden):  # codes that no points give: at the ends, where everything is largest
            given = rng.choice([hidden.leaving.low, hidden.leaving.high], (net.network.neurons[k + 1], 50))
            after_it = type(net)(**{**vars(net), "sums": net.sums[k + 1 :], "hidden": net.hidden[k + 1 :]})
            alone = emulated(after_it, given)
            assert np.array_equal(program.layer(k + 1, given), (*alone.codes, alone.outputs)[0])


def odd_ones() -> dict[str, Deployed]:
    """Networks with which each way of writing a layer is used once."""
    small = network("relu", "w8a8", (2, 4, 4, 2), 3)
    coded = small.layers[1].coded
    assert coded is not None
    scale = (coded.scale * np.float32([1, 1e-9, 1, 1e-36])).astype(np.float32)
    uneven = replace(small.layers[1], coded=replace(coded, scale=scale), bias=np.float32([0.5, 30.0, 0.0, -2.0]))
    found = {
        "uneven": replace(small, layers=(small.layers[0], uneven, small.layers[2])),
        "dead": replace(small, layers=(replace(small.layers[0], codes=np.zeros((4, 2), np.int32)), *small.layers[1:])),
        "single": network("relu", "w4a8", (1, 1, 1), 1, input_bits=8),
        "both": network("silu", "w4a4", (2, 5, 3, 1), 4, placement="both"),
        "pre": network("hardswish", "w8a8", (2, 5, 3, 1), 5, placement="pre"),
        "both, prelu": network("prelu", "w8a8", (2, 5, 3, 2), 6, placement="both", slopes=(0.9, -0.7)),
        "cut": network("relu6", "w4a8", (5, 3, 1), 7, input_bits=8, input_rounding="truncate"),
        "codes in": network("silu@1", "w4a4", (3, 17, 5, 10), 8, input_bits=8),
        "numbers": network("gelu_tanh", "w4a8", (2, 16, 3), 9, about={"task": "regression", "peak": 2.0}),
        "steep": network("prelu", "w8a8", (2, 3, 3, 1), 10, slopes=(30.0, -7.0)),
        "far": network("silu", "w8a8", (2, 8, 8, 1), 11, size=30.0),
        "far ramps": network("hardgelu", "w4a8", (2, 8, 8, 1), 11, size=30.0),
        "wide": network("relu", "w4a8", (2, 256, 1), 12),
    }
    widths = (1, 3, 5, 17)
    for k, name in enumerate(SEVEN):
        scheme = ("w8a8", "w4a8", "w4a4", "w2a3")[k % 4]
        found[name] = network(name, scheme, (2, widths[k % 4], widths[(k + 1) % 4], 1 + k % 3), k, slopes=(0.9, -0.7))
    return found


@needs_compiler
@pytest.mark.parametrize("name", odd_ones())
def test_c_is_the_emulator_and_is_clean(name: str) -> None:
    told = odd_ones()[name]
    points = np.float32(1.5) * plane(1, told.neurons[0], 120)
    flags = SANITIZED if sanitizers() else FLAGS
    same(integral(told), points, flags)


@needs_compiler
def test_c_is_the_emulator_at_full_speed_and_with_a_poor_design() -> None:
    told = network("silu", "w4a8", seed=2)
    same(integral(told), plane(2, 2, 5000), FLAGS)
    same(integral(told, Design(extra=0, inputs=9, fraction=9, steps=32)), plane(2, 2, 500), FLAGS)


def test_uneven_layers_are_written_with_tables_of_their_own() -> None:
    networks = odd_ones()
    assert "extra[j]" in written(networks["uneven"])[".h"].decode()
    for name in SEVEN:  # others have one number for all neurons
        assert not re.search(r"extra\[j\]", written(network(name, "w8a8"))[".h"].decode())
    assert integral(networks["far"]).hidden[1].function.fraction < 18  # type: ignore[union-attr]


def test_a_header_carries_its_network() -> None:
    for told in odd_ones().values():
        layers = [replace(one, weights=one.codes.astype(np.float32) * one.coded.scale[:, None]) for one in told.layers]
        odd = replace(told, layers=tuple(layers)).told(run="a*/ b /* ??/ ä \\*/", slash="/*/*/??")
        data = written(odd)[".h"]
        assert text_of(network_in(data, "net.h")) == text_of(odd)
        comments = re.findall(r"/\*.*?\*/", data.decode(), flags=re.DOTALL)
        assert not any("/*" in one[2:] or "??" in one for one in comments)
    with pytest.raises(StudyFailure, match=r"net\.h has no network in it"):
        network_in(b"/* nothing */", "net.h")
    with pytest.raises(StudyFailure, match=r"net\.h is damaged"):
        network_in(data.replace(b'"layers"', b'"players"'), "net.h")


def test_two_weights_in_a_byte() -> None:
    every = np.array([[a, b] for a in range(-8, 8) for b in range(-8, 8)])
    both = packed(every)[:, 0]
    assert (both.min(), both.max()) == (-128, 127)
    assert np.array_equal(((both & 15) ^ 8) - 8, every[:, 0])
    assert np.array_equal(both >> 4, every[:, 1])
    assert packed(np.array([[3, -2, 5]])).tolist() == [[-32 + 3, 5]]


@needs_compiler
@pytest.mark.parametrize("name", ["relu", "codes in", "cut", "numbers"])
def test_main_reads_text(name: str) -> None:
    told = odd_ones()[name]
    net, points = integral(told), np.float32(1.2) * plane(3, told.neurons[0], 60)
    points[:, 0], points[:, 1] = 0.5 / 2**14, 1.5 / 2**14
    codes = input_codes(net, points)
    expected = answers(net, emulated(net, codes).outputs)
    with compiled(net) as program:
        text = "\n".join(" ".join(repr(float(x)) for x in point) for point in points.T)
        lines = subprocess.run([program.path], input=text, capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
        short = subprocess.run([program.path], input="0.5 x", capture_output=True, text=True, check=False)
    assert (short.returncode, len(short.stderr.splitlines())) == (1, 1)
    got = [line.split() for line in lines if line]
    outs = told.neurons[-1]
    assert [line[:outs] for line in got] == [[f"{v:.9g}" for v in column] for column in expected.T]
    if name != "numbers":
        chosen = expected.argmax(axis=0) if outs > 1 else expected[0] > 0
        assert [int(line[outs]) for line in got] == chosen.astype(int).tolist()


@needs_compiler
def test_of_equal_classes_the_first_is_chosen() -> None:
    told = network("relu", "w8a8", (2, 4, 3), 1)
    last, coded = told.layers[-1], told.layers[-1].coded
    assert last.codes is not None
    assert coded is not None
    codes = last.codes[[0, 0, 0]]
    coded = replace(coded, scale=coded.scale[[0, 0, 0]], zero_point=coded.zero_point[[0, 0, 0]])
    alike = replace(last, codes=codes, bias=last.bias[[0, 0, 0]], weights=last.weights[[0, 0, 0]], coded=coded)
    net = integral(replace(told, layers=(*told.layers[:-1], alike)))
    with compiled(net) as program:
        done = subprocess.run([program.path], input="0.5 0.5\n", capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "0"


@needs_compiler
def test_a_header_that_is_there_is_what_runs() -> None:
    told, points = network("relu", "w8a8", seed=4), plane(4, 2, 50)
    header = written(told, "my-net")[".h"]
    logit, codes = answered(told, points, header)
    net = integral(told)
    expected = emulated(net, input_codes(net, points))
    assert np.array_equal(logit, answers(net, expected.outputs))
    assert list(codes) == [after(k) for k in range(3)]
    assert all(np.array_equal(a, b) for a, b in zip(codes.values(), expected.codes, strict=True))
    broken = re.sub(rb"bias\[1\] = \{\s+(-?\d+)", rb"bias[1] = {\n 12345", header)
    assert not np.array_equal(answered(told, points, broken)[0], logit)
    with pytest.raises(StudyFailure, match="no network in it"):
        answered(told, points, b"int main(void) { return 0; }")
    with pytest.raises(StudyFailure, match="the C compiler refuses: "):
        answered(told, points, header.replace(b"int8_t", b"int7_t"))


def test_headers_hold_no_floats_and_need_no_library() -> None:
    for told in odd_ones().values():
        code = re.sub(r"/\*.*?\*/", "", written(told)[".h"].decode(), flags=re.DOTALL)
        assert re.findall(r"#include.*", code) == ["#include <stdint.h>"]
        assert not re.search(r"\b(float|double|malloc|calloc|free|memcpy|printf|assert)\b|\d\.\d", code)


@needs_compiler
def test_nothing_is_left_undefined(tmp_path: Path) -> None:
    for name in ("silu", "uneven", "hardgelu"):
        (tmp_path / "network.h").write_bytes(written(odd_ones()[name])[".h"])
        source = '#include "network.h"\nvoid run(const int16_t *, int32_t *);\n'
        source += "void run(const int16_t *i, int32_t *o) { network_run(i, o); }\n"
        (tmp_path / "run.c").write_text(source)
        command = [*compiler(), *FLAGS, "-ffreestanding", "-nostdlib", "-fno-stack-protector", "-c", "run.c"]
        subprocess.run(command, cwd=tmp_path, check=True)
        names = subprocess.run(["nm", "-u", "run.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert names.split() in ([], ["U", "_GLOBAL_OFFSET_TABLE_"])


@pytest.mark.parametrize("name", bare_metal.TARGETS)
@pytest.mark.parametrize("optimized", ["-Os", pytest.param("-O2", marks=pytest.mark.slow)])
def test_other_processors_say_the_same(name: str, optimized: str, tmp_path: Path) -> None:
    target = bare_metal.TARGETS[name]
    if target.missing:
        pytest.skip(f"no {target.missing}")
    for activation in ("prelu", "silu", "hardswish"):
        net = integral(network(activation, "w4a8", (2, 7, 5, 1), 3, slopes=(0.9, -0.7)))
        codes = input_codes(net, plane(3, 2, 300))
        header = tmp_path / "network.h"
        header.write_bytes(files(net)[".h"])
        source = bare_metal.started(header, (2, 1), ("int16_t", "int32_t"), "network_run")
        made = bare_metal.program(target, source, tmp_path, optimized)
        given = np.ascontiguousarray(codes.T.astype(np.int16)).tobytes()
        done = subprocess.run([target.emulator, str(made)], input=given, capture_output=True, check=True)
        assert np.array_equal(np.frombuffer(done.stdout, np.int32), emulated(net, codes).outputs[0])
        alone = bare_metal.compiled_object(target, source, tmp_path, optimized)
        undefined = bare_metal.undefined(target, alone)
        assert undefined == (["__aeabi_lmul"] if name == "cortex-m0plus" else [])  # it has no long product
        assert 0 < sum(bare_metal.sizes(target, alone)) < 4096


def test_what_c_cannot_run_is_said_in_one_line() -> None:
    cases = {
        "integer activations": network("relu", "w8"),
        "integer weights": network("relu", "a8"),
        "one scale": network("relu", "w8a8", granularity="neuron"),
        "at most 8 bits": network("relu", "w8a12"),
    }
    for words, told in cases.items():
        with pytest.raises(BadInput, match=words) as found:
            written(told)
        assert "\n" not in str(found.value)
    wild = network("relu", "w8a8", size=1e7)
    with pytest.raises(BadInput, match="leave less than"):
        written(wild)
    with pytest.raises(BadInput, match="a file name with a letter"):
        written(network("relu", "w8a8"), "---")


def test_a_compiler_that_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    with pytest.raises(StudyFailure, match=r"no C compiler is found \(no-such-compiler\); install"):
        compiler_version()
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StudyFailure, match=r"no C compiler is found \(cc, gcc, clang\)"):
        answered(network("relu", "w8a8"), plane(0, 2, 3))


def test_provenance_cannot_leave_its_comment() -> None:
    lines = comment({"run": "a*/ int x; /* ??/", "path": "C:\\n", "name": "ä" * 200, "seed": 3, "empty": ""})
    assert not any("*/" in line or "/*" in line or "\\" in line or "??" in line for line in lines)
    assert max(map(len, lines)) <= 100
    assert "seed: 3" in lines


@needs_compiler
def test_two_networks_of_one_name_clash(tmp_path: Path) -> None:
    """A guard that both share would leave the second one out without a word."""
    for folder, seed in (("one", 0), ("two", 1)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.h").write_bytes(written(network("relu", "w4a8", seed=seed), "net")[".h"])
    text = '#include "one/net.h"\n#include "two/net.h"\nint main(void) { return 0; }\n'
    (tmp_path / "main.c").write_text(text)
    command = [*compiler(), "-std=c99", "main.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "redefinition" in done.stderr


def test_no_entry_of_a_table_is_multiplied_in_int() -> None:
    """It has 16 bits on small machines, and entries times 4 do not fit."""
    text = written(network("silu", "w8a8"))[".h"].decode()
    assert "* ((int32_t)table[first + 1] - table[first])" in text
    assert "* (int32_t)table[first] +" in text
