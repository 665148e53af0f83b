/* Which folds a neuron's fold is made of: back from it, always to the input that moves its sum the most. */

/** The chain that ends in a neuron: [{layer, neuron, share}], that neuron first.
 *
 * A step's share is its |weight| · std of its float fold, of the sum of that over its layer; null for the first. A chain
 * ends early where nothing reaches a neuron. Measure: quantstudy/drift/complexity.py, `chain_of_folds`. */
export function chainFrom({ float }, layer, neuron) {
  const { network } = float;
  const chain = [{ layer, neuron, share: null }];
  let at = neuron;
  for (let below = layer - 1; below >= 0; below--) {
    const number = network.biases[below].length;
    const spread = spreadsOf(float, below);
    const row = network.weights[below + 1].subarray(at * number, (at + 1) * number);
    let [best, most, sum] = [-1, 0, 0];
    for (let i = 0; i < number; i++) {
      const part = Math.abs(row[i]) * spread[i];
      if (!Number.isFinite(part)) continue;
      sum += part;
      if (part > most) [best, most] = [i, part];
    }
    if (best < 0) return chain;
    chain.push({ layer: below, neuron: best, share: most / sum });
    at = best;
  }
  return chain;
}

/** The standard deviation of each float fold of a layer, kept with the network. */
function spreadsOf(float, layer) {
  float.spreads ??= [];
  float.spreads[layer] ??= standardDeviations(float.maps.post[layer], float.network.biases[layer].length);
  return float.spreads[layer];
}

/** The standard deviation of each row of a map. */
export function standardDeviations(values, rows) {
  const points = values.length / rows;
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let p = row * points; p < (row + 1) * points; p++) sum += values[p];
    const mean = sum / points;
    let squares = 0;
    for (let p = row * points; p < (row + 1) * points; p++) squares += (values[p] - mean) ** 2;
    return Math.sqrt(squares / points);
  });
}
