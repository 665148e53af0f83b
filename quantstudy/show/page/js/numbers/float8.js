/* Floating-point numbers of 8 bits, as quantstudy_kernels/float8.py has them: to the nearest, ties to even, saturating.
 * Their codes are whole numbers in the order of what they stand for, from −high to high. */

import { f32, powerBelow, rint } from "./arithmetic.js";

/** 4 bits of exponent, 3 of mantissa; smallest: the least normal value. */
export const E4M3 = { name: "E4M3", mantissa: 3, smallest: 2 ** -6, largest: 448, high: 126 };

/** 5 bits of exponent, 2 of mantissa. */
export const E5M2 = { name: "E5M2", mantissa: 2, smallest: 2 ** -14, largest: 57344, high: 123 };

/** The number of a format that is nearest to a float32 x; what is rounded to 0 keeps its sign. */
export function roundedFloat8(x, form) {
  const within = x < -form.largest ? -form.largest : x > form.largest ? form.largest : x;
  const power = powerBelow(within);
  const away = (power < form.smallest ? form.smallest : power) * (1.5 * 2 ** (23 - form.mantissa));
  const rounded = f32(f32(within + away) - away);
  return rounded === 0 ? within * 0 : rounded;
}

/** The code of the number of a format that is nearest to a float32 x. */
export function codeOfFloat8(x, form) {
  const rounded = Math.abs(roundedFloat8(x, form));
  const power = Math.max(powerBelow(rounded), form.smallest);
  const steps = 2 ** form.mantissa;
  const binade = Math.log2(power / form.smallest);
  const code = binade * steps + (rounded / power) * steps;
  return x < 0 ? -rint(code) : rint(code);
}

/** What a code of a format stands for. */
export function float8OfCode(code, form) {
  const steps = 2 ** form.mantissa;
  const size = Math.abs(code);
  const binade = Math.max(Math.floor(size / steps) - 1, 0);
  return Math.sign(code) * (size - binade * steps) * (form.smallest / steps) * 2 ** binade;
}
