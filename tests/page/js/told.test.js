import assert from "node:assert/strict";
import test from "node:test";

import { shown } from "../../../quantstudy/show/page/js/browser/elements.js";
import { toldSentence } from "../../../quantstudy/show/page/js/live/told.js";

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

test("nothing is minus nothing", () => {
  assert.deepEqual(
    [shown(-0.04), shown(-0), shown(-0.06), shown(NaN), shown(-Infinity)],
    ["0.0", "0.0", "−0.1", "n/a", "−∞"],
  );
});
