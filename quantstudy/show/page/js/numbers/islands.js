/* Connected regions of maps, 4 neighbours per point, and what quantization does to islands: drift/topology.py. */

const SMALLEST_ISLAND = 4;
const OVERLAP_PART = 10; // partners share at least a tenth of the smaller one

/** Regions of a map, rows of so many columns, above a level: {count, roots: Int32Array, the first point of the region
 * that a point is in, −1 outside}.
 *
 * A point begins a region unless the one before it or the one above it is in one, and joins two where both are. */
export function regionsAbove(map, level, columns) {
  const roots = new Int32Array(map.length).fill(-1);
  let count = 0;
  for (let p = 0, column = 0; p < map.length; p++, column = column + 1 === columns ? 0 : column + 1) {
    if (!(map[p] > level)) continue;
    const before = column > 0 ? roots[p - 1] : -1;
    const above = p >= columns ? roots[p - columns] : -1;
    if (before < 0 || above < 0) {
      if (before < 0 && above < 0) count++;
      roots[p] = before >= 0 ? before : above >= 0 ? above : p;
      continue;
    }
    const [one, two] = [rootOf(roots, before), rootOf(roots, above)];
    if (one !== two) count--;
    roots[p] = Math.min(one, two);
    roots[Math.max(one, two)] = roots[p];
  }
  for (let p = 0; p < map.length; p++) if (roots[p] >= 0) roots[p] = roots[roots[p]]; // a root is before its points
  return { count, roots };
}

function rootOf(roots, start) {
  let p = start;
  while (roots[p] !== p) p = roots[p];
  return p;
}

/** Islands lost, born, merged and split between float and quantized logits x and y [rows · columns]: counts.
 *
 * Islands (logit > 0) under 4 points are ignored. Partners share a tenth of the smaller one's points. Lost ones
 * have no partner, split ones several among the quantized; born and merged ones none, several among the float. */
export function islandChanges(x, y, rows, columns) {
  const [one, two] = [x, y].map((map) => {
    const { roots } = regionsAbove(map, 0, columns);
    const sizes = new Int32Array(roots.length);
    for (const root of roots) if (root >= 0) sizes[root]++;
    return { roots, sizes, partners: new Int32Array(roots.length) };
  });
  const shared = new Map();
  for (let p = 0; p < x.length; p++) {
    if (one.roots[p] < 0 || two.roots[p] < 0) continue;
    const pair = one.roots[p] * x.length + two.roots[p];
    shared.set(pair, (shared.get(pair) ?? 0) + 1);
  }
  for (const [pair, points] of shared) {
    const [i, j] = [Math.floor(pair / x.length), pair % x.length];
    const smaller = Math.min(one.sizes[i], two.sizes[j]);
    if (smaller < SMALLEST_ISLAND || OVERLAP_PART * points < smaller) continue;
    one.partners[i]++;
    two.partners[j]++;
  }
  const islands = ({ sizes, partners }, wanted) =>
    partners.filter((number, root) => sizes[root] >= SMALLEST_ISLAND && wanted(number)).length;
  return {
    lost: islands(one, (number) => number === 0),
    born: islands(two, (number) => number === 0),
    merged: islands(two, (number) => number > 1),
    split: islands(one, (number) => number > 1),
  };
}
