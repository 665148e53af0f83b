import { shown } from "../browser/elements.js";
import { ledgerThree } from "../findings/ledger.js";
import { axisText, besideText, dotText, markText } from "../findings/readout.js";
import { chartEnds, chartTicks, linearScale, tickPlaces } from "../findings/scales.js";
import {
  CHART_SMALL,
  CHART_TEXT,
  boxShape,
  diamondShape,
  fitText,
  legendShapes,
  lineShape,
  shapeOf,
  textShape,
  wrapText,
} from "../findings/shapes.js";

const STATES = { better: "var(--best)", worse: "var(--levels)", "": "var(--muted)" };

/**
 * Lay out a row per label: mean, interval, a dot per seed; at the left its name, at the right its numbers.
 * Returns {width, height, shapes, marks}; marks are {row, order, x, y, seed, text}.
 */
export function layRows(block, table, width, measure) {
  const place = rowsPlace(block, table, width, measure);
  const legend = legendShapes(rowsLegend(block, table), width, 0, measure);
  const [top, shapes, marks] = [legend.bottom + 4, [...legend.shapes], []];
  let y = top;
  const middles = block.labels.map((_, row) => {
    if (block.groups && block.groups[row] !== block.groups[row - 1]) {
      y += 26;
      shapes.push(textShape(0, y - 8, block.groups[row], { "font-weight": "bold" }));
    }
    y += place.heights[row];
    return y - (place.narrow ? 16 : place.heights[row] / 2);
  });
  const x = linearScale(place.ends, [place.left + 8, place.right - 8]);
  const behind = backShapes(block, place, x, middles, [top, y]);
  block.labels.forEach((_, row) => {
    shapes.push(...rowTexts(block, place, row, middles[row]));
    const made = rowMarks(block, table, { ...place, x }, row, middles[row]);
    shapes.push(...made.shapes);
    marks.push(...made.marks);
  });
  const axis = wrapText(axisText(block), width, measure);
  shapes.push(...axisShapes(axis, place, x, y, measure));
  return { width, height: y + 32 + 16 * axis.length, shapes: [...behind, ...shapes], marks, reach: 22 };
}

function rowsPlace(block, table, width, measure) {
  const narrow = width < 640;
  const numbers = block.labels.map((_, row) => besideText(ledgerThree(table, block.at + row), block.places));
  const named = block.labels.map((text, row) => (block.deployable?.includes(row) ? `✓ ${text}` : text));
  const wide = Math.max(...named.map((text) => measure(text, CHART_TEXT, true))) + 8;
  const beside = Math.max(...numbers.map((text) => measure(text, CHART_TEXT)));
  const left = narrow ? 0 : Math.min(wide, 0.34 * width);
  const names = narrow ? width - beside - 12 : left - 8;
  const fitted = (line) => fitText(line, names, measure, true);
  const lines = named.map((text) => wrapText(text, names, measure, CHART_TEXT, true).map(fitted));
  const heights = lines.map((some) => (narrow ? 34 : 18) + 16 * some.length);
  const [right, ends] = [narrow ? width : width - beside - 12, rowsEnds(block, table)];
  return { narrow, numbers, left, right, width, lines, heights, ends };
}

function rowsEnds(block, table) {
  const values = block.labels.flatMap((_, row) => [
    ...ledgerThree(table, block.at + row),
    ...(block.dots ? block.dots[row] : []),
    ...(block.beside ? floatZone(block, table, row) : []),
  ]);
  if (block.line !== undefined || block.bars) values.push(0);
  if (block.allowed !== undefined && !block.beside) values.push(block.allowed, 0);
  const ends = chartEnds(values, 0.04);
  return block.bars && ends[0] < 0 && Math.min(...values.filter((one) => one !== null)) >= 0 ? [0, ends[1]] : ends;
}

/** The allowed zone of a row: the score in float and what may be lost of it. */
function floatZone(block, table, row) {
  const full = table.columns.value[block.at + block.labels.length + row];
  return full === null ? [] : [full - block.allowed, full];
}

function backShapes(block, place, x, middles, [top, bottom]) {
  const shapes = [];
  for (const row of block.tied ?? []) {
    const [down, high] = [place.narrow ? 16 : place.heights[row] / 2, place.heights[row]];
    shapes.push(boxShape(0, middles[row] + down - high, place.width, high, "var(--tied-band)"));
  }
  if (block.allowed !== undefined && !block.beside) {
    const wide = x(block.allowed) - place.left;
    shapes.push(boxShape(place.left, top, wide, bottom - top, "var(--allowed)", { opacity: 0.7 }));
  }
  for (const tick of chartTicks(...place.ends, place.right - place.left > 400 ? 8 : 5)) {
    shapes.push(...uprights(place, x(tick), middles, [top, bottom]));
  }
  if (block.line !== undefined) {
    const dashed = { stroke: "var(--ink)", "stroke-dasharray": "4 3" };
    shapes.push(...uprights(place, x(block.line), middles, [top, bottom], dashed));
  }
  return shapes;
}

/** A line upwards through all rows; where texts stand above the marks, through the marks of each row alone. */
function uprights(place, x, middles, [top, bottom], look = {}) {
  if (!place.narrow) return [lineShape(x, top, x, bottom, look)];
  return middles.map((middle) => lineShape(x, middle - 14, x, middle + 14, look));
}

