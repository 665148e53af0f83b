/* How long a float and a quantized pass over 128 × 128 points take: node tests/page/js/benchmark.mjs [kernel …] */

import { floatMaps, quantizedMaps } from "../../../quantstudy/show/page/js/numbers/forward.js";
import { buildPlan } from "../../../quantstudy/show/page/js/numbers/plan.js";
import { extremes } from "../../../quantstudy/show/page/js/numbers/quantizer.js";

const SIDE = 128;
const NEURONS = [2, 8, 8, 8, 1];
const SETTINGS = {
  weights: "4",
  activations: "4",
  inputBits: 0,
  placement: "post",
  observer: "minmax",
  weightObserver: "symmetric",
};

function random(length, size) {
  return Float32Array.from({ length }, () => size * (Math.random() + Math.random() + Math.random() - 1.5));
}

function network(kernel) {
  const layers = NEURONS.slice(1);
  return {
    kernel,
    cap: null,
    floor: null,
    ceiling: null,
    neurons: NEURONS,
    weights: layers.map((out, layer) => random(out * NEURONS[layer], 2 * Math.sqrt(2 / NEURONS[layer]))),
    biases: layers.map((out) => random(out, 1)),
    slopes: kernel === "prelu" ? layers.slice(0, -1).map((out) => random(out, 1)) : null,
  };
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

const axis = Float32Array.from({ length: SIDE }, (_, i) => (2 * i + 1) / SIDE - 1);
const inputs = [
  Float32Array.from({ length: SIDE * SIDE }, (_, i) => axis[i % SIDE]),
  Float32Array.from({ length: SIDE * SIDE }, (_, i) => axis[Math.floor(i / SIDE)]),
];
const kernels = process.argv.slice(2);
for (const kernel of kernels.length > 0 ? kernels : ["relu", "gelu"]) {
  const taken = { float: [], plan: [], quantized: [], all: [] };
  let [before, after] = [null, null];
  const one = network(kernel);
  for (let round = 0; round < 60; round++) {
    const times = [performance.now()];
    before = floatMaps(one, inputs, before);
    times.push(performance.now());
    const plan = buildPlan(one, before, SETTINGS, null, { inputs, extent: (values) => extremes(values) });
    times.push(performance.now());
    after = quantizedMaps(one, plan, inputs, after);
    times.push(performance.now());
    Object.keys(taken)
      .slice(0, 3)
      .forEach((name, i) => taken[name].push(times[i + 1] - times[i]));
    taken.all.push(times[3] - times[0]);
  }
  const told = Object.entries(taken).map(([name, times]) => `${name} ${median(times.slice(20)).toFixed(1)} ms`);
  console.log(`${kernel}: ${told.join(", ")}`);
}
