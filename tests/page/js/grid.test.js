import assert from "node:assert/strict";
import test from "node:test";

import {
  E4M3,
  E5M2,
  codeOfFloat8,
  float8OfCode,
  roundToFloat8,
} from "../../../quantstudy/show/page/js/numbers/float8.js";
import { formatOf, integers, schemeSettings } from "../../../quantstudy/show/page/js/numbers/formats.js";
import { codeOf, gridValues, valueOf } from "../../../quantstudy/show/page/js/numbers/grid.js";
import { isOffered } from "../../../quantstudy/show/page/js/numbers/plan.js";
import { rangeQuantizer, roundRows } from "../../../quantstudy/show/page/js/numbers/quantizer.js";

const TRUNCATE = { kind: "truncate", high: 7, steps: 7.5 };

function roundedFloat8(x, form) {
  const found = Float32Array.of(x);
  roundToFloat8(form, found);
  return found[0];
}

function roundedAll(q, lo, hi) {
  const xs = Float32Array.from({ length: 40_001 }, (_, i) => lo + ((hi - lo) * i) / 40_000);
  const found = new Float32Array(xs.length);
  roundRows(q, xs, found, xs.length);
  return found;
}

test("the grid of a quantizer is all that it can give", () => {
  const named = ["2", "4", "7", "f8", "f8e5m2"].map((name) => rangeQuantizer(-0.7, 3.3, formatOf(name)));
  for (const q of [...named, TRUNCATE]) {
    const given = [...new Set(roundedAll(q, -1.25, 4).map((x) => x + 0))].toSorted((a, b) => a - b);
    const grid = gridValues(q, given[0], given[given.length - 1]);
    const seen = new Set(given);
    const gap = (2 * 5.25) / 40_000; // points that were tried lie half of this apart: nearer values may be missed
    assert.deepEqual(
      given.filter((value) => !grid.includes(value)),
      [],
    );
    const alone = (value, i) => value - (grid[i - 1] ?? -9) > gap && (grid[i + 1] ?? 9) - value > gap;
    assert.deepEqual(
      grid.filter((value, i) => !seen.has(value) && alone(value, i)),
      [],
    );
    for (const value of grid) assert.equal(valueOf(q, codeOf(q, value)) + 0, value);
  }
});

test("grids that cannot be drawn", () => {
  assert.equal(gridValues(null, 0, 1), null);
  assert.equal(gridValues({ kind: "point", low: -128, high: 127, symmetric: true, least: 1 }, 0, 1), null);
  assert.equal(gridValues(rangeQuantizer(-1, 1, integers(12)), -1, 1), null);
  assert.equal(gridValues(rangeQuantizer(NaN, 1, integers(4)), -1, 1), null);
  assert.deepEqual(gridValues(rangeQuantizer(0, 15, integers(4)), 2.5, 4.5), [3, 4]);
});

test("every code of a float of 8 bits stands for a value that has it", () => {
  for (const form of [E4M3, E5M2]) {
    let before = -Infinity;
    for (let code = -form.high; code <= form.high; code++) {
      const value = float8OfCode(code, form);
      assert.ok(value > before);
      assert.equal(roundedFloat8(value, form) + 0, value + 0);
      assert.equal(codeOfFloat8(value, form) + 0, code);
      before = value;
    }
    assert.equal(before, form.largest);
    assert.equal(roundedFloat8(Infinity, form), form.largest);
    assert.ok(Object.is(roundedFloat8(-1e-30, form), -0));
  }
});

test("ties of floats of 8 bits go to the even one", () => {
  const ties = [1.0625, 1.1875, -1.0625, 2 ** -10, 3 * 2 ** -10];
  assert.deepEqual(
    ties.map((x) => roundedFloat8(x, E4M3)),
    [1, 1.25, -1, 0, 2 ** -8],
  );
});

test("names of schemes", () => {
  assert.deepEqual(schemeSettings("w4a8dyn"), { weights: "4", activations: "8dyn" });
  assert.deepEqual(schemeSettings("wf8e5m2af8"), { weights: "f8e5m2", activations: "f8" });
  assert.deepEqual(schemeSettings("a16"), { weights: "float", activations: "16" });
  for (const none of ["", "w1", "w17", "w4a4dyn", "w8dyn", "wf8af8-w8a8", "w4a4 ", "4"]) {
    assert.equal(schemeSettings(none), null, none);
  }
  for (const none of ["float", "8dyn", "1", "17", "04", ""]) assert.equal(formatOf(none), null);
});

test("settings that are offered", () => {
  const chosen = { mse: { 4: { post: {} } }, percentile: { 4: { post: {}, pre: {} } } };
  const settings = { weights: "5", activations: "4", observer: "mse", placement: "post", inputBits: 0 };
  const offered = (other) => isOffered(chosen, { ...settings, ...other });
  assert.ok(offered({}) && offered({ observer: "percentile", placement: "both" }) && offered({ weights: "f8" }));
  assert.ok(offered({ activations: "float" }) && offered({ activations: "8dyn" }));
  assert.ok(offered({ activations: "16", observer: "fixed", inputBits: 8 }));
  for (const not of [{ activations: "5" }, { placement: "pre" }, { placement: "both" }, { inputBits: 8 }]) {
    assert.ok(!offered(not));
  }
  assert.ok(!isOffered(null, settings));
});
