/* The chain of folds that builds the most complicated one: quantstudy/drift/complexity.py. */

import { regionsAbove } from "./islands.js";
import { extremes } from "./quantizer.js";

const LEVELS = 9;

/** Steps {layer, neuron, share} from the last hidden layer's most complex fold backwards; [] where all there are dead.
 *
 * Each step goes to the largest |weight| · std(fold); share is that over its sum, NaN of the first step. Where nothing
 * reaches a neuron they end.
 *
 * post: float maps [neurons · points] per hidden layer; rows, columns: of the plane (one row where there is none). */
export function chainOfFolds(network, post, rows, columns) {
  const points = rows * columns;
  let layer = post.length - 1;
  let neuron = largest(network.biases[layer].length, (n) => complexity(foldOf(post[layer], n, points), rows, columns));
  if (neuron < 0) return [];
  const steps = [{ layer, neuron, share: NaN }];
  while (layer > 0) {
    const width = network.biases[layer - 1].length;
    const weights = network.weights[layer].subarray(neuron * width, (neuron + 1) * width);
    layer--;
    const parts = Array.from(weights, (weight, n) => Math.abs(weight) * deviation(foldOf(post[layer], n, points)));
    const finite = parts.map((part) => (Number.isFinite(part) ? part : 0));
    neuron = largest(width, (n) => finite[n]);
    if (neuron < 0) break;
    steps.push({ layer, neuron, share: finite[neuron] / finite.reduce((total, part) => total + part, 0) });
  }
  return steps;
}

/** The number below `count` of the largest value above 0, of equals the first; −1 where there is none. */
function largest(count, valueOfNumber) {
  let [found, most] = [-1, 0];
  for (let n = 0; n < count; n++) {
    const value = valueOfNumber(n);
    if (value > most) [found, most] = [n, value];
  }
  return found;
}

function foldOf(maps, neuron, points) {
  return maps.subarray(neuron * points, (neuron + 1) * points);
}

/** Total variation of a fold, its range as 1, times the mean number of connected parts above 9 levels; 0 where it is
 * dead, NaN where a value is not finite. */
export function complexity(fold, rows, columns) {
  const [low, high] = extremes(fold);
  if (low === high) return 0;
  if (!Number.isFinite(low) || !Number.isFinite(high)) return NaN;
  const z = new Float64Array(fold.length);
  for (let p = 0; p < z.length; p++) z[p] = (fold[p] - low) / (high - low);
  let [alongX, alongY, parts] = [0, 0, 0];
  for (let p = 0; p < z.length; p++) {
    if ((p + 1) % columns !== 0) alongX += Math.abs(z[p + 1] - z[p]);
    if (p + columns < z.length) alongY += Math.abs(z[p + columns] - z[p]);
  }
  for (let k = 1; k <= LEVELS; k++) parts += regionsAbove(z, k / (LEVELS + 1), columns).count;
  return (alongX / rows + alongY / columns) * (parts / LEVELS);
}

function deviation(fold) {
  let [total, squares] = [0, 0];
  for (let i = 0; i < fold.length; i++) total += fold[i];
  const mean = total / fold.length;
  for (let i = 0; i < fold.length; i++) squares += (fold[i] - mean) ** 2;
  return Math.sqrt(squares / fold.length);
}
