import { shown } from "../browser/elements.js";
import { ledgerThree } from "../findings/ledger.js";
import { axisText, markText } from "../findings/readout.js";
import { linearScale, spreadLabels, symlog, symlogTicks } from "../findings/scales.js";
import {
  CHART_SMALL,
  CHART_TEXT,
  boxShape,
  diamondShape,
  fitText,
  lineShape,
  shapeOf,
  textShape,
} from "../findings/shapes.js";

const LINE_COLOURS = ["--best", "--levels", "--deployable", "--ink", "--bars", "--island", "--muted"];

/**
 * Lay out a line per label over columns, on an axis that is logarithmic but for its linear foot.
 * Returns {width, height, shapes, marks, lines}; marks are {row, order, x, y, text}, lines the points of each label.
 */
export function layLines(block, table, width, measure) {
  const place = linesPlace(block, table, width, measure);
  const [shapes, marks] = [linesBack(block, place, measure), []];
  const lines = block.labels.map((_label, row) =>
    block.x.map((_x, column) => linePoint(block, table, place, row, column)),
  );
  lines.forEach((points, row) => {
    const known = points.filter((point) => point.y !== null);
    const look = { fill: "none", "stroke-width": 1.8, ...dashOf(row) };
    const colour = `var(${LINE_COLOURS[row % LINE_COLOURS.length]})`;
    for (const path of linePaths(points)) shapes.push(shapeOf("polyline", { points: path, stroke: colour, ...look }));
    for (const point of known) {
      shapes.push(...markerShapes(row, point.x, point.y));
      const text = markText(block, table, row, point.column);
      marks.push({ row, order: point.column, x: point.x, y: point.y, seed: null, text });
    }
  });
  shapes.push(...lineNames(block, place, lines, measure));
  return { width, height: place.height, shapes, marks, lines, reach: 24 };
}

function linesPlace(block, table, width, measure) {
  const values = block.labels.flatMap((_label, row) =>
    block.x.flatMap((_x, column) => ledgerThree(table, block.at + row * block.x.length + column)),
  );
  const high = Math.max(...values.filter((one) => one !== null), ...block.limits.map(([at]) => 1.6 * at));
  const low = Math.min(0, ...values.filter((one) => one !== null));
  const height = Math.max(width < 640 ? 340 : 420, 17 * block.labels.length + 80);
  const names = Math.max(...block.labels.map((text) => measure(text, CHART_TEXT)));
  const [left, right] = [46, width - Math.min(names + 28, 0.36 * width)];
  const bits = block.x.map((one, at) => (at ? (one - block.x[at - 1] > 1 ? 1.4 : 1) : 0));
  const along = bits.map((_, at) => bits.slice(0, at + 1).reduce((a, b) => a + b, 0));
  const ends = [symlog(low, block.linear) - 0.12, symlog(high * 1.15, block.linear)];
  const scale = linearScale(ends, [height - 56, 28]);
  const x = linearScale([-0.3, (along.at(-1) || 1) + 0.3], [left, right]);
  const y = (value) => scale(symlog(value, block.linear));
  return { height, left, right, width, bottom: height - 56, top: 28, high, x, y, along };
}

function linePoint(block, table, place, row, column) {
  const three = ledgerThree(table, block.at + row * block.x.length + column);
  const [y, low, high] = three.map((value) => (value === null ? null : place.y(value)));
  return { x: place.x(place.along[column]), y, low, high, column };
}

/** The stretches of a line between points that have no value, as points of SVG. */
function linePaths(points) {
  const stretches = [[]];
  for (const point of points) {
    if (point.y === null) stretches.push([]);
    else stretches.at(-1).push(`${point.x},${point.y}`);
  }
  return stretches.filter((some) => some.length > 1).map((some) => some.join(" "));
}

function dashOf(row) {
  return row < LINE_COLOURS.length ? {} : { "stroke-dasharray": row < 2 * LINE_COLOURS.length ? "6 3" : "2 3" };
}

