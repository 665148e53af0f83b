/* What the page's own code makes of networks and settings: node run_case.mjs JS-FOLDER CASES.json ARRAYS.bin
 *
 * CASES.json: [{live, looks: [{activation, index, cap, repaired, settings, peak}]}]. ARRAYS.bin gets for every look, in
 * float32: codes of the weights (of quantized layers), pre and post per hidden layer, logit.
 * Printed: a JSON list of what is no array, null where a look is not offered. */

import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, cases, arrays] = process.argv.slice(2);
const { chainOfFolds } = await load("chain");
const { decisionDrift, regressionDrift } = await load("drift");
const { floatMaps, quantizedMaps } = await load("forward");
const { codeOf } = await load("grid");
const { islandChanges } = await load("islands");
const { extremes } = await load("quantizer");
const { calibrationOf, chosenAt, inputsOf, labelsOf, networkAt, repairedAt, withCap } = await load("networks");
const { buildPlan } = await load("plan");

function load(name) {
  return import(pathToFileURL(resolve(folder, "numbers", `${name}.js`)));
}

function codes(network, plan) {
  return network.weights.map((weights, layer) => {
    const q = plan.weights[layer];
    const columns = weights.length / network.biases[layer].length;
    const code = (x, i) => (q.codes === null ? codeOf(q, x, Math.floor(i / columns)) : q.codes[i]);
    return q === null ? new Float32Array(0) : weights.map(code);
  });
}

function drift(live, wanted, before, after) {
  const count = before.logit.length;
  const points = count / live.outputs;
  const labels = labelsOf(live.measured, wanted.index, live.classes ? points : count);
  if (!live.classes) return regressionDrift(before.logit, after.logit, labels, wanted.peak);
  const { changed, ...found } = decisionDrift(before.logit, after.logit, labels);
  const kinds = [1, 2].map((kind) => changed.filter((each) => each === kind).length);
  return { ...found, becameIsland: kinds[0], becameSea: kinds[1] };
}

function look(live, wanted, written) {
  const repaired = wanted.repaired ? repairedAt(live, wanted.activation, wanted.index) : null;
  const network = repaired?.network ?? withCap(networkAt(live, wanted.activation, wanted.index), wanted.cap ?? "own");
  const inputs = inputsOf(live.measured, live.plane);
  const before = floatMaps(network, inputs);
  const chosen = chosenAt(live, wanted.activation, wanted.index);
  const calibration = calibrationOf(live, wanted.index, inputs[0].length);
  const extent = (values) => extremes(values, calibration);
  const plan = repaired?.plan ?? buildPlan(network, before, wanted.settings, chosen, { inputs, extent });
  if (plan === null) return null;
  const after = quantizedMaps(network, plan, inputs);
  written.push(...codes(network, plan), ...after.pre, ...after.post, after.logit);
  const [rows, columns] = live.plane ?? [1, inputs[0].length];
  return {
    drift: drift(live, wanted, before, after),
    folds: before.post.map((fold, layer) => regressionDrift(fold, after.post[layer], fold, 1).sqnrDb),
    islands: live.outputs === 1 ? islandChanges(before.logit, after.logit, rows, columns) : null,
    chain: chainOfFolds(network, before.post, rows, columns),
  };
}

const written = [];
const found = JSON.parse(readFileSync(cases, "utf8")).map(({ live, looks }) =>
  looks.map((wanted) => look(live, wanted, written)),
);
const raw = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
writeFileSync(arrays, Buffer.concat(written.map(raw)));
const told = (_, value) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
console.log(JSON.stringify(found, told));
