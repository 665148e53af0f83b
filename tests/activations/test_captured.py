"""What a function from outside is made of: what changes it is seen, what changes nothing is not."""

import copy
import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quantstudy.activations.captured import digest_of, made_of, rounded
from quantstudy.activations.catalogue import parse_activation

HEAD = """import enum, functools, math
from dataclasses import dataclass
import torch
from torch import nn
import helpers
"""
HELPERS = "import torch\nLIMIT = 13.0\ndef clip(x):\n    return x.clamp(0, LIMIT)\n"

CHANGED = {
    "a global": ("TOP = 13\ndef f(x): return x.clamp(0, TOP)", "13", "1000"),
    "a literal": ("def f(x): return x.clamp(0, 13)", "13", "14"),
    "a default": ("def f(x, top=13.0): return x.clamp(0, top)", "13.0", "1e4"),
    "a keyword": ("def f(x, *, top=13.0): return x.clamp(0, top)", "13.0", "1e4"),
    "a closure": ("def make(top):\n    def f(x): return x.clamp(0, top)\n    return f\nf = make(13)", "13", "70"),
    "a partial": ("f = functools.partial(torch.clamp, min=0.0, max=13.0)", "13.0", "70.0"),
    "a lambda": ("f, g = (lambda x: x.clamp(0, 13)), (lambda x: x.clamp(0, 5))", "13", "70"),
    "a buffer": (
        "class F(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.register_buffer('top', torch.tensor(13.0))\n"
        "    def forward(self, x): return x.clamp(min=0).minimum(self.top)\nf = F()",
        "13.0",
        "1e4",
    ),
    "an attribute": (
        "class F:\n    def __init__(self): self.top = 13.0\n    def __call__(self, x): return x.clamp(0, self.top)\n"
        "f = F()",
        "13.0",
        "1e4",
    ),
    "a slot": (
        "class F:\n    __slots__ = ('top',)\n    def __init__(self): self.top = 13.0\n"
        "    def __call__(self, x): return x.clamp(0, self.top)\nf = F()",
        "13.0",
        "1e4",
    ),
    "an attribute of the class": (
        "class F:\n    top = 13.0\n    def __call__(self, x): return x.clamp(0, self.top)\nf = F()",
        "13.0",
        "1e4",
    ),
    "a method": (
        "class F:\n    def top(self): return 13.0\n    def f(self, x): return x.clamp(0, self.top())\nf = F().f",
        "13.0",
        "1e4",
    ),
    "a base class": (
        "class B:\n    def top(self): return 13.0\nclass F(B):\n    def f(self, x): return x.clamp(0, self.top())\n"
        "f = F().f",
        "13.0",
        "1e4",
    ),
    "a data class": (
        "@dataclass\nclass S:\n    top: float\ns = S(13.0)\ndef f(x): return x.clamp(0, s.top)",
        "S(13.0)",
        "S(99.0)",
    ),
    "an attribute of a function": ("def f(x): return x.clamp(0, f.top)\nf.top = 13", "13", "70"),
    "an enum": ("class T(enum.Enum):\n    TOP = 13\ndef f(x): return x.clamp(0, T.TOP.value)", "13", "70"),
    "a table": ("T = {'a': [1, (2, 13.0)]}\ndef f(x): return x.clamp(0, T['a'][1][1])", "13.0", "70.0"),
    "an array": (
        "import numpy as np\nT = np.array([0.0, 13.0])\ndef f(x): return x.clamp(float(T[0]), float(T[1]))",
        "13.0",
        "70.0",
    ),
    "a helper": ("def g(x): return x.clamp(0, 13)\ndef f(x): return g(x) * 1.0", "13", "70"),
    "a helper's global": ("TOP = 13\ndef g(x): return x.clamp(0, TOP)\ndef f(x): return g(x) * 1.0", "13", "70"),
    "a helper of another module": ("def f(x): return helpers.clip(x)", None, None),
    "a value of another module": ("def f(x): return x.clamp(0, helpers.LIMIT)", None, None),
    "what another module gave": ("from helpers import clip\nf = clip", None, None),
    "what is imported when it is called": ("def f(x):\n    from shapes import clip\n    return clip(x)", None, None),
    "a module imported when it is called": ("def f(x):\n    import shapes as h\n    return h.clip(x)", None, None),
    "what a decorator holds": (
        "def to(top):\n    def wrap(g):\n        @functools.wraps(g)\n        def h(x): return g(x).clamp(max=top)\n"
        "        return h\n    return wrap\n@to(13)\ndef f(x): return torch.relu(x)",
        "@to(13)",
        "@to(70)",
    ),
    "what a cache holds": ("@functools.lru_cache(8)\ndef f(x): return x.clamp(0, 13)", "13", "70"),
    "a name in quotes": ("TOP = 13\ndef f(x): return x.clamp(0, globals()['TOP'])", "13", "70"),
    "an attribute by name": ("def f(x): return x.clamp(0, getattr(helpers, 'LIMIT'))", None, None),
    "a dictionary of a module": ("def f(x): return x.clamp(0, helpers.__dict__['LIMIT'])", None, None),
    "one of some names": (
        "A, B = 13, 5\ndef f(x): return x.clamp(0, max(globals()[name] for name in ('A', 'B')))",
        "13",
        "70",
    ),
    "an array of Python": (
        "import array\nT = array.array('d', [13.0])\ndef f(x): return x.clamp(0, T[0])",
        "13.0",
        "70.0",
    ),
    "bytes": ("T = bytearray([13])\ndef f(x): return x.clamp(0, T[0])", "13", "70"),
    "a view of them": ("T = memoryview(bytes([13]))\ndef f(x): return x.clamp(0, T[0])", "13", "70"),
    "a list of another kind": (
        "import collections\nT = collections.UserList([13.0])\ndef f(x): return x.clamp(0, T[0])",
        "13.0",
        "70.0",
    ),
    "a slice": ("T = slice(0, 13)\ndef f(x): return x.clamp(T.start, T.stop)", "13", "70"),
    "a time": (
        "import datetime\nT = datetime.timedelta(13)\ndef f(x): return x.clamp(0, T.days)",
        "13",
        "70",
    ),
    "a polynomial": (
        "from numpy.polynomial import Polynomial\nT = Polynomial([13.0, 0.0])\n"
        "def f(x): return x.clamp(0, float(T(0)))",
        "13.0",
        "70.0",
    ),
    "an object of torch": (
        "T = torch.distributions.Normal(13.0, 1.0)\ndef f(x): return x.clamp(0, float(T.mean))",
        "13.0",
        "70.0",
    ),
    "a quantized tensor": (
        "T = torch.quantize_per_tensor(torch.tensor([13.0]), 1.0, 0, torch.qint8)\n"
        "def f(x): return x.clamp(0, float(T.dequantize()[0]))",
        "13.0",
        "70.0",
    ),
    "a static call": (
        "class F:\n    @staticmethod\n    def __call__(x): return x.clamp(0, 13)\nf = F()",
        "13",
        "70",
    ),
    "a partial call": (
        "class F:\n    def to(self, x, top): return x.clamp(0, top)\n"
        "    __call__ = functools.partialmethod(to, top=13)\nf = F()",
        "top=13",
        "top=70",
    ),
    "a class of a class": (
        "class M(type):\n    @property\n    def top(cls): return 13\nclass T(metaclass=M): pass\n"
        "def f(x): return x.clamp(0, T.top)",
        "13",
        "70",
    ),
    "a script": ("@torch.jit.script\ndef f(x):\n    return torch.clamp(x, 0.0, 13.0)", "13.0", "70.0"),
    "an entry": (
        "from quantstudy.activations.activation import Activation\n"
        "f = Activation('f', None, (0.0, 13.0), math.inf, True, True, 0.0, '', '', function=lambda x: x.clamp(0, 13))",
        "clamp(0, 13)",
        "clamp(0, 70)",
    ),
    "an entry's traits": (
        "from quantstudy.activations.activation import Activation\n"
        "f = Activation('f', None, (0.0, 13.0), math.inf, True, True, 0.0, '', '', function=lambda x: x.clamp(0, 13))",
        "(0.0, 13.0)",
        "(0.0, )",
    ),
}


