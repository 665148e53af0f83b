/* Activation functions over whole rows: a loop for each, so that the compiler can put its formula inside. */

import { f32 } from "./arithmetic.js";
import { LEAKY_SLOPE, gelu, geluTanh, hardgelu, hardswish, quickGelu, silu } from "./formulas.js";

const HARDGELU_CAP = 3;

/** Write min(f(x), cap) of a layer, float32.
 *
 * network: its kernel, cap (null: none) and slopes (of prelu, per hidden layer) are looked at; layer: which;
 * from, to: Float32Array [neurons · points], neuron after neuron; they may be the same. */
export function activateLayer(network, layer, from, to, points) {
  const activate = LOOPS[network.kernel];
  const cap = capOf(network);
  for (let start = 0, neuron = 0; start < from.length; start += points, neuron++) {
    const slope = network.slopes === null ? LEAKY_SLOPE : network.slopes[layer][neuron];
    activate(from, to, start, start + points, cap, slope);
  }
}

/** The upper bound of a network's activation function, Infinity where there is none. */
export function capOf(network) {
  const cap = network.cap === null ? Infinity : f32(network.cap);
  return network.kernel === "hardgelu" ? Math.min(cap, HARDGELU_CAP) : cap;
}

function reluRow(from, to, start, stop, cap) {
  for (let i = start; i < stop; i++) {
    const x = from[i];
    to[i] = x <= 0 ? 0 : x > cap ? cap : x;
  }
}

function slopedRow(from, to, start, stop, cap, slope) {
  for (let i = start; i < stop; i++) {
    const x = from[i];
    const y = x > 0 ? x : f32(x * slope);
    to[i] = y > cap ? cap : y;
  }
}

function siluRow(from, to, start, stop, cap) {
  for (let i = start; i < stop; i++) {
    const y = silu(from[i]);
    to[i] = y > cap ? cap : y;
  }
}

function geluRow(from, to, start, stop, cap) {
  for (let i = start; i < stop; i++) {
    const y = gelu(from[i]);
    to[i] = y > cap ? cap : y;
  }
}

function geluTanhRow(from, to, start, stop, cap) {
  for (let i = start; i < stop; i++) {
    const y = geluTanh(from[i]);
    to[i] = y > cap ? cap : y;
  }
}

function quickGeluRow(from, to, start, stop, cap) {
  for (let i = start; i < stop; i++) {
    const y = quickGelu(from[i]);
    to[i] = y > cap ? cap : y;
  }
}

function hardswishRow(from, to, start, stop, cap) {
  for (let i = start; i < stop; i++) {
    const y = hardswish(from[i]);
    to[i] = y > cap ? cap : y;
  }
}

function hardgeluRow(from, to, start, stop, cap) {
  for (let i = start; i < stop; i++) {
    const y = hardgelu(from[i]);
    to[i] = y > cap ? cap : y;
  }
}

const LOOPS = {
  relu: reluRow,
  leaky_relu: slopedRow,
  prelu: slopedRow,
  silu: siluRow,
  gelu: geluRow,
  hardswish: hardswishRow,
  hardgelu: hardgeluRow,
  hardgelu_uncapped: hardgeluRow,
  gelu_tanh: geluTanhRow,
  quick_gelu: quickGeluRow,
};
