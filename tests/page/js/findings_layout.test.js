import assert from "node:assert/strict";
import { test } from "node:test";

import { layCells } from "../../../quantstudy/show/page/js/findings/cellsChart.js";
import { blockChoices, chosenBlock, findingsFields } from "../../../quantstudy/show/page/js/findings/findings.js";
import { layLines, overLines } from "../../../quantstudy/show/page/js/findings/linesChart.js";
import { axisText, besideText, dotText, markText } from "../../../quantstudy/show/page/js/findings/readout.js";
import { layRows } from "../../../quantstudy/show/page/js/findings/rowsChart.js";
import { fitText, legendShapes, wrapText } from "../../../quantstudy/show/page/js/findings/shapes.js";

const WIDTHS = [288, 358, 639, 700, 1180];
const measure = (text, size, bold = false) => text.length * size * (bold ? 0.6 : 0.56);
const SEVEN = ["relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu"];
const LONG = ["hardgelu_uncapped@1000000", "relu@1000000", "mine:a_function_with_a_very_long_name"];

function tableOf(rows) {
  const columns = Object.fromEntries(["value", "low", "high"].map((name, at) => [name, rows.map((row) => row[at])]));
  return { count: rows.length, texts: { unit: ["%"] }, columns: { ...columns, unit: rows.map(() => 0) } };
}

function numbers(count, scale = 1) {
  return Array.from({ length: count }, (_, at) => {
    const value = scale * (60 + 30 * Math.sin(1 + 2.7 * at));
    return [value, value - 3 * scale, value + 2 * scale];
  });
}

function block(labels, columns, more = {}) {
  return {
    view: "forest",
    scheme: ["w4a4", "w4a4"],
    of: ["score", "accuracy"],
    labels,
    columns,
    at: 0,
    places: 1,
    measure: "held-out accuracy",
    unit: "%",
    better: "higher",
    heading: "w4a4",
    names: labels,
    ...more,
  };
}

function forest(labels, seeds) {
  const dots = labels.map((_label, row) =>
    Array.from({ length: seeds }, (_, seed) => 50 + ((row * 7 + seed * 13) % 40)),
  );
  const notes = labels.map(() => "not deployable");
  const more = { dots, notes, allowed: 2, beside: "in float", tied: [0], deployable: labels.length > 1 ? [1] : [0] };
  return [block(labels, [""], more), tableOf([...numbers(labels.length), ...labels.map(() => [98, null, null])])];
}

function cells(labels, columns) {
  const size = labels.length * columns.length;
  const marks = { deployable: [1], tied: [0], best: [2] };
  const more = { marks, beside: "difference to relu", base: 0, ends: columns.map(() => 5), less: "less", more: "more" };
  return [block(labels, columns, more), tableOf([...numbers(size), ...numbers(size, 0.05)])];
}

function lines(labels) {
  const x = [2, 3, 4, 5, 6, 7, 8, 16];
  const limits = [
    [1, "≤ 1 %"],
    [5, "≤ 5 %"],
  ];
  const rows = labels.flatMap((_, row) => x.map((bits) => [60 * 0.5 ** bits + row * 0.01, 0.001, 61]));
  return [
    block(
      labels,
      x.map((bits) => `${bits} bits`),
      { x, axis: "bits", linear: 0.1, limits },
    ),
    tableOf(rows),
  ];
}

/** The box of every text of a layout that is not turned: [left, top, right, bottom, text]. */
function textBoxes({ shapes }) {
  return shapes
    .filter(([tag, at]) => tag === "text" && !at.transform)
    .map(([, at, text]) => {
      const wide = measure(text, at["font-size"], at["font-weight"] === "bold");
      const left = at.x - { middle: wide / 2, end: wide }[at["text-anchor"]] || at.x;
      return [left, at.y - 0.75 * at["font-size"], left + wide, at.y + 0.2 * at["font-size"], text];
    });
}