def told(name="mine:f"):
    found = parse_activation(name)
    return found.made_of, found.fingerprint


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=pytest.mark.slow if place % 4 else ()) for place, what in enumerate(CHANGED)]
)
def test_a_function_that_was_changed_is_another_one(modules, what):
    text, old, new = CHANGED[what]
    modules(mine=HEAD + text, helpers=HELPERS, shapes=HELPERS)
    before = told()
    modules(mine=HEAD + text, helpers=HELPERS, shapes=HELPERS)
    assert told() == before
    if old is None:
        modules(mine=HEAD + text, **dict.fromkeys(("helpers", "shapes"), HELPERS.replace("13", "1000")))
    else:
        assert text.count(old) == 1
        modules(mine=HEAD + text.replace(old, new), helpers=HELPERS, shapes=HELPERS)
    after = told()
    assert after[0] != before[0]
    assert after[1] != before[1]


PLAIN = HEAD + "TOP = 13\nOTHER = 1\ndef g(x): return x.clamp(0, TOP)\ndef f(x):\n    return g(x) * 1.0\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\n", "\r\n").encode(),
        "# a comment\n\n\n" + PLAIN.replace("    return", "    # why\n    return"),
        PLAIN.replace("def f(x):\n", 'def f(x):\n    """Words."""\n'),
        PLAIN.replace("def f(x):", "def f(x: torch.Tensor) -> torch.Tensor:"),
        PLAIN.replace("OTHER = 1", "OTHER = 2"),
        PLAIN.replace("g(x) * 1.0", "g( x )*1.0"),
    ],
    ids=["line endings", "comments", "a docstring", "annotations", "another global", "spaces"],
)
def test_what_changes_nothing_is_not_seen(modules, text):
    modules(mine=PLAIN, helpers=HELPERS, shapes=HELPERS)
    before = told()
    modules(mine=text, helpers=HELPERS, shapes=HELPERS)
    assert told() == before


