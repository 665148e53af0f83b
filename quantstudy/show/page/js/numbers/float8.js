/* Floating-point numbers of 8 bits, as quantstudy_kernels/float8.py has them: to the nearest, ties to even, saturating.
 * Their codes are whole numbers in the order of what they stand for, from −high to high. */

import { f32 } from "./arithmetic.js";

/** 4 bits of exponent, 3 of mantissa; smallest: the least normal value. */
export const E4M3 = { name: "E4M3", mantissa: 3, smallest: 2 ** -6, largest: 448, high: 126 };

/** 5 bits of exponent, 2 of mantissa. */
export const E5M2 = { name: "E5M2", mantissa: 2, smallest: 2 ** -14, largest: 57344, high: 123 };

/** Replace float32 numbers by the nearest of a format; what is rounded to 0 keeps its sign.
 *
 * Normal numbers are rounded as whole ones, by their bits: an overflow of the mantissa raises the exponent. */
export function roundToFloat8(form, values) {
  const { largest, smallest, mantissa } = form;
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const drop = 23 - mantissa;
  const half = 2 ** (drop - 1) - 1;
  const away = smallest * 1.5 * 2 ** drop; // added, it leaves no digits but those of the least numbers
  for (let i = 0; i < values.length; i++) {
    const x = values[i];
    if (Math.abs(x) < smallest) {
      const rounded = f32(x + away) - away;
      values[i] = rounded === 0 ? x * 0 : rounded;
    } else if (Math.abs(x) > largest) values[i] = x > 0 ? largest : -largest;
    else bits[i] = (bits[i] + half + ((bits[i] >> drop) & 1)) & -(2 ** drop);
  }
}

/** The code of the number of a format that is nearest to a float32 x. */
export function codeOfFloat8(x, form) {
  const values = Float32Array.of(x, form.smallest);
  roundToFloat8(form, values);
  const size = Math.abs(values[0]);
  const [digits, least] = new Int32Array(values.buffer).map((word) => (word & 0x7fffffff) >> (23 - form.mantissa));
  const steps = 2 ** form.mantissa;
  const code = size >= form.smallest ? digits - least + steps : (size / form.smallest) * steps;
  return x < 0 ? -code : code;
}

/** What a code of a format stands for. */
export function float8OfCode(code, form) {
  const steps = 2 ** form.mantissa;
  const size = Math.abs(code);
  const binade = Math.max(Math.floor(size / steps) - 1, 0);
  return Math.sign(code) * (size - binade * steps) * (form.smallest / steps) * 2 ** binade;
}
