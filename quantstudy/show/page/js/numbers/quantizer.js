/* Quantizers of rows of float32 numbers, as quantstudy/quantize/quantizer.py and cpu/forward_block.py have them: one of
 *   {kind: "fixed", scale, zero, low, high, float8, codes}: value = (code − zero) · scale with
 *     code = clamp(round(x · (1/scale)) + zero, low, high), or float8's number nearest to x / scale, times scale. Scale
 *     and zero, Float32Array, have one entry, or one per row. codes: of weights, chosen in another way; else null.
 *   {kind: "point", low, high, symmetric, least}: scale and zero are chosen at every point from all its rows.
 *   {kind: "truncate", high, steps}: inputs in [−1, 1], x · steps cut off towards 0. */

import { f32, rint } from "./arithmetic.js";
import { float8OfCode, roundToFloat8 } from "./float8.js";

/** The least scale where torchao's 8-bit configurations have it. */
export const EPSILON = 2 ** -23;

/** The least scale of everything else. */
export const SMALLEST_NORMAL = 2 ** -126;

const LARGEST = f32(3.4e38); // what a code of a static range stands for at most

/** A "fixed" quantizer of a format; where a scale is not finite it is NaN, so that all that it rounds is. */
export function fixedQuantizer(form, scale, zero = new Float32Array(scale.length), codes = null) {
  scale.forEach((step, row) => {
    if (!Number.isFinite(step)) [scale[row], zero[row]] = [NaN, 0];
  });
  return { kind: "fixed", scale, zero, low: form.low, high: form.high, float8: form.float8, codes };
}

/** The quantizer of weights, one scale per row.
 *
 * weights: Float32Array [rows · columns]; observer: "symmetric" (max|w| / ((high − low)/2)), "no_clipping"
 * (the least scale that clamps nothing), or "restricted" (max|w| / high, without the lowest code). */
export function weightQuantizer(weights, rows, form, observer) {
  const columns = weights.length / rows;
  const { bits, low, high } = form;
  const scale = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const [least, most] = extremes(weights.subarray(row * columns, (row + 1) * columns));
    const [below, above] = [Math.max(-least, 0), Math.max(most, 0)]; // NaN stays
    const largest = Math.max(below, above);
    if (form.float8 !== null) scale[row] = stepUpTo(largest, form);
    else if (observer === "restricted") scale[row] = Math.max(largest / high, SMALLEST_NORMAL);
    else if (observer === "no_clipping") scale[row] = Math.max(below / -low, above / high, SMALLEST_NORMAL);
    else scale[row] = Math.max(largest / ((high - low) / 2), bits === 8 ? EPSILON : SMALLEST_NORMAL);
  }
  const restricted = form.float8 === null && observer === "restricted";
  return fixedQuantizer(restricted ? { ...form, low: -high } : form, scale);
}

/** [smallest, largest] of float32 numbers; NaN where one is NaN.
 *
 * Only those of rows of points are looked at that `chosen`, Uint8Array [points], has a 1 for; null: all. */
export function extremes(values, chosen = null) {
  let [low, high, wrong] = [Infinity, -Infinity, 0];
  for (let i = 0; i < values.length; i++) {
    if (chosen !== null && chosen[i % chosen.length] === 0) continue;
    const x = values[i];
    if (x < low) low = x;
    if (x > high) high = x;
    if (x !== x) wrong = NaN;
  }
  return [low + wrong, high + wrong];
}

function stepUpTo(largest, form) {
  return largest === 0 ? EPSILON : Math.max(f32(largest / form.float8.largest), SMALLEST_NORMAL);
}

