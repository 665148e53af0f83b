/* The quantization of a network, tensor by tensor, as quantstudy/quantize/plan.py makes it. */

import { f32 } from "./arithmetic.js";
import { DYNAMIC, DYNAMIC_BITS, formatOf, integers } from "./formats.js";
import { EPSILON, SMALLEST_NORMAL, fixedQuantizer, rangeQuantizer, weightQuantizer } from "./quantizer.js";
import { withPowersOfTwo } from "./powers.js";

const NO_ENDS = [null, null];
const UNIT = [-1, 1]; // the range of coordinates

/** The placements that a setting asks for, of "post" (behind the activation function) and "pre" (before it). */
function placementsOf(settings) {
  return settings.placement === "both" ? ["pre", "post"] : [settings.placement];
}

/** Whether settings can be computed: percentile and mse ranges are known only where Python has left them.
 *
 * chosen: {mse, percentile} → {"4", "8"} → {pre, post} → {scale, zero} of a network (`chosenAt`), or null. */
export function isOffered(chosen, settings) {
  const { activations, observer, inputBits } = settings;
  if (observer === "minmax" || observer === "fixed" || activations === "float" || activations === DYNAMIC) return true;
  const found = chosen?.[observer]?.[activations];
  return inputBits === 0 && placementsOf(settings).every((place) => found?.[place] !== undefined);
}

/** The plan of a network: {weights: [q|null per layer], pre, post: [q|null per hidden layer], inputs: q|null}.
 *
 * maps: its float maps at `inputs`; settings: {weights, activations, inputBits, placement, observer, weightObserver,
 * inputRounding, scales}, the first two names as in `formatOf`, or "float", activations also "8dyn"; inputRounding
 * "truncate" cuts inputs off, else they are rounded; scales "pow2" makes them powers of two; chosen: see `isOffered`;
 * inputs: a Float32Array [points] each; extent: what gives [smallest, largest] of rows of points where ranges are taken
 * from. null where the settings are not offered. */
export function buildPlan(network, maps, settings, chosen, { inputs, extent }) {
  if (!isOffered(chosen, settings)) return null;
  const form = formatOf(settings.weights);
  const weights = network.weights.map(
    (values, layer) => form && weightQuantizer(values, network.biases[layer].length, form, settings.weightObserver),
  );
  const fixed = settings.observer === "fixed";
  const ends = fixed ? [network.floor, network.ceiling] : NO_ENDS;
  const placements = placementsOf(settings);
  const of = (place, own) =>
    maps[place].map((values, layer) =>
      placements.includes(place)
        ? outputQuantizer(settings, chosen, place, layer, () => rangeOf([values], extent, own))
        : null,
    );
  const plan = {
    weights,
    pre: of("pre", NO_ENDS),
    post: of("post", ends),
    inputs: inputQuantizer(settings, () => rangeOf(inputs, extent, fixed ? UNIT : NO_ENDS)),
  };
  return settings.scales === "pow2" ? withPowersOfTwo(plan) : plan;
}

function outputQuantizer(settings, chosen, place, layer, range) {
  const { activations, observer } = settings;
  if (activations === "float") return null;
  if (activations === DYNAMIC) return pointQuantizer(settings, DYNAMIC_BITS);
  const form = formatOf(activations);
  if (observer === "minmax" || observer === "fixed") return rangeQuantizer(...range(), form);
  const { scale, zero } = chosen[observer][activations][place];
  return fixedQuantizer(form, Float32Array.of(scale[layer]), Float32Array.of(zero[layer]));
}

function inputQuantizer(settings, range) {
  const { activations, inputBits, inputRounding } = settings;
  if (inputBits === 0 || activations === "float") return null;
  if (activations === DYNAMIC) return pointQuantizer(settings, inputBits);
  const form = integers(inputBits);
  if (inputRounding === "truncate") return { kind: "truncate", high: form.high, steps: (form.high - form.low) / 2 };
  return rangeQuantizer(...range(), form);
}

/** The quantizer of activations whose scales are chosen at every point; beside weights of 8 bits it is symmetric. */
export function pointQuantizer(settings, bits) {
  const form = formatOf(settings.weights);
  const ofWeights = form === null || form.float8 !== null ? 0 : form.bits;
  const { low, high } = integers(bits);
  return { kind: "point", low, high, symmetric: ofWeights >= 8, least: ofWeights === 8 ? EPSILON : SMALLEST_NORMAL };
}

/** [smallest, largest] of several arrays; ends that are not null take their place. */
function rangeOf(arrays, extent, ends) {
  const found = arrays.map(extent);
  const low = Math.min(...found.map((each) => each[0]));
  const high = Math.max(...found.map((each) => each[1]));
  return [ends[0] === null ? low : f32(ends[0]), ends[1] === null ? high : f32(ends[1])];
}
