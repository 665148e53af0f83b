/* Connected regions of maps, 4 neighbours per point, and what quantization does to islands: drift/topology.py. */

const SMALLEST_ISLAND = 4;
const OVERLAP_PART = 10; // partners share at least a tenth of the smaller one

/** Regions of a map [rows · columns] above a level: {labels: Int32Array, 0 outside, else the region's number from 1 on;
 * sizes: points of each, sizes[0] those outside}. */
export function regionsAbove(map, level, rows, columns) {
  const labels = new Int32Array(rows * columns);
  const sizes = [0];
  const waiting = new Int32Array(rows * columns);
  for (let first = 0; first < labels.length; first++) {
    if (labels[first] !== 0 || !(map[first] > level)) continue;
    const number = sizes.length;
    let [count, next] = [1, 0];
    waiting[0] = first;
    labels[first] = number;
    const visit = (p) => {
      if (labels[p] === 0 && map[p] > level) {
        labels[p] = number;
        waiting[count++] = p;
      }
    };
    while (next < count) {
      const p = waiting[next++];
      const column = p % columns;
      if (column > 0) visit(p - 1);
      if (column < columns - 1) visit(p + 1);
      if (p >= columns) visit(p - columns);
      if (p + columns < labels.length) visit(p + columns);
    }
    sizes.push(count);
    sizes[0] -= count;
  }
  sizes[0] += labels.length;
  return { labels, sizes };
}

/** Islands lost, born, merged and split between float and quantized logits x and y [rows · columns]: counts.
 *
 * Islands (logit > 0) under 4 points are ignored. Partners share a tenth of the smaller one's points. Lost ones
 * have no partner, split ones several among the quantized; born and merged ones none, several among the float. */
export function islandChanges(x, y, rows, columns) {
  const [one, two] = [regionsAbove(x, 0, rows, columns), regionsAbove(y, 0, rows, columns)];
  const shared = new Map();
  for (let p = 0; p < x.length; p++) {
    if (one.labels[p] === 0 || two.labels[p] === 0) continue;
    const pair = one.labels[p] * two.sizes.length + two.labels[p];
    shared.set(pair, (shared.get(pair) ?? 0) + 1);
  }
  const [ofOne, ofTwo] = [one, two].map(({ sizes }) => new Int32Array(sizes.length));
  for (const [pair, points] of shared) {
    const [i, j] = [Math.floor(pair / two.sizes.length), pair % two.sizes.length];
    const smaller = Math.min(one.sizes[i], two.sizes[j]);
    if (smaller < SMALLEST_ISLAND || OVERLAP_PART * points < smaller) continue;
    ofOne[i]++;
    ofTwo[j]++;
  }
  const islands = ({ sizes }, partners, wanted) =>
    sizes.filter((size, i) => i > 0 && size >= SMALLEST_ISLAND && wanted(partners[i])).length;
  return {
    lost: islands(one, ofOne, (partners) => partners === 0),
    born: islands(two, ofTwo, (partners) => partners === 0),
    merged: islands(two, ofTwo, (partners) => partners > 1),
    split: islands(one, ofOne, (partners) => partners > 1),
  };
}
