/* float32 arithmetic to the last bit, by the rules of quantstudy_kernels/cpu/lanes.py.
 *
 * JavaScript computes in float64. The sum, product or quotient of two float32 numbers, rounded to float64 and then by
 * Math.fround to float32, is what float32 hardware gives. Only a fused multiply-add needs a look at the rest. */

/** x rounded to float32. */
export const f32 = Math.fround;

const INTEGER_SHIFT = 6755399441055744; // 1.5 · 2^52: a float64 of this size has no digits behind the point
const LARGEST_FLOAT32 = f32(3.4028234663852886e38);
const OVERFLOW_TIE = 2 ** 128 - 2 ** 103; // midway between the largest float32 and the number after it

/** a · b + c of float32 numbers, rounded once to float32.
 *
 * The product is exact in float64. The sum is rounded twice, which matters only where the first rounding ends midway
 * between two float32 neighbours. */
export function fma(a, b, c) {
  const product = a * b;
  const sum = product + c;
  const near = f32(sum);
  const other = sum + (sum - near); // the neighbour on the other side, if the sum lies midway
  return f32(other) === other && other !== near ? midway(product, c, sum, near, other) : near;
}

/** The float32 number nearest to product + c, where `sum`, its float64, lies midway between `near` and `other`. */
export function midway(product, c, sum, near, other) {
  const part = sum - product;
  const rest = product - (sum - part) + (c - part); // what the float64 left out, exact (Knuth's TwoSum)
  if (!Number.isFinite(near)) {
    const size = Math.sign(sum) * rest;
    return Math.abs(sum) === OVERFLOW_TIE && size < 0 ? Math.sign(sum) * LARGEST_FLOAT32 : near;
  }
  if (rest === 0) return near;
  return rest > 0 === near > other ? near : other;
}

/** x rounded to a whole number, ties to the even one. Beyond ±2^51 the result is as large, but not exact. */
export function rint(x) {
  return x + INTEGER_SHIFT - INTEGER_SHIFT;
}

const WORD = new Float32Array(1);
const BITS = new Int32Array(WORD.buffer);

/** 2 to the power of a whole n from −126 to 127, exactly. */
export function powerOfTwo(n) {
  BITS[0] = (n + 127) << 23;
  return WORD[0];
}

/** The greatest power of two that is at most |x|; 0 where x is 0 or below the normal float32 numbers, else finite. */
export function powerBelow(x) {
  WORD[0] = x;
  BITS[0] &= 0x7f800000;
  return WORD[0];
}
