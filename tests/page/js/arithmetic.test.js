import assert from "node:assert/strict";
import test from "node:test";

import { f32, fma, horner4, powerOfTwo, rint } from "../../../quantstudy/show/page/js/numbers/arithmetic.js";
import { exactFma, ofBits, randomBits } from "./exact.mjs";

const MOST = ofBits(0x7f7fffff);
const LEAST = 2 ** -149;

function check(a, b, c) {
  const [found, wanted] = [fma(a, b, c), exactFma(a, b, c)];
  assert.ok(found === wanted, `fma(${a}, ${b}, ${c}) is ${found}, not ${wanted}`);
  return found !== f32(a * b + c);
}

/** A random float32 with so many digits and an exponent of the leading one between two. */
function drawn(next, digits, low, high) {
  const whole = (next() >>> (32 - digits)) | 1;
  const size = f32(whole * 2 ** (1 - digits) * 2 ** (low + (next() % (high - low + 1))));
  return next() & 1 ? -size : size;
}

test("fma of numbers of like size", () => {
  const next = randomBits(1);
  for (let i = 0; i < 30_000; i++) check(drawn(next, 24, -3, 3), drawn(next, 24, -3, 3), drawn(next, 24, -4, 4));
});

test("fma of any finite numbers, subnormal ones and overflow among them", () => {
  const next = randomBits(2);
  const any = () => {
    const found = ofBits(next());
    return Number.isFinite(found) ? found : 0;
  };
  for (let i = 0; i < 30_000; i++) check(any(), any(), any());
  const small = () => drawn(next, 24, -80, -60);
  for (let i = 0; i < 10_000; i++) check(small(), small(), drawn(next, 20, -149, -126));
});

test("fma where the rounding of float64 ends midway between two float32 numbers", () => {
  const next = randomBits(3);
  let corrected = 0;
  for (let i = 0; i < 20_000; i++) {
    const exponent = (next() % 200) - 100;
    const half = 2 ** (exponent - 24); // of the distance between neighbours at 2^exponent
    const c = f32((2 ** 23 + (next() % 2 ** 23)) * 2 ** (exponent - 23));
    const sign = next() & 1 ? 1 : -1;
    const tiny = 1 + sign * 2 ** -(20 + (next() % 4)); // (1 + d)(1 − d) = 1 − d²: below the last digit of float64
    const other = f32(2 - tiny);
    const one = next() & 1 ? f32(half * tiny) : half;
    corrected += check(one, one === half ? 1 : other, next() & 1 ? c : -c);
  }
  assert.ok(corrected > 2000, `only ${corrected} sums were rounded twice`);
});

test("fma midway between subnormal numbers, and where float32 ends", () => {
  const [up, down] = [f32(1 + 2 ** -23), f32(1 - 2 ** -24)];
  let corrected = 0;
  for (const whole of [0, 1, 2, 5, 1000]) {
    for (const factor of [up, 1, down]) {
      for (const sign of [1, -1]) corrected += check(sign * 2 ** -75, f32(factor * 2 ** -75), whole * LEAST);
    }
  }
  for (const sign of [1, -1]) {
    for (const [a, b] of [
      [1, 1],
      [up, down],
      [1, down],
    ])
      check(sign * 2 ** 52 * a, 2 ** 51 * b, sign * MOST);
    corrected += check(sign * f32(2 ** 52 * f32(1 + 2 ** -20)), f32(2 ** 51 * f32(1 - 2 ** -20)), sign * MOST);
  }
  assert.ok(corrected > 0);
});

test("fma of what is not finite, and the signs of zeros", () => {
  assert.equal(fma(Infinity, 1, 1), Infinity);
  assert.equal(fma(MOST, -MOST, 0), -Infinity);
  for (const wrong of [fma(Infinity, 0, 1), fma(NaN, 1, 1), fma(1, 1, NaN), fma(Infinity, 1, -Infinity)]) {
    assert.ok(Number.isNaN(wrong));
  }
  assert.ok(Object.is(fma(-0, 1, -0), -0));
  assert.ok(Object.is(fma(-0, 1, 0), 0));
});

test("horner4 is four fma, also where one of them is midway", () => {
  const next = randomBits(4);
  const steps = (x, c) => c.slice(1).reduce((total, each) => exactFma(x, total, each), c[0]);
  for (let i = 0; i < 5_000; i++) {
    const [x, ...c] = Array.from({ length: 6 }, () => drawn(next, 24, -2, 2));
    assert.equal(horner4(x, ...c), steps(x, c));
  }
  const d = 2 ** -21;
  const [x, tie] = [f32(1 - d), f32(2 ** -24 * (1 + d))]; // x · tie is 2^-24 · (1 − d²)
  for (const c0 of [f32(1 + 2 ** -23), f32(1.5 + 2 ** -23)]) {
    for (let at = 1; at <= 4; at++) {
      const other = (i) => f32(i < at ? 0.3 * 2 ** -60 : -0.3 * 2 ** -10);
      const c = [0, 1, 2, 3, 4].map((i) => (i === at ? c0 : i === at - 1 ? tie : other(i)));
      const plain = c.slice(1, at + 1).reduce((total, each) => f32(x * total + each), c[0]);
      assert.notEqual(plain, steps(x, c.slice(0, at + 1)), "step `at` is to be one that float64 rounds in another way");
      assert.equal(horner4(x, ...c), steps(x, c));
    }
  }
});

test("rint rounds ties to even, whatever their sign", () => {
  const ties = [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 8388607.5, 3.49];
  assert.deepEqual(
    ties.map((x) => rint(x) + 0),
    [-4, -2, -2, 0, 0, 2, 2, 8388608, 3],
  );
  assert.ok(rint(MOST) > 1e38 && rint(Infinity) === Infinity && Number.isNaN(rint(NaN)));
});

test("powers of two", () => {
  for (const n of [-126, -1, 0, 1, 127]) assert.equal(powerOfTwo(n), 2 ** n);
});
