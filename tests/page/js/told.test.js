import assert from "node:assert/strict";
import test from "node:test";

import { shown } from "../../../quantstudy/show/page/js/browser/elements.js";
import { counted } from "../../../quantstudy/show/page/js/live/histograms.js";
import { decisionColour, flipColour } from "../../../quantstudy/show/page/js/live/paint.js";
import { statisticRows, toldSentence } from "../../../quantstudy/show/page/js/live/told.js";

const texts = {
  told: "{rate} {float} {quantized} {loses} {drop} {verdict} {allowed}",
  told_undefined: "undefined",
  told_loses: "loses",
  told_gains: "gains",
  told_within: "within",
  told_beyond: "beyond",
};
const data = { texts, live: { classes: true }, study: { allowed: 0.02 } };
const of = (accuracyFloat, accuracyQuantized) =>
  toldSentence(data, {}, { drift: { flipRate: 0.5 } }, { accuracyFloat, accuracyQuantized });

test("a loss as large as is allowed is within it, whatever float64 makes of the difference", () => {
  assert.ok(0.98 - 0.96 > 0.02);
  assert.equal(of(0.98, 0.96), "50.0 % 98.0 % 96.0 % loses 2.0 within 2.0");
  assert.equal(of(0.98, 0.9599), "50.0 % 98.0 % 96.0 % loses 2.0 beyond 2.0");
});

test("what is better after quantization gains, and what is not finite has no loss", () => {
  assert.equal(of(0.7, 0.75), "50.0 % 70.0 % 75.0 % gains 5.0 within 2.0");
  assert.equal(of(0.7, NaN), "undefined");
});

test("a network that decides nothing has no flips and no islands", () => {
  const labels = { flips: "", sides: "", accuracy: "", heldout: "", sqnr: "", islands: "" };
  const none = { flips: NaN, flipRate: NaN, seaToIsland: NaN, islandToSea: NaN, accuracyFloat: 0.5, sqnrDb: NaN };
  const result = { drift: { ...none, accuracyQuantized: NaN }, islands: { lost: 0, born: 6, merged: 0, split: 4 } };
  const rows = statisticRows({ texts: { statistics_rows: labels }, live: data.live }, result, result.drift);
  const values = rows.map(([, value]) => value);
  const gone = "50.0 % → n/a";
  assert.deepEqual(values, ["n/a", "n/a, n/a", gone, gone, "n/a", "n/a / n/a / n/a / n/a"]);
});

test("what is not finite is painted as missing and counted nowhere", () => {
  const theme = { missing: 1, island: 2, sea: 3, faintIsland: 4, faintSea: 5, becameIsland: 6, becameSea: 7 };
  const logit = Float32Array.of(NaN, Infinity, 1, -1);
  assert.deepEqual([0, 1, 2, 3].map(decisionColour(logit, theme)), [1, 1, 2, 3]);
  assert.deepEqual([0, 1, 2, 3].map(flipColour(logit, Uint8Array.of(2, 0, 0, 2), theme)), [1, 1, 4, 7]);
  assert.deepEqual([...counted([1, NaN], NaN, NaN, 2)], [0, 0]);
});

test("nothing is minus nothing", () => {
  assert.deepEqual(
    [shown(-0.04), shown(-0), shown(-0.06), shown(NaN), shown(-Infinity)],
    ["0.0", "0.0", "−0.1", "n/a", "−∞"],
  );
});
