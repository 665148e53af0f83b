import assert from "node:assert/strict";
import { shown } from "../../../quantstudy/show/page/js/browser/elements.js";
import { test } from "node:test";

import {
  chartEnds,
  chartTicks,
  linearScale,
  nearestMark,
  nextMark,
  plainNumber,
  shadeIndex,
  spreadLabels,
  symlog,
  symlogTicks,
  tickPlaces,
} from "../../../quantstudy/show/page/js/findings/scales.js";
import { fileName } from "../../../quantstudy/show/page/js/browser/download.js";

test("numbers have a real minus sign, none at zero", () => {
  assert.deepEqual(
    [1.25, -1.25, -0.001, null].map((one) => shown(one, 1)),
    ["1.3", "−1.3", "0.0", "n/a"],
  );
  assert.deepEqual([-2.5, 3, null].map(plainNumber), ["−2.5", "3", "n/a"]);
});

test("ticks are round, within the ends, and about as many as asked for", () => {
  assert.deepEqual(chartTicks(71.3, 99.2, 6), [75, 80, 85, 90, 95]);
  assert.deepEqual(chartTicks(-0.4, 0.41, 4), [-0.4, -0.2, 0, 0.2, 0.4]);
  for (const [low, high, count] of [
    [0, 1, 5],
    [-1e-4, 3e-4, 8],
    [12, 12345, 4],
    [99.97, 99.99, 5],
  ]) {
    const ticks = chartTicks(low, high, count);
    assert.ok(ticks.length >= count / 2.6 && ticks.length <= 1.5 * count + 1, `${ticks}`);
    assert.ok(
      ticks.every((tick) => tick >= low - 1e-12 && tick <= high + 1e-12),
      `${ticks}`,
    );
    const texts = ticks.map((tick) => tick.toFixed(tickPlaces(ticks)));
    assert.equal(new Set(texts).size, ticks.length);
    texts.forEach((text, at) => assert.ok(Math.abs(Number(text) - ticks[at]) < 1e-9, `${text} is not ${ticks[at]}`));
  }
  assert.deepEqual(chartTicks(3, 3, 5), [3]);
});

test("axes hold all that is finite", () => {
  assert.deepEqual(chartEnds([2, null, 6], 0.25), [1, 7]);
  assert.deepEqual(chartEnds([null], 0.1), [0, 1]);
  assert.deepEqual(chartEnds([4, 4], 0.1), [2, 6]);
  assert.equal(linearScale([10, 20], [100, 0])(12.5), 75);
});

test("the axis is linear below, logarithmic above, without a step between", () => {
  assert.deepEqual(
    [0, 0.05, 0.1, 1, 10, -1].map((one) => symlog(one, 0.1)),
    [0, 0.5, 1, 2, 3, -2],
  );
  assert.deepEqual(symlogTicks(0.1, 60, [1, 5]), [0, 0.1, 1, 5, 10, 20, 50]);
  const places = symlogTicks(1, 30, [2]).map((tick) => symlog(tick, 1));
  places.slice(1).forEach((place, at) => assert.ok(place - places[at] > 0.25));
});

test("seven colours, the middle one at no difference", () => {
  assert.deepEqual(
    [-2, -1, -0.1, 0, 0.5, 1, 9].map((one) => shadeIndex(one, 1)),
    [0, 0, 3, 3, 5, 6, 6],
  );
  assert.equal(shadeIndex(null, 1), null);
  assert.equal(shadeIndex(0, 0), 3);
});

const MARKS = [
  { row: 0, order: -1, x: 50, y: 10, seed: null },
  { row: 0, order: 0, x: 20, y: 12, seed: 0 },
  { row: 0, order: 1, x: 80, y: 8, seed: 1 },
  { row: 1, order: -1, x: 30, y: 40, seed: null },
  { row: 1, order: 0, x: 52, y: 40, seed: 0 },
];

test("the mark nearest to a place, if it is within reach", () => {
  assert.equal(nearestMark(MARKS, 22, 14, 10), MARKS[1]);
  assert.equal(nearestMark(MARKS, 22, 100, 10), null);
  const boxed = [{ box: [0, 0, 10, 10] }, { box: [12, 0, 10, 10] }];
  assert.equal(nearestMark(boxed, 13, 5, 1), boxed[1]);
  assert.equal(nearestMark(boxed, 13, 30, 1), null);
});

test("arrow keys lead along a row and to the like mark of the next one, and stay at the edge", () => {
  assert.equal(nextMark(MARKS, null, "ArrowRight"), MARKS[0]);
  assert.equal(nextMark(MARKS, MARKS[0], "ArrowRight"), MARKS[2]);
  assert.equal(nextMark(MARKS, MARKS[0], "ArrowLeft"), MARKS[1]);
  assert.equal(nextMark(MARKS, MARKS[1], "ArrowLeft"), MARKS[1]);
  assert.equal(nextMark(MARKS, MARKS[0], "ArrowDown"), MARKS[3]);
  assert.equal(nextMark(MARKS, MARKS[2], "ArrowDown"), MARKS[4]);
  assert.equal(nextMark(MARKS, MARKS[3], "ArrowDown"), MARKS[3]);
  assert.equal(nextMark(MARKS, MARKS[3], "ArrowUp"), MARKS[0]);
  assert.equal(nextMark(MARKS, MARKS[3], "Home"), MARKS[0]);
  assert.equal(nextMark(MARKS, MARKS[0], "End"), MARKS[4]);
  const reached = new Set();
  for (let mark = nextMark(MARKS, MARKS[1], "Home"), step = 0; step < 9; step += 1) {
    reached.add(mark);
    mark = nextMark(MARKS, mark, step < 2 ? "ArrowLeft" : "ArrowRight");
  }
  assert.equal(reached.size, 3);
});

test("labels keep their distance, their order and the ends", () => {
  const placed = spreadLabels([50, 48, 52, 95, 96], 10, [0, 100]);
  const sorted = [...placed].sort((a, b) => a - b);
  sorted.slice(1).forEach((place, at) => assert.ok(place - sorted[at] >= 10 - 1e-9));
  assert.ok(sorted[0] >= 0 && sorted.at(-1) <= 100);
  assert.ok(placed[1] < placed[0] && placed[0] < placed[2] && placed[3] < placed[4]);
  assert.deepEqual(spreadLabels([10, 60], 10, [0, 100]), [10, 60]);
});

test("names of files are such that every system takes them", () => {
  assert.equal(fileName("default-1: w4/a4 é.svg"), "default-1_w4_a4_.svg");
  assert.equal(fileName("../x.csv"), "x.csv");
  assert.equal(fileName("///"), "quantstudy");
});
