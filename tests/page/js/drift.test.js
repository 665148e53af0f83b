import assert from "node:assert/strict";
import test from "node:test";

import { chainOfFolds, complexity } from "../../../quantstudy/show/page/js/numbers/chain.js";
import { decisionDrift, regressionDrift } from "../../../quantstudy/show/page/js/numbers/drift.js";
import { islandChanges, regionsAbove } from "../../../quantstudy/show/page/js/numbers/islands.js";
import { randomBits } from "./exact.mjs";

const f = (...numbers) => Float32Array.of(...numbers);

/** A map of "#" and "." as logits. */
function drawn(...rows) {
  return Float32Array.from(rows.join(""), (mark) => (mark === "#" ? 1 : -1));
}

test("decisions that change", () => {
  const found = decisionDrift(f(1, 2, -1, -2), f(1, -2, 3, 0), Uint8Array.of(1, 1, 1, 0));
  assert.deepEqual([...found.changed], [0, 2, 1, 0]);
  const { flips, flipRate, seaToIsland, islandToSea, accuracyFloat, accuracyQuantized } = found;
  assert.deepEqual([flips, flipRate, seaToIsland, islandToSea], [2, 0.5, 0.25, 0.25]);
  assert.deepEqual([accuracyFloat, accuracyQuantized], [0.75, 0.75]);
});

test("decisions between several classes: of equals the first", () => {
  const found = decisionDrift(f(1, 5, 1, 0, 1, 9), f(1, 5, 2, 0, 1, 4), Float32Array.of(0, 2));
  assert.deepEqual([found.flips, found.accuracyFloat, found.accuracyQuantized], [2, 1, 0]);
  assert.deepEqual([...found.changed], [1, 1]);
  assert.ok(Number.isNaN(found.seaToIsland));
});

test("what is not finite has no value", () => {
  const found = decisionDrift(f(1, 2), f(1, NaN), Uint8Array.of(1, 1));
  assert.deepEqual([found.flips, found.flipRate, found.accuracyQuantized, found.sqnrDb], [NaN, NaN, NaN, NaN]);
  assert.equal(found.accuracyFloat, 1);
});

test("decibels", () => {
  assert.equal(regressionDrift(f(10, 10), f(9, 9), f(10, 10), 1).sqnrDb, 20);
  assert.equal(regressionDrift(f(1), f(1), f(1), 1).sqnrDb, Infinity);
  assert.equal(regressionDrift(f(0), f(1), f(0), 1).sqnrDb, NaN);
  const found = regressionDrift(f(1, 2), f(1.5, 2.5), f(1, 2), 5);
  assert.deepEqual([found.psnrFloat, found.psnrQuantized], [Infinity, 20]);
  assert.equal(regressionDrift(f(1, 1), f(1, 1), f(1, 1), 0).psnrFloat, Infinity);
  assert.equal(regressionDrift(f(1), f(Infinity), f(1), 1).sqnrDb, NaN);
});

test("islands lost, born, merged and split", () => {
  const x = drawn("##.##", "##.##", ".....", "##...", "##..#");
  const y = drawn("#####", "##.##", ".....", ".....", "##.##");
  assert.deepEqual(islandChanges(x, y, 5, 5), { lost: 1, born: 0, merged: 1, split: 0 });
  assert.deepEqual(islandChanges(y, x, 5, 5), { lost: 0, born: 1, merged: 0, split: 1 });
});

test("partners share a tenth of the smaller island", () => {
  const row = (start, length) => drawn(".".repeat(start) + "#".repeat(length) + ".".repeat(40 - start - length));
  assert.deepEqual(islandChanges(row(0, 10), row(9, 12), 1, 40), { lost: 0, born: 0, merged: 0, split: 0 });
  assert.deepEqual(islandChanges(row(0, 11), row(10, 12), 1, 40), { lost: 1, born: 1, merged: 0, split: 0 });
  assert.deepEqual(islandChanges(row(0, 3), row(0, 4), 1, 40), { lost: 0, born: 1, merged: 0, split: 0 });
});

test("regions do not go round the edge", () => {
  const { roots, count } = regionsAbove(drawn("#..#", "#..#"), 0, 4);
  assert.deepEqual([[...roots], count], [[0, -1, -1, 3, 0, -1, -1, 3], 2]);
});

test("a region is what is above a level, not what is on it", () => {
  assert.equal(regionsAbove(f(0.5, 0.75, 0.5, 1), 0.5, 4).count, 2);
});

test("regions are those of a flood of single points", () => {
  const next = randomBits(7);
  for (let round = 0; round < 50; round++) {
    const [rows, columns] = [1 + (next() % 9), 1 + (next() % 9)];
    const map = Float32Array.from({ length: rows * columns }, () => (next() % 5 < 3 ? 1 : 0));
    const flooded = Array.from(map, (value, p) => (value > 0 ? p : -1));
    for (let again = true; again;) {
      again = false;
      flooded.forEach((own, p) => {
        const beside = [p % columns ? p - 1 : p, (p + 1) % columns ? p + 1 : p, p - columns, p + columns];
        const least = Math.min(...beside.map((q) => flooded[q] ?? -1).filter((label) => label >= 0), own);
        if (own >= 0 && least < own) [flooded[p], again] = [least, true];
      });
    }
    const { roots, count } = regionsAbove(map, 0.5, columns);
    assert.deepEqual([...roots], flooded);
    assert.equal(count, new Set(flooded.filter((root) => root >= 0)).size);
  }
});

test("the chain starts at the most complex fold, and ends where nothing reaches a neuron", () => {
  const [ramp, flat] = [
    [0, 1, 2, 3, 4, 5, 6, 7],
    [3, 3, 3, 3, 3, 3, 3, 3],
  ];
  assert.equal(complexity(f(...ramp), 1, 8), 1);
  assert.equal(complexity(f(...flat), 1, 8), 0);
  const post = [f(...ramp, ...ramp.map((x) => -x)), f(...flat, ...ramp)];
  const network = { weights: [f(1, 1), f(9, 9, 3, -1)], biases: [f(0, 0), f(0, 0)] };
  const steps = chainOfFolds(network, post, 1, 8);
  assert.deepEqual(steps, [
    { layer: 1, neuron: 1, share: NaN },
    { layer: 0, neuron: 0, share: 0.75 },
  ]);
  assert.equal(chainOfFolds({ ...network, weights: [f(1, 1), f(9, 9, 0, 0)] }, post, 1, 8).length, 1);
  assert.deepEqual(chainOfFolds(network, [post[0], f(...flat, ...flat)], 1, 8), []);
});
