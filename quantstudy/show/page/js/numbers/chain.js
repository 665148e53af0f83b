/* The chain of folds that builds the most complicated one: quantstudy/drift/complexity.py. */

import { regionsAbove } from "./islands.js";
import { extremes } from "./quantizer.js";

const LEVELS = 9;

/** Steps {layer, neuron, share} from the last hidden layer backwards; [] where every neuron there is dead.
 *
 * It starts at the fold of the largest complexity, see `chainFrom`.
 *
 * post: float maps [neurons · points] per hidden layer; rows, columns: of the plane (one row where there is none). */
export function chainOfFolds(network, post, rows, columns) {
  const points = rows * columns;
  const last = post.length - 1;
  const folds = network.biases[last].length;
  const neuron = largest(folds, (n) => complexity(foldOf(post[last], n, points), rows, columns));
  return neuron < 0 ? [] : chainFrom(network, post, last, neuron);
}

/** The chain that ends in a neuron: {layer, neuron, share} of it, of the fold that moves its sum the most, and so on.
 *
 * It goes back by argmax |weight| · std(fold); share is that over its sum, NaN of the first step. It ends early where
 * nothing reaches a neuron. */
export function chainFrom(network, post, layer, neuron) {
  const steps = [{ layer, neuron, share: NaN }];
  for (let below = layer - 1; below >= 0; below--) {
    const width = network.biases[below].length;
    const points = post[below].length / width;
    const at = steps.at(-1).neuron;
    const weights = network.weights[below + 1].subarray(at * width, (at + 1) * width);
    const parts = Array.from(weights, (weight, n) => Math.abs(weight) * deviation(foldOf(post[below], n, points)));
    const finite = parts.map((part) => (Number.isFinite(part) ? part : 0));
    const found = largest(width, (n) => finite[n]);
    if (found < 0) break;
    const share = finite[found] / finite.reduce((total, part) => total + part, 0);
    steps.push({ layer: below, neuron: found, share });
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
