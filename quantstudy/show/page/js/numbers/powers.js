/* Scales that are powers of two, as quantstudy/quantize/powers.py makes them. */

import { f32, rint } from "./arithmetic.js";

/** The plan with the next powers of two as its scales, none of them smaller than it was. Quantizers that choose a scale
 * at every point, or cut inputs off, stay as they are. */
export function withPowersOfTwo({ weights, pre, post, inputs }) {
  return { weights: weights.map(powered), pre: pre.map(powered), post: post.map(powered), inputs: powered(inputs) };
}

/** The smallest power of two that is not below a normal float32 number; NaN stays. */
function nextPower(scale) {
  if (Number.isNaN(scale)) return NaN;
  const [word] = new Int32Array(Float32Array.of(scale).buffer);
  return new Float32Array(Int32Array.of((word + 0x7fffff) & 0x7f800000).buffer)[0];
}

function powered(q) {
  if (q?.kind !== "fixed") return q;
  const scale = q.scale.map(nextPower);
  const zero = q.zero.map((place, row) => {
    if (q.float8 !== null || place === 0 || Number.isNaN(scale[row])) return 0;
    const below = f32((q.low - place) * f32(q.scale[row] / scale[row])); // the lowest code's value, in new steps
    return Math.min(Math.max(q.low - rint(below), q.low), q.high);
  });
  return { ...q, scale, zero };
}
