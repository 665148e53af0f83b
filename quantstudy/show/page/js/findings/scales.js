/** A number of the table, as many digits as it has. */
export function plainNumber(value) {
  return value === null ? "n/a" : String(value).replace("-", "−");
}

/** Round steps from `low` to `high`, about `count` of them: 1, 2 or 5 times a power of ten. */
export function chartTicks(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= 0.7 * rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

/** Decimals that ticks need to be told apart. */
export function tickPlaces(ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
  return Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9)));
}

/** The ends of an axis around all finite values, with a share of their range beyond either; [0, 1] without any. */
export function chartEnds(values, share) {
  const finite = values.filter((value) => value !== null && Number.isFinite(value));
  if (!finite.length) return [0, 1];
  const [low, high] = [finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b))];
  const pad = share * (high - low) || 0.5 * Math.abs(high) || 0.5;
  return [low - pad, high + pad];
}

/** A function from values between two ends to places between two pixels. */
export function linearScale([low, high], [from, to]) {
  return (value) => from + ((value - low) / (high - low)) * (to - from);
}

/** Linear below `linear` (as high as a decade), logarithmic above; odd around 0. */
export function symlog(value, linear) {
  const size = Math.abs(value) / linear;
  return Math.sign(value) * (size <= 1 ? size : 1 + Math.log10(size));
}

/**
 * Ticks of a symlog axis from 0 to `high`: 0, `more`, and ten times `linear` and so on, some above the last of these;
 * what is too near to another one is left out.
 */
export function symlogTicks(linear, high, more) {
  const decades = [];
  for (let tick = linear; tick <= high; tick *= 10) decades.push(Number(tick.toPrecision(6)));
  decades.push(...[2, 5].map((times) => Number((times * decades.at(-1)).toPrecision(6))));
  const apart = (tick, others) => others.every((one) => Math.abs(symlog(tick, linear) - symlog(one, linear)) > 0.25);
  const kept = [0, ...more];
  for (const tick of decades) if (apart(tick, kept)) kept.push(tick);
  return kept.filter((tick) => tick <= high).sort((a, b) => a - b);
}

/** Which of seven colours a share of the scale's end has, −1 … 1; null where there is none. */
export function shadeIndex(value, end) {
  if (value === null) return null;
  const share = end ? Math.max(-1, Math.min(1, value / end)) : 0;
  return Math.round(3 + 3 * share);
}

/** The mark nearest to a place within `reach` pixels, null if there is none. */
export function nearestMark(marks, x, y, reach) {
  let [found, best] = [null, reach * reach];
  for (const mark of marks) {
    const away = mark.box ? outsideBox(mark.box, x, y) : (mark.x - x) ** 2 + (mark.y - y) ** 2;
    if (away <= best) [found, best] = [mark, away];
  }
  return found;
}

function outsideBox([left, top, width, height], x, y) {
  return Math.max(left - x, 0, x - left - width) ** 2 + Math.max(top - y, 0, y - top - height) ** 2;
}

/** The mark to which an arrow key leads: along the row, or to the nearest one of the next row; `mark` at the edge. */
export function nextMark(marks, mark, key) {
  if (mark === null) return marks[0] ?? null;
  if (key === "Home" || key === "End") return marks.at(key === "Home" ? 0 : -1);
  const along = { ArrowLeft: -1, ArrowRight: 1 }[key];
  const rows = [...new Set(marks.map((one) => one.row))].sort((a, b) => a - b);
  if (along) {
    const same = marks.filter((one) => one.row === mark.row).sort((a, b) => a.x - b.x || a.order - b.order);
    return same[same.indexOf(mark) + along] ?? mark;
  }
  const row = rows[rows.indexOf(mark.row) + (key === "ArrowUp" ? -1 : 1)];
  const there = marks.filter((one) => one.row === row);
  const alike = (one) => (one.seed === null) === (mark.seed === null);
  const away = (one) => Math.abs(one.x - mark.x) + (alike(one) ? 0 : 1e6);
  return there.reduce((best, one) => (best === null || away(one) < away(best) ? one : best), null) ?? mark;
}

/** Places of labels as near as possible to those wanted, none nearer than `apart` to the next, within two ends. */
export function spreadLabels(wanted, apart, [top, bottom]) {
  const order = wanted.map((_, at) => at).sort((a, b) => wanted[a] - wanted[b]);
  const placed = new Array(wanted.length);
  let last = top - apart;
  for (const at of order) last = placed[at] = Math.max(wanted[at], last + apart);
  let next = bottom + apart;
  for (const at of order.reverse()) next = placed[at] = Math.min(placed[at], next - apart);
  return placed;
}