function markerShapes(row, x, y) {
  const colour = `var(${LINE_COLOURS[row % LINE_COLOURS.length]})`;
  const line = { stroke: "var(--paper)", "stroke-width": 1 };
  const triangle = (up) => {
    const points = `${x - 5.5},${y + 4.5 * up} ${x + 5.5},${y + 4.5 * up} ${x},${y - 5.5 * up}`;
    return shapeOf("polygon", { points, fill: colour, ...line });
  };
  const kinds = [
    () => shapeOf("circle", { cx: x, cy: y, r: 4.5, fill: colour, ...line }),
    () => boxShape(x - 4.5, y - 4.5, 9, 9, colour, line),
    () => diamondShape(x, y, 6, colour),
    () => triangle(1),
    () => triangle(-1),
  ];
  return [kinds[row % kinds.length]()];
}

function linesBack(block, place, measure) {
  const { left, right, bottom, width } = place;
  const shapes = [];
  block.limits
    .slice()
    .reverse()
    .forEach(([limit, text], at) => {
      const y = place.y(limit);
      const opacity = block.limits.length > 1 && at === 0 ? 0.45 : 1;
      shapes.push(boxShape(left, y, right - left, bottom - y, "var(--allowed)", { opacity }));
      shapes.push(textShape(left + 6, y + 14, text, { "font-size": CHART_SMALL, fill: "var(--deployable)" }));
    });
  for (const tick of symlogTicks(
    block.linear,
    place.high * 1.15,
    block.limits.map(([limit]) => limit),
  )) {
    shapes.push(lineShape(left, place.y(tick), right, place.y(tick), { opacity: 0.7 }));
    const text = shown(tick, tick < 0.1 && tick ? 2 : tick < 1 && tick ? 1 : 0);
    shapes.push(textShape(left - 8, place.y(tick) + 4, text, { "text-anchor": "end", "font-size": CHART_SMALL }));
  }
  block.x.forEach((bits, at) => {
    const x = place.x(place.along[at]);
    shapes.push(lineShape(x, bottom, x, bottom + 5, { stroke: "var(--control)" }));
    shapes.push(textShape(x, bottom + 19, String(bits), { "text-anchor": "middle", "font-size": CHART_SMALL }));
  });
  shapes.push(lineShape(left, bottom, right, bottom, { stroke: "var(--control)" }));
  const look = { "text-anchor": "middle", fill: "var(--muted)" };
  shapes.push(textShape((left + right) / 2, bottom + 40, block.axis, look));
  const axis = fitText(axisText(block).replace("← ", "").replace(" →", ""), width, measure);
  shapes.push(textShape(0, 14, axis, { fill: "var(--muted)" }));
  return shapes;
}

function lineNames(block, place, lines, measure) {
  const last = lines.map((points) => points.filter((point) => point.y !== null).at(-1)?.y ?? place.bottom);
  const placed = spreadLabels(last, 16, [place.top + 8, place.bottom - 4]);
  return block.labels.flatMap((text, row) => {
    const [x, y, some] = [place.right + 12, placed[row], lines[row].some((point) => point.y !== null)];
    const named = fitText(some ? text : `${text}: n/a`, place.width - x - 12, measure);
    const look = { stroke: "var(--control)", opacity: 0.6 };
    const leader = lineShape(place.right - 4, last[row], place.right + 4, y, look);
    return [...(some ? [leader] : []), ...markerShapes(row, x, y), textShape(x + 10, y + 4.5, named)];
  });
}

/** What is drawn over a line that is read: its band and a ring. */
export function overLines(block, table, mark, layout) {
  const points = layout.lines[mark.row].filter((point) => point.y !== null);
  const banded = points.filter((point) => point.low !== null && point.high !== null);
  const colour = `var(${LINE_COLOURS[mark.row % LINE_COLOURS.length]})`;
  const above = banded.map((point) => `${point.x},${point.high}`);
  const band = [...above, ...banded.reverse().map((point) => `${point.x},${point.low}`)];
  const look = { fill: "none", stroke: colour, "stroke-width": 4 };
  return [
    shapeOf("polygon", { points: band.join(" "), fill: colour, opacity: 0.25 }),
    ...linePaths(layout.lines[mark.row]).map((path) => shapeOf("polyline", { points: path, ...look })),
    shapeOf("circle", { cx: mark.x, cy: mark.y, r: 9, fill: "none", stroke: "var(--ink)", "stroke-width": 2.5 }),
  ];
}
