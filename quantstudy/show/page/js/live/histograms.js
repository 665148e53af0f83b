/* How often each layer gives which value, and the values that its quantizer leaves. */

import { gridValues } from "../numbers/grid.js";
import { extremes } from "../numbers/quantizer.js";
import { drawn, element, fill, shown } from "../browser/elements.js";

const [BARS_WIDTH, BARS_HEIGHT, BINS, MOST_LEVELS] = [320, 110, 64, 64];

/** Counts of values in equal bins from low to high. */
export function counted(values, low, high, bins) {
  const counts = new Float64Array(bins);
  if (Number.isNaN(low)) return counts;
  const steps = high > low ? bins / (high - low) : 0;
  for (const value of values) {
    const bin = Math.floor((value - low) * steps);
    counts[bin < bins ? bin : bins - 1] += 1;
  }
  return counts;
}

/** A step curve of log(1 + count) that fills a box from its bottom. */
function barsPath(counts, width, height) {
  const most = Math.log1p(Math.max(...counts)) || 1;
  const across = width / counts.length;
  const steps = Array.from(counts, (count, i) => {
    const y = (height - (Math.log1p(count) / most) * (height - 12)).toFixed(1);
    return `L${(i * across).toFixed(1)} ${y}H${((i + 1) * across).toFixed(1)}`;
  });
  return `M0 ${height}${steps.join("")}V${height}Z`;
}

/** The histograms of all hidden layers: {root, update(result, choice)}. */
export function createHistograms({ data }) {
  const { live, texts } = data;
  const drawings = Array.from({ length: live.neurons.length - 2 }, (_, layer) => drawingOf(layer, texts));
  const heading = element("h4", { textContent: texts.histograms });
  const note = element("p", { className: "muted", textContent: texts.histograms_note });
  const all = element("div", { className: "histograms" }, ...drawings.map(({ root }) => root));
  const root = element("div", {}, heading, note, all);

  function update(result, choice) {
    const before = choice.settings.placement === "pre";
    drawings.forEach((drawing, layer) => drawHistogram(drawing, result, layer, before, texts));
  }
  return { root, update };
}

function drawingOf(layer, texts) {
  const bars = drawn("path", { fill: "var(--bars)" });
  const levels = drawn("path", { stroke: "var(--levels)", "stroke-width": 1.2, fill: "none" });
  const name = fill(texts.layer, { layer });
  const box = {
    viewBox: `0 0 ${BARS_WIDTH} ${BARS_HEIGHT}`,
    role: "img",
    "aria-label": `${texts.histograms}: ${name}`,
  };
  const svg = drawn("svg", { ...box, preserveAspectRatio: "none" }, bars, levels);
  const ends = element(
    "p",
    { className: "ends" },
    element("span"),
    element("span", { textContent: name }),
    element("span"),
  );
  const told = element("p", { className: "muted" });
  return { root: element("div", {}, svg, ends, told), bars, levels, ends, told, key: null };
}

function drawHistogram(drawing, { float, plan }, layer, before, texts) {
  const values = (before ? float.maps.pre : float.maps.post)[layer];
  const key = `${float.key} ${before}`;
  if (drawing.key !== key) {
    drawing.key = key;
    drawing.range = extremes(values);
    drawing.bars.setAttribute("d", barsPath(counted(values, ...drawing.range, BINS), BARS_WIDTH, BARS_HEIGHT));
    const [first, , last] = drawing.ends.children;
    [first.textContent, last.textContent] = drawing.range.map((end) => shown(end, 2));
  }
  const [low, high] = drawing.range;
  const quantizer = (before ? plan.pre : plan.post)[layer];
  const grid = quantizer ? gridValues(quantizer, low, high) : [];
  const drawable = grid !== null && grid.length <= MOST_LEVELS && high > low;
  const lines = drawable
    ? Array.from(grid, (value) => `M${(((value - low) / (high - low)) * BARS_WIDTH).toFixed(1)} 0V${BARS_HEIGHT}`)
    : [];
  drawing.levels.setAttribute("d", lines.join(""));
  drawing.told.textContent = levelsText(quantizer, grid, texts);
}

function levelsText(quantizer, grid, texts) {
  if (!quantizer) return texts.levels_none;
  if (quantizer.kind === "point") return texts.levels_point;
  if (Number.isNaN(quantizer.scale[0])) return texts.levels_undefined;
  if (grid === null || grid.length > MOST_LEVELS) return fill(texts.levels_many, { number: grid?.length ?? "> 512" });
  return fill(texts.levels_some, { number: grid.length });
}
