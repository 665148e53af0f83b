/* What quantization does to answers and folds, as quantstudy/drift has it: counts exactly, decibels up to the order of
 * sums. What is not finite has no value: NaN. */

/** How decisions change.
 *
 * x, y: float and quantized logits, Float32Array [outputs · points]; labels: [points], the right class. One output
 * decides for class 1, island, where it is above 0; of more the largest does, of equals the first. Rates are shares of
 * all points, seaToIsland and islandToSea NaN for more outputs. changed: Uint8Array [points], 0 none, 1 became island
 * (or any other class), 2 became sea. */
export function decisionDrift(x, y, labels) {
  const points = labels.length;
  const [was, now] = [classes(x, points), classes(y, points)];
  const changed = new Uint8Array(points);
  const two = x.length === points;
  const kinds = [0, 0, 0];
  let [right, still] = [0, 0];
  for (let p = 0; p < points; p++) {
    if (was[p] !== now[p]) changed[p] = two && now[p] === 0 ? 2 : 1;
    kinds[changed[p]]++;
    if (was[p] === labels[p]) right++;
    if (now[p] === labels[p]) still++;
  }
  const flips = kinds[1] + kinds[2];
  const [before, after] = [isWhole(x), isWhole(y)];
  const both = before && after;
  const share = (number, defined) => (defined ? number / points : NaN);
  return {
    flips: both ? flips : NaN,
    flipRate: share(flips, both),
    seaToIsland: share(kinds[1], both && two),
    islandToSea: share(kinds[2], both && two),
    accuracyFloat: share(right, before),
    accuracyQuantized: share(still, after),
    sqnrDb: both ? sqnr(x, y) : NaN,
    changed,
  };
}

function classes(logits, points) {
  const found = new Uint16Array(points);
  if (logits.length === points) {
    for (let p = 0; p < points; p++) found[p] = logits[p] > 0 ? 1 : 0;
    return found;
  }
  for (let k = 1; k * points < logits.length; k++) {
    for (let p = 0; p < points; p++) if (logits[k * points + p] > logits[found[p] * points + p]) found[p] = k;
  }
  return found;
}

function isWhole(values) {
  let rest = 0;
  for (let i = 0; i < values.length; i++) rest += values[i] * 0;
  return rest === 0;
}

/** 20 · log10(‖x‖ / ‖x − y‖) in dB. */
function sqnr(x, y) {
  let [signal, noise] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    const error = x[i] - y[i];
    signal += x[i] * x[i];
    noise += error * error;
  }
  return signal === 0 ? NaN : 10 * Math.log10(signal / noise);
}

/** How numbers change: {psnrFloat, psnrQuantized, sqnrDb} in dB.
 *
 * x, y, labels: Float32Array [outputs · points]; peak: the range of the labels. */
export function regressionDrift(x, y, labels, peak) {
  const both = isWhole(x) && isWhole(y);
  return {
    psnrFloat: psnr(x, labels, peak),
    psnrQuantized: psnr(y, labels, peak),
    sqnrDb: both ? sqnr(x, y) : NaN,
  };
}

function psnr(outputs, labels, peak) {
  if (!isWhole(outputs)) return NaN;
  let squares = 0;
  for (let i = 0; i < outputs.length; i++) squares += (outputs[i] - labels[i]) ** 2;
  return squares === 0 ? Infinity : 10 * Math.log10((peak * peak) / (squares / outputs.length));
}