function assertReadable(layout, width, where) {
  const boxes = textBoxes(layout);
  for (const [left, top, right, bottom, text] of boxes) {
    assert.ok(left >= -0.5 && right <= width + 0.5, `«${text}» is cut off, ${where}`);
    assert.ok(top >= -0.5 && bottom <= layout.height + 0.5, `«${text}» is above or below, ${where}`);
  }
  boxes.forEach((one, at) =>
    boxes.slice(at + 1).forEach((other) => {
      const wide = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
      const high = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
      assert.ok(wide <= 1 || high <= 1, `«${one[4]}» lies on «${other[4]}», ${where}`);
    }),
  );
  for (const [tag, at] of layout.shapes) {
    if (tag === "text") assert.ok(at["font-size"] >= 12, where);
    const places = Object.values(at).filter((value) => typeof value !== "string");
    assert.ok(places.every(Number.isFinite), `${tag} ${where}`);
  }
}

test("nothing is cut off and no text lies on another one, at every width", () => {
  for (const width of WIDTHS) {
    for (const [name, labels] of Object.entries({ seven: SEVEN, long: LONG, one: ["relu"] })) {
      assertReadable(layRows(...forest(labels, 9), width, measure), width, `rows ${name} ${width}`);
      assertReadable(layLines(...lines(labels), width, measure), width, `lines ${name} ${width}`);
      const schemes = ["w4", "a4", "w4a4", "w4a8dyn", "w8", "a8", "w8a8", "w8a8dyn"];
      assertReadable(layCells(...cells(labels, schemes), width, measure), width, `cells ${name} ${width}`);
      assertReadable(layCells(...cells(SEVEN, labels), width, measure), width, `cells over ${name} ${width}`);
    }
  }
});

test("what stands at the axis of rows is told whole, over lines where it is long", () => {
  const [one, table] = forest(SEVEN, 3);
  const long = { ...one, measure: "lost against the best, mean over 57 settings", unit: "points", better: "lower" };
  for (const width of WIDTHS) {
    const layout = layRows(long, table, width, measure);
    assertReadable(layout, width, `axis ${width}`);
    const texts = layout.shapes.filter(([tag]) => tag === "text").map(([, , text]) => text);
    assert.ok(texts.join(" ").endsWith(axisText(long)), `${texts.at(-1)} at ${width}`);
  }
});

test("values that are missing are told and break nothing", () => {
  const nothing = (rows) => tableOf(rows.map(() => [null, null, null]));
  for (const width of WIDTHS) {
    const charts = [
      [layRows, forest(SEVEN, 3)],
      [layCells, cells(SEVEN, ["w4", "a4"])],
      [layLines, lines(SEVEN)],
    ];
    for (const [lay, [one, table]] of charts) {
      const empty = { ...one, dots: one.dots?.map((row) => row.map(() => null)) };
      const layout = lay(empty, nothing(table.columns.value), width, measure);
      assertReadable(layout, width, `missing ${width}`);
      assert.ok(layout.shapes.some(([tag, , text]) => tag === "text" && text.includes("n/a")));
    }
  }
});

test("a row has a mark for its mean and one for every seed that has a value", () => {
  const [one, table] = forest(SEVEN, 5);
  one.dots[2][3] = null;
  const { marks } = layRows(one, table, 700, measure);
  assert.equal(marks.length, 7 * 6 - 1);
  assert.equal(marks.filter((mark) => mark.seed === null).length, 7);
  assert.ok(!marks.some((mark) => mark.row === 2 && mark.seed === 3));
  const dots = marks.filter((mark) => mark.row === 1 && mark.seed !== null).sort((a, b) => a.x - b.x);
  const values = dots.map((mark) => one.dots[1][mark.seed]);
  assert.deepEqual(
    values,
    [...values].sort((a, b) => a - b),
  );
});

