/* The controls of the live quantizer as fields of the address, and what they mean for a network. */

import { fill } from "../browser/elements.js";
import { schemeSettings } from "../numbers/formats.js";

const INTEGERS = Array.from({ length: 15 }, (_, i) => String(i + 2));

/** What weights can be, coarsest first: the places of their slider. */
export const WEIGHTS = [...INTEGERS, "f8e5m2", "f8", "float"];

/** What activations can be, coarsest first: the places of their slider. */
export const ACTIVATIONS = [...INTEGERS, "8dyn", "f8e5m2", "f8", "float"];

/** The fields of the live quantizer, for `createState`. data: the page's. */
export function liveFields(data) {
  const { live, study } = data;
  if (live === null) return {};
  const names = Object.keys(live.networks);
  const { weights, activations } = schemeSettings(study.focus);
  const whole = (text) => /^(0|[1-9]\d*)$/.test(text);
  return {
    activation: { default: names.includes(study.best) ? study.best : names[0], values: names, named: true },
    beside: { default: "none", values: ["none", ...names] },
    seed: { default: String(live.first), values: live.seeds.map(String), named: true },
    weights: { default: weights, values: WEIGHTS },
    activations: { default: activations, values: ACTIVATIONS },
    inputs: { default: study.input_bits ? String(study.input_bits) : "none", values: ["none", ...INTEGERS] },
    placement: { default: study.placement, values: ["post", "pre", "both"] },
    observer: { default: study.observer, values: ["minmax", "percentile", "mse", "fixed"] },
    cap: { default: "own", values: ["own", "3", "none"] },
    repaired: { default: "no", values: ["no", "yes"] },
    fold: { default: "quantized", values: ["float", "quantized", "difference"] },
    neuron: {
      default: "auto",
      allowed: `auto, or layer.neuron from 0.0 to ${live.neurons.length - 3}.${live.neurons.at(-2) - 1}`,
      test: (text) => text === "auto" || isNeuron(live.neurons, text.split("."), whole),
    },
  };
}

function isNeuron(neurons, parts, whole) {
  const [layer, neuron] = parts;
  if (parts.length !== 2 || !whole(layer) || !whole(neuron)) return false;
  return layer < neurons.length - 2 && neuron < neurons[Number(layer) + 1];
}

/** What `buildPlan` takes. state: as of `createState`; study: the page's. */
export function planSettings(state, study) {
  const inputs = state.get("inputs");
  return {
    weights: state.get("weights"),
    activations: state.get("activations"),
    inputBits: inputs === "none" || state.get("activations") === "float" ? 0 : Number(inputs),
    inputRounding: study.input_rounding,
    placement: state.get("placement"),
    observer: state.get("observer"),
    weightObserver: study.weight_observer,
    scales: study.scales,
  };
}

/** The scheme's name, such as w4a8dyn; "float" where nothing is quantized. */
export function schemeOf(state) {
  const [w, a] = ["weights", "activations"].map((name) => state.get(name));
  return (w === "float" ? "" : `w${w}`) + (a === "float" ? "" : `a${a}`) || "float";
}

/** What is not as in the study, in words; "" where nothing is, or where it changes nothing. */
export function otherwise(state, fields, texts, repaired) {
  const activations = state.get("activations");
  const ranges = activations === "8dyn" || repaired ? [] : ["observer"]; // repaired ones have their own
  const named = activations === "float" ? ["cap"] : ["inputs", "placement", ...ranges, "cap"];
  const others = named.filter((name) => state.get(name) !== fields[name].default);
  const label = (name) => texts.labels[name].replace(/^./, (first) => first.toLowerCase());
  const said = (name) => ({ label: label(name), choice: texts.choices[name][state.get(name)] });
  return others.map((name) => fill(texts.told_otherwise, said(name))).join("");
}

/** The layer and the neuron, from 0, that are chosen; null where the page chooses. */
export function chosenNeuron(state) {
  const text = state.get("neuron");
  return text === "auto" ? null : text.split(".").map(Number);
}

/** One step of "play": each of weights and activations that is an integer gets one bit less, down to 2.
 *
 * Returns the changes, or null where nothing is left to take. */
export function oneBitLess(state) {
  const changes = {};
  for (const name of ["weights", "activations"]) {
    const at = INTEGERS.indexOf(state.get(name));
    if (at > 0) changes[name] = INTEGERS[at - 1];
  }
  return Object.keys(changes).length > 0 ? changes : null;
}

/** Where "play" begins: 16 bits wherever there are integers, or everywhere if nothing is an integer. */
export function mostBits(state) {
  const found = ["weights", "activations"].filter((name) => INTEGERS.includes(state.get(name)));
  const names = found.length > 0 ? found : ["weights", "activations"];
  return Object.fromEntries(names.map((name) => [name, "16"]));
}
