import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.errors import BadInput
from quantstudy.quantize import scheme as module
from quantstudy.quantize.formats import FORMATS, FP8_E4M3, FP8_E5M2
from quantstudy.quantize.scheme import IntFormat, Scheme, parse_scheme, schemes_for, studied_schemes

WIDTHS = range(2, 17)
ENDS = {2: (-2, 1, 4), 3: (-4, 3, 8), 4: (-8, 7, 16), 8: (-128, 127, 256), 16: (-32768, 32767, 65536)}

formats = st.none() | st.integers(2, 16).map(IntFormat) | st.sampled_from([FP8_E4M3, FP8_E5M2])


def names(schemes) -> list[str]:
    return [str(scheme) for scheme in schemes]


def refusal(function, *arguments, **named) -> BadInput:
    with pytest.raises(BadInput) as caught:
        function(*arguments, **named)
    return caught.value


@pytest.mark.parametrize(("bits", "ends"), ENDS.items())
def test_an_integer_format_spans_twos_complement(bits, ends):
    made = IntFormat(bits)
    assert (made.low, made.high, made.levels) == ends
    assert all(type(value) is int for value in (made.low, made.high, made.levels))


def test_every_format_by_its_name():
    assert list(FORMATS) == [*(f"int{bits}" for bits in WIDTHS), "fp8_e4m3", "fp8_e5m2"]
    assert all(form.name == name and form.levels == form.high - form.low + 1 for name, form in FORMATS.items())
    assert [FORMATS[name].bits for name in ("int2", "int16", "fp8_e4m3", "fp8_e5m2")] == [2, 16, 8, 8]
    assert [(f.largest, f.low, f.high, f.levels) for f in (FP8_E4M3, FP8_E5M2)] == [
        (448.0, -126, 126, 253),
        (57344.0, -123, 123, 247),
    ]
    assert pickle.loads(pickle.dumps(FP8_E4M3)) == FP8_E4M3 != FP8_E5M2


@pytest.mark.parametrize("bits", WIDTHS)
def test_every_width_has_as_many_levels_as_codes(bits):
    made = IntFormat(bits)
    assert made.bits == bits
    assert made.high - made.low + 1 == made.levels == 1 << bits


@pytest.mark.parametrize("bits", [-4, 0, 1, 17, 32])
def test_other_widths_are_refused(bits):
    error = refusal(IntFormat, bits)
    assert (error.field, error.value, error.allowed) == ("bits", bits, "whole numbers from 2 to 16")
    assert str(error) == f"bits: {bits} is not allowed; whole numbers from 2 to 16"


def test_values_are_frozen_compare_by_content_and_travel_between_processes():
    made = Scheme(IntFormat(4), IntFormat(8), dynamic=True)
    assert made == Scheme(IntFormat(4), IntFormat(8), dynamic=True)
    assert made != Scheme(IntFormat(4), IntFormat(8))
    assert len({made, Scheme(IntFormat(4), IntFormat(8), dynamic=True)}) == 1
    assert pickle.loads(pickle.dumps(made)) == made
    with pytest.raises(AttributeError):
        made.dynamic = False
    with pytest.raises(AttributeError):
        made.weights.bits = 5


@given(formats, formats, st.booleans())
@settings(deadline=None, database=None, derandomize=True, max_examples=80)
def test_what_is_printed_is_parsed_back(weights, activations, dynamic):
    if (weights is None and activations is None) or (dynamic and activations != IntFormat(8)):
        assert refusal(Scheme, weights, activations, dynamic=dynamic).field == "scheme"
    else:
        made = Scheme(weights, activations, dynamic=dynamic)
        assert parse_scheme(str(made)) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("w4", Scheme(IntFormat(4), None)),
        ("a4", Scheme(None, IntFormat(4))),
        ("w4a5", Scheme(IntFormat(4), IntFormat(5))),
        ("w16a2", Scheme(IntFormat(16), IntFormat(2))),
        ("w4a8", Scheme(IntFormat(4), IntFormat(8))),
        ("w4a8dyn", Scheme(IntFormat(4), IntFormat(8), dynamic=True)),
        ("a8dyn", Scheme(None, IntFormat(8), dynamic=True)),
        ("wf8", Scheme(FP8_E4M3, None)),
        ("af8", Scheme(None, FP8_E4M3)),
        ("wf8af8", Scheme(FP8_E4M3, FP8_E4M3)),
        ("w8af8", Scheme(IntFormat(8), FP8_E4M3)),
        ("wf8a4", Scheme(FP8_E4M3, IntFormat(4))),
        ("wf8e5m2", Scheme(FP8_E5M2, None)),
        ("wf8e5m2af8e5m2", Scheme(FP8_E5M2, FP8_E5M2)),
        ("wf8e5m2a8dyn", Scheme(FP8_E5M2, IntFormat(8), dynamic=True)),
    ],
)
def test_parsing(text, made):
    assert parse_scheme(text) == made
    assert str(made) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "w4 ", " w4", "w4\n", "w", "a", "x4", "W4", "int4", "w4a", "wa4", "w4,a4", "w4.0", "w-4", "w٤"),
        *("a4w4", "w4w4", "w4dyna8", "w4a8dyndyn", "w123", "w0", "w04", "w4a08"),
        *("f8", "wf", "wf9", "wf8e4m3", "wf16", "wf8e5m2e5m2", "wF8", "wfp8_e4m3"),
    ],
)
def test_text_of_another_form_is_refused(text):
    error = refusal(parse_scheme, text)
    assert (error.field, error.value) == ("scheme", text)
    assert error.allowed.startswith("schemes look like w4, a4, w4a8, w4a8dyn, wf8af8, wf8e5m2 or")


