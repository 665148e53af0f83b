/* float32 arithmetic to the last bit, as quantstudy_kernels/cpu/lanes.py has it. The sum, product or quotient of two
 * float32 numbers in float64, rounded to float32, is that of float32; a fused multiply-add needs a look at the rest. */

/** x rounded to float32. */
export const f32 = Math.fround;

const INTEGER_SHIFT = 6755399441055744; // 1.5 · 2^52: a float64 of this size has no digits behind the point
const LARGEST_FLOAT32 = f32(3.4028234663852886e38);
const OVERFLOW_TIE = 2 ** 128 - 2 ** 103; // midway between the largest float32 and the number after it

/** a · b + c of float32 numbers, rounded once to float32.
 *
 * The product is exact in float64. The sum is rounded twice, which matters only where the first rounding ends midway
 * between two float32 neighbours. f32() around what is rare lets the compiler keep the result in a register. */
export function fma(a, b, c) {
  const product = a * b;
  const sum = product + c;
  const near = f32(sum);
  const other = sum + (sum - near); // the neighbour on the other side, if the sum lies midway
  return f32(other) === other && other !== near ? f32(midway(product, c, sum, near, other)) : near;
}

/** The polynomial c0 x⁴ + … + c4 by Horner's rule, every step an `fma`, all four looked at together.
 *
 * Where a sum may lie midway, `other` has no digits beyond float32, so that the product of what is left is 0. */
export function horner4(x, c0, c1, c2, c3, c4) {
  const sum1 = x * c0 + c1;
  const near1 = f32(sum1);
  const other1 = sum1 + (sum1 - near1);
  const sum2 = x * near1 + c2;
  const near2 = f32(sum2);
  const other2 = sum2 + (sum2 - near2);
  const sum3 = x * near2 + c3;
  const near3 = f32(sum3);
  const other3 = sum3 + (sum3 - near3);
  const sum4 = x * near3 + c4;
  const near4 = f32(sum4);
  const other4 = sum4 + (sum4 - near4);
  const digits = (f32(other1) - other1) * (f32(other2) - other2) * (f32(other3) - other3) * (f32(other4) - other4);
  return digits !== 0 ? near4 : f32(oneByOne(x, c0, c1, c2, c3, c4));
}

function oneByOne(x, c0, c1, c2, c3, c4) {
  return fma(x, fma(x, fma(x, fma(x, c0, c1), c2), c3), c4);
}

/** The float32 number nearest to product + c, where `sum`, its float64, lies midway between `near` and `other`. */
function midway(product, c, sum, near, other) {
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
