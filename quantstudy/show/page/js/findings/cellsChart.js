import { shown } from "../browser/elements.js";
import { ledgerThree } from "../findings/ledger.js";
import { axisText, besideText, markText, placesOf } from "../findings/readout.js";
import { shadeIndex } from "../findings/scales.js";
import { CHART_SMALL, CHART_TEXT, boxShape, fitText, legendShapes, shapeOf, textShape } from "../findings/shapes.js";

const WIDEST = 150;
const LIGHT_INK = [0, 6];

/**
 * Lay out a grid of coloured cells, labels × columns, in bands of as many columns as are wide enough to be read.
 * Returns {width, height, shapes, marks}; marks are {row, order, x, y, box, text}.
 */
export function layCells(block, table, width, measure) {
  const place = cellsPlace(block, table, width, measure);
  const legend = legendShapes(cellsLegend(block), width, 0, measure);
  const [shapes, marks] = [[...legend.shapes], []];
  let top = legend.bottom + 4;
  for (let first = 0; first < block.columns.length; first += place.columns) {
    const columns = block.columns.slice(first, first + place.columns);
    shapes.push(...headShapes(columns, place, top, measure));
    top += place.head;
    block.labels.forEach((text, row) => {
      const y = top + row * place.height;
      const named = fitText(text, place.above ? width : place.left - 8, measure);
      shapes.push(textShape(0, place.above ? y + 16 : y + place.cell / 2 + 5, named));
      columns.forEach((_, at) => {
        const made = cellShapes(block, table, place, [row, first + at], [place.left + at * place.wide, y + place.over]);
        shapes.push(...made.shapes);
        marks.push({ ...made.mark, row: (first / place.columns) * block.labels.length + row });
      });
    });
    top += place.height * block.labels.length + 12;
  }
  return { width, height: top, shapes, marks, reach: 1 };
}

function cellsPlace(block, table, width, measure) {
  const names = Math.max(...block.labels.map((text) => measure(text, CHART_TEXT))) + 14;
  const above = names > 0.34 * width;
  const left = above ? 0 : names;
  const texts = tierTexts(block, table);
  const wides = texts.map((lines) => Math.max(...lines.map((text) => measure(text, CHART_SMALL, true))) + 10);
  const all = Math.min(WIDEST, (width - left) / block.columns.length);
  let tier = wides.findIndex((wide) => wide <= all);
  if (tier < 0) tier = wides.length - 1;
  const least = Math.max(wides[tier], 44);
  const fit = Math.floor((width - left) / Math.min(least, width - left));
  const columns = Math.max(1, Math.min(block.columns.length, fit));
  const wide = Math.min(WIDEST, (width - left) / columns);
  const heads = Math.max(...block.columns.map((text) => measure(text, CHART_SMALL, true)));
  const turned = heads > wide - 4;
  const cell = block.beside ? [58, 42, 30][tier] : 30;
  const over = above ? 22 : 0;
  return {
    above,
    left,
    tier,
    columns,
    wide,
    cell,
    over,
    height: cell + over + (above ? 6 : 2),
    turned,
    head: turned ? Math.min(150, heads) + 12 : 24,
  };
}

/** Every text of the cells, for three tiers: with intervals, without, and the value alone. */
function tierTexts(block, table) {
  const [size, tiers] = [block.labels.length * block.columns.length, [[], [], []]];
  for (let at = 0; at < size; at += 1) {
    const lines = [0, 1, 2].map((tier) => cellLines(block, table, at, tier));
    lines.forEach((some, tier) => tiers[tier].push(...some));
  }
  return tiers;
}

function cellLines(block, table, at, tier) {
  const [value] = ledgerThree(table, block.at + at);
  const places = placesOf(block, at % block.columns.length);
  const good = block.marks?.deployable?.includes(at) ? "✓ " : "";
  const first = `${good}${shown(value, places)}`;
  if (value === null || tier === 2 || !block.beside) return [first];
  if (Math.floor(at / block.columns.length) === block.base) return [first, tier ? "ref." : "reference"];
  const three = ledgerThree(table, block.at + block.labels.length * block.columns.length + at);
  const apart = besideText([three[0], null, null], places, true);
  const interval = besideText(three, places).split(" ").slice(1).join(" ");
  return tier || !interval ? [first, apart] : [first, apart, interval];
}

