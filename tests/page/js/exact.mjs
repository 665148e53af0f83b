/* The slow and obvious oracle: numbers as BigInt · 2^exponent, rounded to float32 by long division. */

const WORD = new Float32Array(1);
const BITS = new Uint32Array(WORD.buffer);

/** The float32 number whose bits these are. */
export function ofBits(bits) {
  BITS[0] = bits;
  return WORD[0];
}

/** [whole, exponent] of a finite float32: x = whole · 2^exponent. */
function taken(x) {
  WORD[0] = x;
  const exponent = (BITS[0] >>> 23) & 0xff;
  const digits = BigInt(BITS[0] & 0x7fffff) + (exponent === 0 ? 0n : 1n << 23n);
  return [BITS[0] >>> 31 ? -digits : digits, Math.max(exponent, 1) - 150];
}

/** a · b + c of finite float32 numbers, rounded once to float32, ties to even; the sign of a 0 is not looked at. */
export function exactFma(a, b, c) {
  const [[x, i], [y, j], [z, k]] = [a, b, c].map(taken);
  const low = Math.min(i + j, k);
  return rounded(((x * y) << BigInt(i + j - low)) + (z << BigInt(k - low)), low);
}

function rounded(whole, exponent) {
  const negative = whole < 0n;
  const size = negative ? -whole : whole;
  const digits = size.toString(2).length;
  const last = Math.max(digits + exponent - 24, -149); // exponent of the last digit that a float32 keeps
  const shift = BigInt(Math.max(last - exponent, 0));
  let kept = size >> shift;
  const rest = size - (kept << shift);
  const half = shift > 0n ? 1n << (shift - 1n) : 0n;
  if (shift > 0n && (rest > half || (rest === half && kept & 1n))) kept += 1n;
  const found = Number(kept) * 2 ** (shift > 0n ? last : exponent);
  return (negative ? -1 : 1) * (found >= 2 ** 128 ? Infinity : found);
}

/** A source of pseudo-random whole numbers below 2^32 (mulberry32), the same in every run. */
export function randomBits(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}
