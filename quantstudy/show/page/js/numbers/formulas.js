/* The activation functions, uncapped, as quantstudy_kernels/cpu/formulas.py has them: float32 → float32, every
 * operation rounded as it is written. */

import { f32, fma, horner4, powerOfTwo } from "./arithmetic.js";

const GATE_END = f32(15.65065); // from this |x| on the rational function is 1/2 to the last bit
const P0 = f32(4.3669342e-8);
const P1 = f32(4.571478e-5);
const P2 = f32(8.063187e-3);
const P3 = f32(0.24999985);
const Q0 = f32(9.3137133e-10);
const Q1 = f32(3.6755956e-6);
const Q2 = f32(1.4818268e-3);
const Q3 = f32(0.11558539);

/** 1 / (1 + e^−x), as 1/2 + x · P(x²) / Q(x²). */
function logistic(x) {
  let u = x < -GATE_END ? -GATE_END : x;
  u = u > GATE_END ? GATE_END : u;
  const s = f32(u * u);
  const p = fma(s, fma(s, fma(s, P0, P1), P2), P3);
  const q = horner4(s, Q0, Q1, Q2, Q3, 1);
  return f32(f32(f32(u * p) / q) + 0.5);
}

/** x · logistic(rate · x): silu at 1, quick_gelu at 1.702. */
export function gated(x, rate) {
  return f32(x * logistic(f32(x * rate)));
}

const BELL_END = 30; // from this x² on the density counts as 0
const ROOT = 0.9441845270914478; // the 16th root of the density at 0
const E0 = f32(ROOT * (0.035787919 / 32 ** 4));
const E1 = f32(ROOT * (-0.16533151 / 32 ** 3));
const E2 = f32(ROOT * (0.4998943 / 32 ** 2));
const E3 = f32(ROOT * (-0.99999724 / 32));
const E4 = f32(ROOT * 0.999999996);
const T_RATE = f32(0.33);
const T0 = f32(-0.27788575);
const T1 = f32(0.95228062);
const T2 = f32(-0.24316561);
const T3 = f32(0.5179992);
const T4 = f32(0.30408554);

/** x · Φ(x): the density is the 16th power of a polynomial, the tail that times a polynomial in 1 / (1 + 0.33 |x|). */
export function gelu(x) {
  const s = f32(x * x);
  if (!(s < BELL_END)) return x < 0 ? x * 0 : x; // there the tail is 0
  let density = horner4(s, E0, E1, E2, E3, E4);
  density = f32(density * density);
  density = f32(density * density);
  density = f32(density * density);
  density = f32(density * density);
  const t = f32(1 / fma(Math.abs(x), T_RATE, 1));
  const tail = f32(horner4(t, T0, T1, T2, T3, T4) * f32(t * density));
  return f32(x * (x < 0 ? tail : f32(1 - tail)));
}

const TANH_RATE = 1.5957691216057308;
const TANH_CUBIC = 0.044715;
const TANH_END = 64;
const TANH_S = f32(TANH_RATE * TANH_CUBIC);
const TANH_1 = f32(TANH_RATE);

/** gelu by tanh, as x · logistic(1.596 (x + 0.0447 x³)), the logistic by an exponential. */
export function geluTanh(x) {
  let s = f32(x * x);
  s = s < TANH_END ? s : TANH_END;
  const u = f32(x * fma(s, TANH_S, TANH_1));
  const e = expOfNegative(-Math.abs(u));
  const above = f32(1 / f32(e + 1));
  return f32(x * (x < 0 ? f32(e * above) : above));
}

const LEAST_EXPONENT = -87;
const ROUNDER = 1.5 * 2 ** 23;
const LOG2_E = f32(1.4426950408889634);
const LN2_HIGH = f32(-0.693359375);
const LN2_LOW = f32(2.1219444e-4);
const X0 = f32(1.3981999e-3);
const X1 = f32(8.3334519e-3);
const X2 = f32(4.1665795e-2);
const X3 = f32(1.6666665e-1);

/** e^x for x ≤ 0: 2^n split off, then Cephes' polynomial; 0 from −87 down. */
function expOfNegative(x) {
  if (!(x > LEAST_EXPONENT)) return 0;
  const n = f32(fma(x, LOG2_E, ROUNDER) - ROUNDER);
  const r = fma(n, LN2_LOW, fma(n, LN2_HIGH, x));
  const p = horner4(r, X0, X1, X2, X3, 0.5);
  return f32(fma(p, f32(r * r), f32(r + 1)) * powerOfTwo(n));
}

/** x · clamp(rate · x + 1/2, 0, 1): hardswish at 1/6, hardgelu at 1/3. */
export function ramped(x, rate) {
  const gate = fma(x, rate, 0.5);
  return f32(x * (gate < 0 ? 0 : gate > 1 ? 1 : gate));
}