function headShapes(columns, place, top, measure) {
  return columns.map((text, at) => {
    const x = place.left + (at + 0.5) * place.wide;
    const look = { "font-size": CHART_SMALL, "font-weight": "bold" };
    if (!place.turned) return textShape(x, top + 16, text, { ...look, "text-anchor": "middle" });
    const y = top + place.head - 6;
    return textShape(x + 4, y, fitText(text, 146, measure, true), { ...look, transform: `rotate(-90 ${x + 4} ${y})` });
  });
}

function cellShapes(block, table, place, [row, column], [x, y]) {
  const at = row * block.columns.length + column;
  const shade = cellShade(block, table, at, column);
  const fill = shade === null ? "var(--missing)" : `var(--less-more-${shade})`;
  const ink = shade === null ? "var(--ink)" : `var(--${LIGHT_INK.includes(shade) ? "quantized" : "float"}-line)`;
  const [wide, high] = [place.wide - 2, place.cell];
  const shapes = [boxShape(x + 1, y, wide, high, fill)];
  const outline = { fill: "none", stroke: ink, "stroke-width": 2 };
  const inner = { x: x + 3, y: y + 2, width: Math.max(0, wide - 4), height: high - 4 };
  if (block.marks?.best?.includes(at)) shapes.push(shapeOf("rect", { ...inner, ...outline }));
  else if (block.marks?.tied?.includes(at)) {
    shapes.push(shapeOf("rect", { ...inner, ...outline, "stroke-width": 1.5, "stroke-dasharray": "3 3" }));
  }
  const lines = cellLines(block, table, at, place.tier);
  lines.forEach((text, line) => {
    const middle = y + high / 2 + 4.5 + (line - (lines.length - 1) / 2) * 16;
    const look = { "text-anchor": "middle", "font-size": CHART_SMALL, fill: ink };
    shapes.push(textShape(x + place.wide / 2, middle, text, line ? look : { ...look, "font-weight": "bold" }));
  });
  const mark = {
    order: column,
    x: x + place.wide / 2,
    y: y + high / 2,
    seed: null,
    box: [x, y, place.wide, high],
    text: markText(block, table, row, column),
    label: row,
  };
  return { shapes, mark };
}

function cellShade(block, table, at, column) {
  const second = block.beside ? block.labels.length * block.columns.length : 0;
  return shadeIndex(table.columns.value[block.at + second + at], block.ends[column]);
}

function cellsLegend(block) {
  const swatch = (shade) => (x, y) => [boxShape(x - 10, y - 7, 20, 14, `var(--less-more-${shade})`)];
  const items = block.less ? [{ text: block.less, swatch: swatch(1) }] : [];
  if (block.same) items.push({ text: block.same, swatch: swatch(3) });
  items.push({ text: block.more, swatch: swatch(5) });
  const marks = block.marks ?? {};
  const frame = (more) => (x, y) => [
    shapeOf("rect", { x: x - 10, y: y - 7, width: 20, height: 14, fill: "none", stroke: "var(--ink)", ...more }),
  ];
  if (marks.best?.length) items.push({ text: "best", swatch: frame({ "stroke-width": 2 }) });
  if (marks.tied?.length) items.push({ text: "tied with the best", swatch: frame({ "stroke-dasharray": "3 3" }) });
  if (marks.deployable?.length) {
    items.push({ text: "deployable", swatch: (x, y) => [textShape(x, y + 5, "✓", { "text-anchor": "middle" })] });
  }
  items.push({ text: axisText(block).replace(/← | →/g, ""), swatch: null });
  return items;
}

/** What is drawn over a cell that is read. */
export function overCells(block, table, mark) {
  const [x, y, width, height] = mark.box;
  const frame = { x: x + 1, y: y - 1, width: width - 2, height: height + 2, fill: "none", "stroke-width": 3 };
  return [shapeOf("rect", { ...frame, stroke: "var(--ink)" })];
}