@pytest.mark.parametrize("text", ["w1", "w17", "a1", "w4a17", "w99a8dyn", "wf8af8-w1a8", "w1a8-w8a8"])
def test_a_width_out_of_range_is_refused_in_the_text_that_was_typed(text):
    error = refusal(parse_scheme, text)
    assert (error.field, error.value) == ("scheme", text)
    assert error.allowed == "whole numbers from 2 to 16"


def test_a_scheme_that_quantizes_nothing_is_refused():
    error = refusal(Scheme, None, None)
    assert (error.field, error.value) == ("scheme", "")
    assert error.allowed == "at least one of weights and activations must be quantized"
    assert refusal(parse_scheme, "dyn").allowed == error.allowed


@pytest.mark.parametrize("text", ["w4dyn", "w4a4dyn", "a9dyn", "w8a7dyn", "af8dyn", "wf8af8dyn"])
def test_dynamic_ranges_need_8_bit_activations(text):
    error = refusal(parse_scheme, text)
    assert (error.field, error.value) == ("scheme", text)
    assert error.allowed == "dynamic ranges go with activations of 8-bit integers"


@pytest.mark.parametrize("bits", WIDTHS)
def test_the_schemes_of_a_width_simplest_first(bits):
    made = schemes_for(bits)
    assert names(made) == [f"w{bits}", f"a{bits}", f"w{bits}a{bits}", f"w{bits}a8dyn"]
    assert [scheme.dynamic for scheme in made] == [False, False, False, True]
    assert [scheme.activations for scheme in made] == [None, IntFormat(bits), IntFormat(bits), IntFormat(8)]
    assert [scheme.weights for scheme in made] == [IntFormat(bits), None, IntFormat(bits), IntFormat(bits)]


@pytest.mark.parametrize("bits", WIDTHS)
def test_which_of_them_torchao_has(bits):
    within = {name: f"w{bits}" in (name, name.removesuffix("a8dyn")) for name in names(schemes_for(bits))}
    expected = {name: bits <= 8 and has for name, has in within.items()}
    expected[f"w{bits}a{bits}"] = bits == 8
    assert {str(scheme): scheme.in_torchao for scheme in schemes_for(bits)} == expected


@pytest.mark.parametrize(("text", "there"), [("w8a4", False), ("w4a8", False), ("w8a8", True), ("a8dyn", False)])
def test_torchao_has_static_ranges_at_8_bits_on_both_sides_only(text, there):
    assert parse_scheme(text).in_torchao is there


@pytest.mark.parametrize(("text", "there"), [("wf8", True), ("wf8af8", True)])
def test_torchao_has_e4m3_alone_and_with_itself(text, there):
    assert parse_scheme(text).in_torchao is there
    for other in ("af8", "wf8e5m2", "wf8e5m2af8e5m2", "wf8af8e5m2", "wf8a8", "wf8a8dyn", "w8af8", "w4af8"):
        assert not parse_scheme(other).in_torchao


def test_a_study_adds_8_bits_at_the_end_and_no_width_twice():
    of_8 = ["w8", "a8", "w8a8", "w8a8dyn"]
    of_4 = ["w4", "a4", "w4a4", "w4a8dyn"]
    of_12 = ["w12", "a12", "w12a12", "w12a8dyn"]
    assert names(studied_schemes((4,))) == of_4 + of_8
    assert names(studied_schemes((8, 4))) == of_8 + of_4
    assert names(studied_schemes((8,))) == of_8
    assert names(studied_schemes((12, 4))) == of_12 + of_4 + of_8
    assert names(studied_schemes((4, 4))) == of_4 + of_8


def test_the_constants_of_the_contract():
    assert (module.MAX_TORCHAO_BITS, module.DYNAMIC_BITS) == (8, 8)


def test_importing_loads_no_torch():
    code = "import sys, quantstudy.quantize.scheme; print([m for m in sys.modules if m in ('torch', 'numpy')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
