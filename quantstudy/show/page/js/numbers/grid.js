/* What a quantizer can give: its codes and its grid, for pictures. */

import { f32, rint } from "./arithmetic.js";
import { codeOfFloat8, float8OfCode } from "./float8.js";

const MOST_VALUES = 512;

/** The code of one value by a row of a quantizer; NaN by one that chooses its scale at every point. */
export function codeOf(q, x, row = 0) {
  if (q.kind === "point") return NaN;
  if (q.kind === "truncate") return Math.min(Math.max(Math.trunc(f32(x * q.steps)), -q.high), q.high);
  const at = q.scale.length === 1 ? 0 : row;
  if (q.float8 !== null) return codeOfFloat8(f32(x / q.scale[at]), q.float8);
  const code = rint(f32(x * f32(1 / q.scale[at]))) + q.zero[at];
  return code < q.low ? q.low : code > q.high ? q.high : code;
}

/** What a code of a row of a quantizer stands for. */
export function valueOf(q, code, row = 0) {
  if (q.kind === "point") return NaN;
  if (q.kind === "truncate") return f32(code / q.steps);
  const at = q.scale.length === 1 ? 0 : row;
  return f32((q.float8 !== null ? float8OfCode(code, q.float8) : code - q.zero[at]) * q.scale[at]);
}

/** The values from lo to hi that (the first row of) a quantizer can give, ascending; null where there are more than 512
 * of them, or a scale is chosen at every point or not finite. */
export function gridValues(q, lo, hi) {
  if (q === null || q.kind === "point" || Number.isNaN(valueOf(q, 0))) return null;
  const first = codeOf(q, lo) - 1;
  const last = codeOf(q, hi) + 1;
  const lowest = q.kind === "truncate" ? -q.high : q.low;
  const found = [];
  for (let code = Math.max(first, lowest); code <= Math.min(last, q.high); code++) {
    const value = valueOf(q, code);
    if (value >= lo && value <= hi) found.push(value + 0);
    if (found.length > MOST_VALUES) return null;
  }
  return found;
}
