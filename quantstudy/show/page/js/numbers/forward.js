/* The forward pass over many points, in the order and the precision of quantstudy_kernels/cpu/affine_maps.py:
 * bias, then for input 0, 1, … sum = fma(weight, x, sum). Maps are Float32Array [neurons · points]. */

import { activateLayer } from "./activate.js";
import { fma } from "./arithmetic.js";
import { roundRows } from "./quantizer.js";

/** What a float network does: {pre, post: [per hidden layer], logit}.
 *
 * inputs: a Float32Array [points] each; into: maps of the same shapes that may be written over, or null. */
export function floatMaps(network, inputs, into = null) {
  return quantizedMaps(network, null, inputs, into);
}

/** What it does quantized by a plan (null: in float): pre before its own quantizer, post behind it. */
export function quantizedMaps(network, plan, inputs, into = null) {
  const points = inputs[0].length;
  const maps = into ?? emptyMaps(network, points);
  const hidden = network.weights.length - 1;
  let values = inputRows(inputs, plan?.inputs ?? null, points);
  for (let layer = 0; layer < hidden; layer++) {
    const [pre, post] = [maps.pre[layer], maps.post[layer]];
    affine(weightsOf(network, plan, layer), network.biases[layer], values, pre, points);
    const before = plan?.pre[layer] ?? null;
    if (before !== null) roundRows(before, pre, post, points);
    activateLayer(network, layer, before === null ? pre : post, post, points);
    roundRows(plan?.post[layer] ?? null, post, post, points);
    values = post;
  }
  affine(weightsOf(network, plan, hidden), network.biases[hidden], values, maps.logit, points);
  return maps;
}

/** The weights of a layer as a plan rounds them, Float32Array [out · in]. */
export function weightsOf(network, plan, layer) {
  const q = plan?.weights[layer] ?? null;
  if (q === null) return network.weights[layer];
  const rounded = new Float32Array(network.weights[layer].length);
  roundRows(q, network.weights[layer], rounded, rounded.length / network.biases[layer].length);
  return rounded;
}

function emptyMaps(network, points) {
  const rows = network.biases.map((bias) => new Float32Array(bias.length * points));
  const hidden = rows.slice(0, -1);
  return { pre: hidden, post: hidden.map((row) => new Float32Array(row.length)), logit: rows[rows.length - 1] };
}

function inputRows(inputs, q, points) {
  const rows = new Float32Array(inputs.length * points);
  inputs.forEach((input, row) => rows.set(input, row * points));
  roundRows(q, rows, rows, points);
  return rows;
}

function affine(weights, bias, from, to, points) {
  const below = from.length / points;
  for (let neuron = 0; neuron < bias.length; neuron++) {
    const [start, row] = [neuron * points, neuron * below];
    to.fill(bias[neuron], start, start + points);
    let i = 0;
    for (; i + 4 <= below; i += 4) addFour(weights, row + i, from, i * points, to, start, points);
    for (; i < below; i++) addOne(weights[row + i], from, i * points, to, start, points);
  }
}

function addOne(weight, from, at, to, start, points) {
  for (let p = 0; p < points; p++) to[start + p] = fma(weight, from[at + p], to[start + p]);
}

function addFour(weights, row, from, at, to, start, points) {
  const [w0, w1, w2, w3] = [weights[row], weights[row + 1], weights[row + 2], weights[row + 3]];
  const [at1, at2, at3] = [at + points, at + 2 * points, at + 3 * points];
  for (let p = 0; p < points; p++) {
    let sum = fma(w0, from[at + p], to[start + p]);
    sum = fma(w1, from[at1 + p], sum);
    sum = fma(w2, from[at2 + p], sum);
    to[start + p] = fma(w3, from[at3 + p], sum);
  }
}
