/* What the networks do under the reader's settings: maps in float and quantized, and how far they are apart. */

import { chainOfFolds } from "../numbers/chain.js";
import { decisionDrift, regressionDrift } from "../numbers/drift.js";
import { floatMaps, quantizedMaps } from "../numbers/forward.js";
import { islandChanges } from "../numbers/islands.js";
import { calibrationOf, chosenAt, inputsOf, labelsOf, networkAt, repairedAt, withCap } from "../numbers/networks.js";
import { buildPlan, isOffered } from "../numbers/plan.js";
import { extremes } from "../numbers/quantizer.js";

/** A calculator for the networks of `live`: it keeps what depends on a network alone, and the buffers of its maps. */
export function createCalculator(live) {
  const measured = inputsOf(live.measured, live.plane);
  const heldout = live.heldout === null ? null : inputsOf(live.heldout, live.plane);
  const points = measured[0].length;
  const slots = new Map();

  function floatOf(slot, activation, index, cap) {
    const before = slots.get(slot);
    if (before?.key === keyOf(activation, index, cap)) return before;
    slots.set(slot, floatNetwork({ live, measured, heldout }, { activation, index, cap }, before));
    return slots.get(slot);
  }

  /** The network of a slot, quantized: {float, plan, network, maps, drift, islands}, or null where it can't be here. */
  function quantized(slot, choice) {
    const float = floatOf(slot, choice.activation, choice.index, choice.cap);
    const repaired = choice.repaired ? repairedAt(live, choice.activation, choice.index) : null;
    const network = repaired ? withCap(repaired.network, choice.cap) : float.network;
    const context = { inputs: measured, extent: float.extent };
    const plan = repaired ? repaired.plan : buildPlan(network, float.maps, choice.settings, float.chosen, context);
    if (plan === null) return null;
    float.quantized = quantizedMaps(network, plan, measured, float.quantized);
    const drift = driftOf(float, float.maps.logit, float.quantized.logit, float.labels);
    const [x, y] = [float.maps.logit, float.quantized.logit];
    const islands = live.classes && live.plane ? islandChanges(x, y, ...live.plane) : null;
    return { float, plan, network, maps: float.quantized, drift, islands };
  }

  function driftOf(float, x, y, labels) {
    return live.classes ? decisionDrift(x, y, labels) : regressionDrift(x, y, labels, float.peak);
  }

  /** How good a result's network is at the held-out points: drift there. */
  function heldoutDrift({ float, network, plan, maps }) {
    if (heldout === null) {
      const rest = (values) => untrainedPoints(values, float.calibration, points);
      return driftOf(float, rest(float.maps.logit), rest(maps.logit), rest(float.labels));
    }
    float.heldoutQuantized = quantizedMaps(network, plan, heldout, float.heldoutQuantized);
    return driftOf(float, float.heldoutMaps.logit, float.heldoutQuantized.logit, float.heldoutLabels);
  }

  /** Whether the first slot's network can be quantized by settings that were not chosen yet. */
  const isOfferedHere = (settings) => isOffered(slots.get("one").chosen, settings);

  return { quantized, heldoutDrift, isOffered: isOfferedHere };
}

function keyOf(activation, index, cap) {
  return `${activation} ${index} ${cap}`;
}

/** A function of an array that is computed once for each. */
function kept(find) {
  const found = new Map();
  return (values) => {
    if (!found.has(values)) found.set(values, find(values));
    return found.get(values);
  };
}

/** A float network with its maps, its chain and its labels. before: one that may be written over, or undefined. */
function floatNetwork({ live, measured, heldout }, { activation, index, cap }, before) {
  const trained = networkAt(live, activation, index);
  const network = withCap(trained, cap);
  const points = measured[0].length;
  const maps = floatMaps(network, measured, before?.maps);
  const calibration = calibrationOf(live, index, points);
  return {
    key: keyOf(activation, index, cap),
    network,
    maps,
    heldoutMaps: heldout && floatMaps(network, heldout, before?.heldoutMaps),
    labels: labelsOf(live.measured, index, rowsOf(live) * points),
    heldoutLabels: heldout && labelsOf(live.heldout, index, rowsOf(live) * heldout[0].length),
    calibration,
    extent: kept((values) => extremes(values, calibration)),
    peak: live.peak?.[index] ?? null,
    chosen: network.cap === trained.cap ? chosenAt(live, activation, index) : null, // of the networks as trained
    chain: chainOfFolds(network, maps.post, ...(live.plane ?? [1, points])),
    quantized: before?.quantized ?? null,
    heldoutQuantized: before?.heldoutQuantized ?? null,
  };
}

/** Rows of labels: one for classes, one per number that is predicted. */
function rowsOf(live) {
  return live.classes ? 1 : live.outputs;
}

/** The values of rows [rows · points] at the points that are not marked. */
function untrainedPoints(values, marked, points) {
  const places = [];
  for (let p = 0; p < points; p++) if (!marked[p]) places.push(p);
  const rows = values.length / points;
  const found = new values.constructor(rows * places.length);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < places.length; i++) found[row * places.length + i] = values[row * points + places[i]];
  }
  return found;
}