function rowTexts(block, place, row, middle) {
  const [lines, high] = [place.lines[row], place.heights[row]];
  const look = block.deployable?.includes(row) ? { fill: "var(--deployable)", "font-weight": "bold" } : {};
  const first = place.narrow ? middle - 20 - 16 * (lines.length - 1) : middle + 5 - 8 * (lines.length - 1);
  const shapes = lines.map((text, at) => textShape(0, first + 16 * at, text, look));
  const y = place.narrow ? first : middle + 5;
  shapes.push(textShape(place.width, y, place.numbers[row], { "text-anchor": "end" }));
  const above = middle - high / 2;
  if (row && !place.narrow) shapes.push(lineShape(0, above, place.width, above, { opacity: 0.5 }));
  return shapes;
}

function rowMarks(block, table, { x, left }, row, middle) {
  const [mean, low, high] = ledgerThree(table, block.at + row);
  const [shapes, marks] = [[], []];
  if (block.beside) {
    const [least, full] = floatZone(block, table, row);
    if (full !== undefined) {
      shapes.push(boxShape(x(least), middle - 11, x(full) - x(least), 22, "var(--allowed)"));
      shapes.push(shapeOf("circle", { cx: x(full), cy: middle, r: 5, fill: "var(--paper)", stroke: "var(--ink)" }));
    }
  }
  if (block.bars && mean !== null) {
    const [from, to] = [x(0), x(mean)].sort((a, b) => a - b);
    shapes.push(boxShape(from, middle - 7, to - from, 14, "var(--bars)"));
  }
  (block.dots?.[row] ?? []).forEach((value, seed) => {
    if (value === null) return;
    const y = middle + 16 * (((seed * 0.618034) % 1) - 0.5);
    shapes.push(shapeOf("circle", { cx: x(value), cy: y, r: 3.5, fill: "var(--seed-dot)", opacity: 0.75 }));
    marks.push({ row, order: seed, x: x(value), y, seed, text: dotText(block, row, seed) });
  });
  if (mean === null) {
    marks.unshift({ row, order: -1, x: left + 12, y: middle, seed: null, text: markText(block, table, row, 0) });
    return { shapes, marks };
  }
  const colour = block.states ? STATES[block.states[row]] : "var(--ink)";
  if (low !== null && high !== null) {
    shapes.push(lineShape(x(low), middle, x(high), middle, { stroke: colour, "stroke-width": 3 }));
  }
  shapes.push(diamondShape(x(mean), middle, 7, colour));
  marks.unshift({ row, order: -1, x: x(mean), y: middle, seed: null, text: markText(block, table, row, 0) });
  return { shapes, marks };
}

function axisShapes(axis, place, x, bottom, measure) {
  const { width } = place;
  const ticks = chartTicks(...place.ends, place.right - place.left > 400 ? 8 : 5);
  const places = tickPlaces(ticks);
  const shapes = [lineShape(place.left, bottom, place.right, bottom, { stroke: "var(--control)" })];
  for (const tick of ticks) {
    const text = shown(tick, places);
    const half = measure(text, CHART_SMALL) / 2;
    const at = Math.max(half, Math.min(width - half, x(tick)));
    shapes.push(textShape(at, bottom + 17, text, { "text-anchor": "middle", "font-size": CHART_SMALL }));
  }
  const half = Math.max(...axis.map((line) => measure(line, CHART_TEXT))) / 2;
  const middle = Math.max(half, Math.min(width - half, (place.left + place.right) / 2));
  axis.forEach((line, at) => {
    shapes.push(textShape(middle, bottom + 38 + 16 * at, line, { "text-anchor": "middle", fill: "var(--muted)" }));
  });
  return shapes;
}

function rowsLegend(block, table) {
  const items = [];
  const add = (text, swatch) => items.push({ text, swatch });
  if (block.dots) add("one seed", (x, y) => [shapeOf("circle", { cx: x, cy: y, r: 3.5, fill: "var(--seed-dot)" })]);
  if (block.states) {
    const named = { better: "the first is better", worse: "the first is worse", "": "not told apart" };
    for (const state of Object.keys(named)) {
      if (block.states.includes(state)) add(named[state], (x, y) => [diamondShape(x, y, 7, STATES[state])]);
    }
  } else {
    const known = block.labels.some((_, row) => table.columns.low[block.at + row] !== null);
    const thick = { stroke: "var(--ink)", "stroke-width": 3 };
    const line = (x, y) => (known ? [lineShape(x - 10, y, x + 10, y, thick)] : []);
    add(known ? "mean, 95 % interval" : "value", (x, y) => [...line(x, y), diamondShape(x, y, 6, "var(--ink)")]);
  }
  if (block.beside) {
    add("in float", (x, y) => [shapeOf("circle", { cx: x, cy: y, r: 5, fill: "var(--paper)", stroke: "var(--ink)" })]);
  }
  if (block.allowed !== undefined) {
    const amount = `${shown(block.allowed, 1)} ${block.unit === "%" ? "points" : block.unit}`;
    add(`allowed loss (${amount})`, (x, y) => [boxShape(x - 10, y - 7, 20, 14, "var(--allowed)")]);
  }
  if (block.tied?.length) add("tied with the best", (x, y) => [boxShape(x - 10, y - 7, 20, 14, "var(--tied-band)")]);
  if (block.deployable?.length) {
    const look = { fill: "var(--deployable)", "font-weight": "bold", "text-anchor": "middle" };
    add("deployable", (x, y) => [textShape(x, y + 5, "✓", look)]);
  }
  return items;
}

/** What is drawn over a mark that is read. */
export function overRows(block, table, mark) {
  return [shapeOf("circle", { cx: mark.x, cy: mark.y, r: 9, fill: "none", stroke: "var(--best)", "stroke-width": 3 })];
}