test("cells keep their place where columns stand in bands, and the wide ones have intervals", () => {
  const [one, table] = cells(SEVEN, ["w4", "a4", "w4a4", "w4a8dyn", "w8", "a8", "w8a8", "w8a8dyn"]);
  for (const width of WIDTHS) {
    const { marks, shapes } = layCells(one, table, width, measure);
    assert.equal(marks.length, 56);
    assert.equal(new Set(marks.map((mark) => `${Math.round(mark.x)} ${Math.round(mark.y)}`)).size, 56);
    for (const mark of marks) assert.ok(mark.box[2] >= 40, `${mark.box[2]} pixels at ${width}`);
    assert.equal(
      shapes.some(([, , text]) => /\[/.test(text)),
      width > 1000,
    );
  }
});

test("a line is broken where a value is missing", () => {
  const [one, table] = lines(["relu"]);
  table.columns.value[3] = null;
  const layout = layLines(one, table, 700, measure);
  assert.equal(layout.shapes.filter(([tag]) => tag === "polyline").length, 2);
  assert.equal(layout.marks.length, 7);
  assert.equal(overLines(one, table, layout.marks[0], layout).filter(([tag]) => tag === "polyline").length, 2);
});

test("marks are read with their unit, interval and remarks", () => {
  const [one, table] = forest(["relu"], 2);
  table.columns.value[0] = 83.71;
  [table.columns.low[0], table.columns.high[0]] = [82.5, 84.9];
  const said = markText(one, table, 0, 0);
  assert.equal(said, "relu, w4a4: held-out accuracy 83.7 % (95 % CI 82.5 to 84.9); in float 98.0 %; not deployable.");
  assert.equal(
    dotText(one, 0, 1),
    "relu, w4a4, seed 1: held-out accuracy 63.0 %. Enter, a click or a second tap opens it.",
  );
  assert.equal(besideText([1.25, -0.5, 2], 1, true), "+1.3 [−0.5, 2.0]");
  assert.equal(besideText([0.01, null, null], 1, true), "0.0");
  assert.equal(axisText(one), "held-out accuracy, % · higher is better →");
  const counted = { measure: "points decided otherwise", unit: "points", better: "lower" };
  assert.equal(axisText(counted), "points decided otherwise · ← lower is better");
});

test("texts are wrapped and shortened to a width", () => {
  assert.deepEqual(wrapText("one two three", measure("one two", 13), measure), ["one two", "three"]);
  assert.equal(fitText("hardswish", 1000, measure), "hardswish");
  const short = fitText("hardgelu_uncapped@3", 60, measure);
  assert.ok(short.endsWith("…") && measure(short, 13) <= 60);
  const items = ["a long text of the legend", "another one"].map((text) => ({ text, swatch: () => [] }));
  assert.ok(legendShapes(items, 200, 0, measure).bottom > legendShapes(items, 2000, 0, measure).bottom);
});

const DATA = {
  find: "at most {most} characters",
  views: [
    ["forest", "Ranking"],
    ["layers", "Layers"],
    ["claims", "Claims"],
  ],
  blocks: [
    { view: "forest", scheme: ["w4", "w4"], of: ["score", "accuracy"] },
    { view: "forest", scheme: ["a4", "a4"], of: ["score", "accuracy"] },
    { view: "forest", scheme: ["a4", "a4"], of: ["loss", "loss"] },
    { view: "layers", scheme: ["w4", "w4"], of: ["shapley", "share"] },
  ],
};

test("a link chooses a chart; what a view does not have gives its first", () => {
  assert.equal(chosenBlock(DATA.blocks, "forest", "a4", "score"), DATA.blocks[1]);
  assert.equal(chosenBlock(DATA.blocks, "forest", "w4", "loss"), DATA.blocks[2]);
  assert.equal(chosenBlock(DATA.blocks, "layers", "a4", "loss"), DATA.blocks[3]);
  assert.equal(chosenBlock(DATA.blocks, "claims", "a4", "loss"), null);
  assert.deepEqual(blockChoices(DATA.blocks, DATA.blocks[1]), {
    of: [
      ["score", "accuracy"],
      ["loss", "loss"],
    ],
    scheme: [
      ["w4", "w4"],
      ["a4", "a4"],
    ],
  });
});

test("the fields of the address know every value and its default", () => {
  const fields = findingsFields(DATA);
  assert.deepEqual(fields.view, { default: "forest", values: ["forest", "layers", "claims"] });
  assert.deepEqual(fields.scheme2, { default: "w4", values: ["w4", "a4"] });
  assert.ok(fields.sort2.values.includes("value-down"));
  assert.deepEqual(fields.in2.values, ["all", "forest", "layers"]); // of claims there are no rows
  assert.equal(fields.find2.allowed, "at most 80 characters");
  assert.ok(fields.find2.test("relu") && !fields.find2.test("x".repeat(81)));
  for (const field of Object.values(fields)) {
    assert.ok(field.test ? field.test(field.default) : field.values.includes(field.default));
  }
});
