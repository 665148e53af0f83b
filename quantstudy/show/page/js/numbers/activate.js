/* Activation functions over rows: a loop each, so that the compiler can put its formula inside. */

import { f32 } from "./arithmetic.js";
import { gated, gelu, geluTanh, ramped } from "./formulas.js";

/** Write min(f(x), cap) of a layer, float32.
 *
 * network: its kernel, cap and slopes are looked at; from, to: Float32Array [neurons · points], maybe the same. */
export function activateLayer(network, layer, from, to, points) {
  const [row, rate] = LOOPS[network.kernel];
  const cap = network.cap === null ? Infinity : f32(network.cap);
  for (let start = 0, neuron = 0; start < from.length; start += points, neuron++) {
    row(from, to, start, start + points, cap, network.slopes === null ? rate : network.slopes[layer][neuron]);
  }
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

function gatedRow(from, to, start, stop, cap, rate) {
  for (let i = start; i < stop; i++) {
    const y = gated(from[i], rate);
    to[i] = y > cap ? cap : y;
  }
}

function rampedRow(from, to, start, stop, cap, rate) {
  for (let i = start; i < stop; i++) {
    const y = ramped(from[i], rate);
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

const LOOPS = {
  relu: [reluRow, 0],
  leaky_relu: [slopedRow, f32(0.01)],
  prelu: [slopedRow, 0], // each neuron has its own
  silu: [gatedRow, 1],
  gelu: [geluRow, 0],
  hardswish: [rampedRow, f32(1 / 6)],
  hardgelu_uncapped: [rampedRow, f32(1 / 3)],
  gelu_tanh: [geluTanhRow, 0],
  quick_gelu: [gatedRow, f32(1.702)],
};
