import assert from "node:assert/strict";
import test from "node:test";

import { bits, bytes, codesOf, floats, ints } from "../../../quantstudy/show/page/js/numbers/decode.js";
import { floatMaps, quantizedMaps, weightsOf } from "../../../quantstudy/show/page/js/numbers/forward.js";
import {
  calibrationOf,
  chosenAt,
  inputsOf,
  labelsOf,
  networkAt,
  repairedAt,
  withCap,
} from "../../../quantstudy/show/page/js/numbers/networks.js";
import { buildPlan } from "../../../quantstudy/show/page/js/numbers/plan.js";
import { extremes } from "../../../quantstudy/show/page/js/numbers/quantizer.js";

function packed(array) {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
}

function ranges(scale, zero) {
  return { scale: packed(Float32Array.from(scale)), zero: packed(Int32Array.from(zero)) };
}

const NEURONS = [2, 3, 2, 1];
const EACH = 2 * 3 + 3 + 3 * 2 + 2 + 2 + 1 + 5; // weights, biases, slopes of prelu
const VALUES = Float32Array.from({ length: 2 * EACH }, (_, i) => i / 8);

function live() {
  return {
    seeds: [0, 1],
    neurons: NEURONS,
    networks: { prelu: { kernel: "prelu", cap: null, floor: null, ceiling: null, values: packed(VALUES) } },
    chosen: { prelu: { mse: { 4: { post: ranges([1, 2, 3, 4], [-1, -2, -3, -4]) } } } },
    repaired: {
      prelu: {
        scheme: "w4a8",
        values: packed(VALUES.map((x) => -x)),
        codes: packed(Int8Array.from({ length: 28 }, (_, i) => (i % 16) - 8)),
        scales: packed(Float32Array.from({ length: 12 }, (_, i) => 2 ** -i)),
        outputs: ranges([0.5, 1, 2, 4], [0, 1, 2, 3]),
      },
    },
    trained: packed(Uint8Array.of(0b10110010)),
  };
}

test("arrays come out of base64", () => {
  assert.deepEqual(bytes("AAECgP8="), Uint8Array.of(0, 1, 2, 128, 255));
  assert.deepEqual(floats(packed(Float32Array.of(1.5, -0, 3e38))), Float32Array.of(1.5, -0, 3e38));
  assert.deepEqual(ints(packed(Int32Array.of(-7, 2 ** 31 - 1))), Int32Array.of(-7, 2 ** 31 - 1));
  assert.deepEqual(codesOf(packed(Int8Array.of(-8, 7)), 2), Int8Array.of(-8, 7));
  assert.deepEqual(codesOf(packed(Int16Array.of(-800, 7)), 2), Int16Array.of(-800, 7));
  assert.deepEqual(bits(packed(Uint8Array.of(0b00000101, 0b10)), 10), Uint8Array.of(1, 0, 1, 0, 0, 0, 0, 0, 0, 1));
  assert.deepEqual(bits(packed(Uint8Array.of(0b00000101, 0b10)), 3, 7), Uint8Array.of(0, 0, 1));
});

test("a network has its layers' weights and biases, then its slopes", () => {
  const one = networkAt(live(), "prelu", 1);
  const at = (start, count) => VALUES.subarray(EACH + start, EACH + start + count);
  assert.deepEqual(one.weights, [at(0, 6), at(9, 6), at(17, 2)]);
  assert.deepEqual(one.biases, [at(6, 3), at(15, 2), at(19, 1)]);
  assert.deepEqual(one.slopes, [at(20, 3), at(23, 2)]);
  assert.deepEqual(one.neurons, NEURONS);
  const { kernel, cap, ceiling } = withCap(one, "3");
  assert.deepEqual([kernel, cap, ceiling, withCap(one, "own")], ["prelu", 3, 3, one]);
  assert.deepEqual(withCap({ ...one, cap: 3, ceiling: 3 }, "none"), one);
});

test("a repaired network has its own codes, scales and ranges", () => {
  const { network, plan } = repairedAt(live(), "prelu", 1);
  assert.deepEqual(network.biases[2], Float32Array.of(-(EACH + 19) / 8));
  const codes = Float32Array.from({ length: 6 }, (_, i) => ((14 + i) % 16) - 8);
  assert.deepEqual(
    weightsOf(network, plan, 0),
    codes.map((code, i) => code * 2 ** -(6 + Math.floor(i / 2))),
  );
  assert.deepEqual(
    plan.post.map(({ scale, zero }) => [scale[0], zero[0]]),
    [
      [2, 2],
      [4, 3],
    ],
  );
  assert.deepEqual([plan.inputs, plan.pre, plan.post[0].low], [null, [null, null], -128]);
  assert.equal(repairedAt(live(), "relu", 0), null);
});

test("ranges that Python has left are those of the seed", () => {
  const found = chosenAt(live(), "prelu", 1).mse[4].post;
  assert.deepEqual(found, { scale: Float32Array.of(3, 4), zero: Int32Array.of(-3, -4) });
  assert.equal(chosenAt(live(), "relu", 0), null);
});

test("points and labels", () => {
  const [x, y] = [packed(Float32Array.of(1, 2, 3)), packed(Float32Array.of(8, 9))];
  const part = {
    inputs: [
      { along: "x", values: x },
      { along: "y", values: y },
    ],
  };
  assert.deepEqual(inputsOf(part, [2, 3]), [Float32Array.of(1, 2, 3, 1, 2, 3), Float32Array.of(8, 8, 8, 9, 9, 9)]);
  assert.deepEqual(inputsOf({ inputs: [{ along: "all", values: x }] }, null), [Float32Array.of(1, 2, 3)]);
  const labels = (kind, perSeed, values) => ({ labels: { kind, per_seed: perSeed, values } });
  const mask = packed(Uint8Array.of(0b00101011));
  assert.deepEqual(labelsOf(labels("bits", true, mask), 1, 3), Uint8Array.of(1, 0, 1));
  assert.deepEqual(labelsOf(labels("bits", false, mask), 1, 3), Uint8Array.of(1, 1, 0));
  const numbers = packed(Float32Array.of(1, 2, 3, 4));
  assert.deepEqual(labelsOf(labels("floats", true, numbers), 1, 2), Float32Array.of(3, 4));
  assert.deepEqual(labelsOf(labels("floats", false, numbers), 1, 4), Float32Array.of(1, 2, 3, 4));
  assert.deepEqual(calibrationOf(live(), 1, 4), Uint8Array.of(1, 1, 0, 1));
  assert.equal(calibrationOf({ trained: null }, 1, 4), null);
});

test("maps that are written over are the same as new ones", () => {
  const network = networkAt(live(), "prelu", 0);
  const inputs = [Float32Array.of(-1, 0, 0.5), Float32Array.of(0.25, 1, -3)];
  const settings = { weights: "4", activations: "4", inputBits: 8, placement: "both", observer: "minmax" };
  const maps = floatMaps(network, inputs);
  const plan = buildPlan(network, maps, settings, null, { inputs, extent: (values) => extremes(values) });
  const fresh = quantizedMaps(network, plan, inputs);
  const again = quantizedMaps(
    network,
    plan,
    inputs,
    floatMaps(
      network,
      inputs.map((row) => row.map((x) => x + 1)),
    ),
  );
  assert.deepEqual(again, fresh);
  assert.notDeepEqual(fresh.logit, maps.logit);
});
