"""Turns, threads and kept memory of what is timed."""

import os

import pytest
import torch

from experiments.measures import timing


def test_turns_are_all_taken_each_time_in_another_order_and_the_fastest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, orders = [0.0], []
    lasts = {"a": iter([3.0, 1.0, 2.0] * 4), "b": iter([5.0, 6.0, 4.0] * 4), "c": iter([7.0] * 12)}

    def call(name: str) -> None:
        clock[0] += next(lasts[name])
        orders[-1].append(name)

    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    calls = {name: lambda name=name: call(name) for name in "abc"}
    for number in range(4):
        orders.append([])
        assert list(timing.in_turns(calls, number, 3).items()) == [("a", 1.0), ("b", 4.0), ("c", 7.0)]
        assert sorted(orders[-1]) == list("aaabbbccc")
    assert len({tuple(order) for order in orders}) > 1


def test_the_threads_are_as_before_even_after_a_failure() -> None:
    before = torch.get_num_threads()
    seen: list[int] = []

    def breaks_off() -> None:
        with timing.torch_threads(before + 1):
            seen.append(torch.get_num_threads())
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        breaks_off()
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


def test_a_system_without_a_c_library_keeps_its_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    timing.keep_memory()