/** The quantizer of a range from low to high (float32), widened to include 0. */
export function rangeQuantizer(low, high, form) {
  if (form.float8 !== null) {
    const largest = Math.max(Math.abs(low), Math.abs(high));
    return fixedQuantizer(form, Float32Array.of(stepUpTo(largest, form)));
  }
  const span = f32(Math.max(high, 0) - Math.min(low, 0));
  const part = span === Infinity ? 0.5 : 1; // their difference may be more than float32 holds
  const [bottom, top] = [f32(Math.min(low, 0) * part), f32(Math.max(high, 0) * part)];
  const step = Math.max(f32(f32(top - bottom) / (form.high - form.low)), SMALLEST_NORMAL);
  if (!Number.isFinite(step)) return fixedQuantizer(form, Float32Array.of(NaN));
  const place = form.low - rint(f32(bottom / step));
  const zero = Math.min(Math.max(place, form.low), form.high);
  const most = f32(f32(1 / Math.max(zero - form.low, form.high - zero)) * LARGEST);
  const scale = span === 0 ? EPSILON : f32(step / part);
  return fixedQuantizer(form, Float32Array.of(Math.min(scale, most)), Float32Array.of(zero));
}

/** Write values rounded by a quantizer of any kind; null copies them.
 *
 * from, to: Float32Array [rows · points], row after row; they may be the same. */
export function roundRows(q, from, to, points) {
  if (q === null) {
    if (to !== from) to.set(from);
  } else if (q.kind === "point") roundPoints(q, from, to, points);
  else if (q.kind === "truncate") truncate(q, from, to);
  else if (q.codes !== null) decodeRows(q, to, points);
  else {
    for (let start = 0, row = 0; start < from.length; start += points, row++) {
      const at = q.scale.length === 1 ? 0 : row;
      if (q.float8 === null) roundRow(q, from, to, start, start + points, q.scale[at], q.zero[at]);
      else roundRowToFloat8(q.float8, from, to, start, start + points, q.scale[at]);
    }
  }
}

function roundRow(q, from, to, start, stop, scale, zero) {
  const { low, high } = q;
  const reciprocal = f32(1 / scale);
  for (let i = start; i < stop; i++) {
    let code = rint(f32(from[i] * reciprocal)) + zero;
    code = code < low ? low : code > high ? high : code;
    to[i] = (code - zero) * scale;
  }
}

function roundRowToFloat8(form, from, to, start, stop, scale) {
  for (let i = start; i < stop; i++) to[i] = from[i] / scale;
  roundToFloat8(form, to.subarray(start, stop));
  for (let i = start; i < stop; i++) to[i] *= scale;
}

function decodeRows(q, to, points) {
  for (let i = 0; i < to.length; i++) {
    const code = q.codes[i];
    to[i] = (q.float8 === null ? code : float8OfCode(code, q.float8)) * q.scale[Math.floor(i / points)];
  }
}

function truncate(q, from, to) {
  for (let i = 0; i < from.length; i++) {
    const code = Math.trunc(f32(from[i] * q.steps));
    to[i] = (code < -q.high ? -q.high : code > q.high ? q.high : code) / q.steps;
  }
}

function roundPoints(q, from, to, points) {
  const { low, high, symmetric, least } = q;
  const range = symmetric ? (high - low) / 2 : high - low;
  const wide = new Float32Array(points);
  const deep = new Float32Array(points);
  const wrong = new Float32Array(points); // NaN where a value is not finite
  for (let start = 0; start < from.length; start += points) {
    for (let p = 0; p < points; p++) {
      const x = from[start + p];
      const size = symmetric ? Math.abs(x) : x;
      if (size > wide[p]) wide[p] = size;
      if (x < deep[p]) deep[p] = x;
      wrong[p] += x * 0;
    }
  }
  for (let p = 0; p < points; p++) {
    const step = f32((symmetric ? wide[p] : f32(wide[p] - deep[p])) / range);
    const scale = (step > least ? step : least) + wrong[p];
    const place = low - rint(f32(deep[p] / scale));
    const zero = symmetric ? 0 : place < low ? low : place > high ? high : place;
    const reciprocal = f32(1 / scale);
    for (let i = p; i < from.length; i += points) {
      let code = rint(f32(from[i] * reciprocal)) + zero;
      code = code < low ? low : code > high ? high : code;
      to[i] = (code - zero) * scale;
    }
  }
}
