/* Networks, their repairs and the points that they are looked at, out of the page's data (`live`). */

import { bits, codesOf, floats, ints } from "./decode.js";
import { DYNAMIC, DYNAMIC_BITS, formatOf, schemeSettings } from "./formats.js";
import { pointQuantizer } from "./plan.js";
import { fixedQuantizer } from "./quantizer.js";

/** The network of an activation with the index-th seed: {kernel, cap, floor, ceiling (null: none), neurons, weights:
 * [Float32Array out · in], biases: [out], slopes: [out] per hidden layer of prelu, else null}. */
export function networkAt(live, activation, index) {
  const { values, ...traits } = live.networks[activation];
  return { ...traits, neurons: live.neurons, ...parametersAt(floats(values), traits.kernel, live.neurons, index) };
}

function parametersAt(values, kernel, neurons, index) {
  const hidden = neurons.slice(1, -1);
  const slopes = kernel === "prelu";
  const each = sum(neurons.slice(1).map((out, layer) => out * (neurons[layer] + 1))) + (slopes ? sum(hidden) : 0);
  let at = index * each;
  const next = (count) => values.subarray(at, (at += count));
  const [weights, biases] = [[], []];
  neurons.slice(1).forEach((out, layer) => {
    weights.push(next(out * neurons[layer]));
    biases.push(next(out));
  });
  return { weights, biases, slopes: slopes ? hidden.map(next) : null };
}

function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}

/** {network, plan} of the repaired network of an activation, null where there is none. Its weights are their codes. */
export function repairedAt(live, activation, index) {
  const repaired = live.repaired?.[activation];
  if (repaired === undefined) return null;
  const settings = schemeSettings(repaired.scheme);
  const { values } = repaired;
  const networks = { [activation]: { ...live.networks[activation], values } };
  const network = networkAt({ ...live, networks }, activation, index);
  const nothing = network.biases.slice(0, -1).map(() => null);
  const weights = weightsAt(repaired, settings, network, index, live.seeds.length);
  const post = outputsAt(repaired, settings, nothing, index);
  return { network, plan: { weights, pre: nothing, post, inputs: null } };
}

function weightsAt(repaired, settings, network, index, seeds) {
  const form = formatOf(settings.weights);
  if (form === null) return network.weights.map(() => null);
  const count = sum(network.weights.map((values) => values.length));
  const rows = sum(network.biases.map((bias) => bias.length));
  const codes = codesOf(repaired.codes, seeds * count);
  const scales = floats(repaired.scales);
  let [at, row] = [index * count, index * rows];
  return network.weights.map((values, layer) => {
    const scale = scales.slice(row, (row += network.biases[layer].length));
    return fixedQuantizer(form, scale, undefined, codes.subarray(at, (at += values.length)));
  });
}

function outputsAt({ outputs }, settings, nothing, index) {
  if (settings.activations === "float") return nothing;
  if (settings.activations === DYNAMIC) return nothing.map(() => pointQuantizer(settings, DYNAMIC_BITS));
  const form = formatOf(settings.activations);
  const [scale, zero] = [floats(outputs.scale), ints(outputs.zero)];
  return nothing.map((_, layer) => {
    const at = index * nothing.length + layer;
    return fixedQuantizer(form, Float32Array.of(scale[at]), Float32Array.of(zero[at]));
  });
}

/** Ranges that Python has found for the index-th seed, as `buildPlan` takes them, or null. */
export function chosenAt(live, activation, index) {
  const found = live.chosen?.[activation];
  if (found === undefined) return null;
  const hidden = live.neurons.length - 2;
  const at = (array) => array.slice(index * hidden, (index + 1) * hidden);
  const mapped = (object, change) => Object.fromEntries(Object.entries(object).map(([k, v]) => [k, change(v)]));
  const ranges = ({ scale, zero }) => ({ scale: at(floats(scale)), zero: at(ints(zero)) });
  return mapped(found, (widths) => mapped(widths, (places) => mapped(places, ranges)));
}

/** The network with another upper bound of its activation function: "own", "3" or "none". */
export function withCap(network, cap) {
  const bound = cap === "none" ? null : Number(cap);
  return cap === "own" ? network : { ...network, cap: bound, ceiling: bound };
}

/** The inputs of a part of the data (live.measured, live.heldout): a Float32Array [points] each. Those "along" x or y
 * of a plane have one value per column or row. */
export function inputsOf(part, plane) {
  return part.inputs.map(({ along, values }) => {
    const found = floats(values);
    if (along === "all" || plane === null) return found;
    const [rows, columns] = plane;
    const place = along === "x" ? (i) => i % columns : (i) => Math.floor(i / columns);
    return Float32Array.from({ length: rows * columns }, (_, i) => found[place(i)]);
  });
}

/** The labels of a part at the index-th seed: Uint8Array [count] of 0 and 1, or Float32Array [count], count being that
 * of one seed: points, or outputs · points. */
export function labelsOf(part, index, count) {
  const { kind, per_seed: perSeed, values } = part.labels;
  const start = perSeed ? index * count : 0;
  return kind === "bits" ? bits(values, count, start) : floats(values).subarray(start, start + count);
}

/** The points that ranges of the index-th seed are taken from, Uint8Array [points] of 0 and 1; null: all. */
export function calibrationOf(live, index, points) {
  return live.trained === null ? null : bits(live.trained, points, index * points);
}