def test_two_lambdas_of_one_line_are_two(modules):
    modules(mine="f, g, h = (lambda x: x.clamp(0, 2)), (lambda x: x.clamp(0, 3)), (lambda x: x.clamp(0, 2))\n")
    (f, _), (g, _), (h, _) = (told(f"mine:{name}") for name in "fgh")
    assert f == h != g


@pytest.mark.parametrize(
    "text",
    [
        "calls = 0\ndef f(x):\n    global calls\n    calls += 1\n    return x.clamp(0, 13)",
        "class F:\n    n = 0\n    def __call__(self, x):\n        self.n += 1\n        return x.clamp(0, 13)\nf = F()",
        "seen = []\ndef f(x):\n    seen.append(x.shape)\n    return x.clamp(0, 13)",
    ],
)
def test_what_calls_change_is_no_part_of_it(modules, text):
    modules(mine="import torch\n" + text)
    from quantstudy.activations.functions import look_again

    before = told()
    look_again()  # as the next study does, in the same process
    assert told() == before


def test_source_that_was_edited_after_it_was_imported_is_not_its_source(modules, tmp_path):
    from quantstudy.activations.functions import look_again

    modules(mine="def f(x): return x.clamp(0, 13)\n")
    before = made_of(sys.modules["mine"].f if "mine" in sys.modules else _imported(), "mine")
    (tmp_path / "0" / "mine.py").write_text("def f(x): return x.clamp(0, 1000)\n")
    after = made_of(sys.modules["mine"].f, "mine")
    assert "clamp" in before[""]
    assert after[""] == "function f without source"
    look_again()


def _imported():
    parse_activation("mine:f")
    return sys.modules["mine"].f


def test_functions_without_source_are_told_by_name_and_what_they_hold():
    space = {"torch": torch, "TOP": 13.0, "__name__": "__main__"}
    exec("def f(x):\n    return x.clamp(0, TOP)", space)
    told = made_of(space["f"], "__main__")
    assert told == {"": "function f without source", "/global TOP": f"float {rounded(np.array([13.0, 0.0]))}"}
    assert made_of(torch.tanh, "torch") != made_of(torch.sin, "torch")
    assert list(made_of(torch.tanh, "torch")) == [""]
    assert list(made_of(torch.nn.functional.softsign, "torch")) == [""]


def test_things_that_hold_each_other_have_an_end():
    one: dict[str, object] = {}
    one["self"], one["list"] = one, [one, 1, one]
    told = made_of(one, "mine")
    assert told["/'list'/000001"] == "1"
    assert told["/'self'"].startswith("the same as")
    assert digest_of(told) == digest_of(made_of(copy.deepcopy(one), "mine"))


@given(st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda x: 1e-290 < abs(x) < 1e300))
def test_numbers_are_rounded_to_ten_digits(value):
    (text,) = rounded(np.array([value])).split()
    assert float(text) == pytest.approx(value, rel=5.1e-10)
    assert len(text.partition("e")[0].lstrip("-")) == 11
    near = rounded(np.array([float(text) * (1 + 4 * sys.float_info.epsilon)]))
    assert near == text  # away from a tie, other last bits give the same text


def test_numbers_that_are_none_have_their_words():
    assert rounded(np.array([math.nan, math.inf, -math.inf, -0.0, 0.0])).split() == [
        *("nan", "inf", "-inf"),
        *("0.000000000e+00",) * 2,
    ]
