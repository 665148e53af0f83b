import assert from "node:assert/strict";
import { test } from "node:test";

import {
  LEDGER_COLUMNS,
  csvField,
  filterLedger,
  ledgerCell,
  ledgerCsv,
  ledgerThree,
  naturalRanks,
  nextSort,
  sortLedger,
  sortOf,
} from "../../../quantstudy/show/page/js/findings/ledger.js";

const ROWS = [
  ["Ranking", "w16a16", "relu", "", "accuracy", 90.5, 89, 92, "%", "higher"],
  ["Ranking", "w4a4", "gelu", "", "accuracy", null, null, null, "%", "higher"],
  ["Layers", "w4a4", "relu", "layer 0", "flip rate, share", 3, 2.5, 4, "points", "lower"],
  ["Layers", "w8a8", "=relu,1", 'said "no"', "flip rate, share", -1, null, null, "points", "lower"],
];

function table() {
  const [texts, columns] = [{}, {}];
  LEDGER_COLUMNS.forEach(({ name, kind }, at) => {
    const values = ROWS.map((row) => row[at]);
    if (kind === "text") texts[name] = [...new Set(values)];
    columns[name] = kind === "text" ? values.map((value) => texts[name].indexOf(value)) : values;
  });
  return { count: ROWS.length, texts, columns };
}

test("a cell is a text, a number or null", () => {
  assert.equal(ledgerCell(table(), 3, "activation"), "=relu,1");
  assert.equal(ledgerCell(table(), 1, "value"), null);
  assert.deepEqual(ledgerThree(table(), 2), [3, 2.5, 4]);
});

test("rows are found by every word, in any case and column, and by view", () => {
  assert.deepEqual(filterLedger(table(), "", ""), [0, 1, 2, 3]);
  assert.deepEqual(filterLedger(table(), "RELU w4a4", ""), [2]);
  assert.deepEqual(filterLedger(table(), "relu", "Ranking"), [0]);
  assert.deepEqual(filterLedger(table(), "relu accuracy points", ""), []);
  assert.deepEqual(filterLedger(table(), "", "no such view"), []);
});

test("numbers sort by size, rows without one come last both ways", () => {
  assert.deepEqual(sortLedger(table(), [0, 1, 2, 3], "value", 1), [3, 2, 0, 1]);
  assert.deepEqual(sortLedger(table(), [0, 1, 2, 3], "value", -1), [0, 2, 3, 1]);
});

test("texts sort with the numbers in them as numbers; equal rows stay in order", () => {
  assert.deepEqual(sortLedger(table(), [0, 1, 2, 3], "scheme", 1), [1, 2, 3, 0]);
  assert.deepEqual(sortLedger(table(), [3, 2, 1, 0], "view", -1), [0, 1, 2, 3]);
  assert.deepEqual(naturalRanks(["w16", "w4", "a4"]), [2, 1, 0]);
  assert.deepEqual(sortLedger(table(), [2, 0], "nonsense", 1), [2, 0]);
});

test("rows without a text come last both ways", () => {
  assert.deepEqual(sortLedger(table(), [0, 1, 2, 3], "setting", 1), [2, 3, 0, 1]);
  assert.deepEqual(sortLedger(table(), [0, 1, 2, 3], "setting", -1), [3, 2, 0, 1]);
});

test("the table as a file: commas and quotes as RFC 4180 has them, no formula, nothing for null", () => {
  const lines = ledgerCsv(table(), [3, 1]).split("\r\n");
  assert.equal(lines[0], "view,scheme,activation,setting,measure,value,low,high,unit,better");
  assert.equal(lines[1], `Layers,w8a8,"'=relu,1","said ""no""","flip rate, share",-1,,,points,lower`);
  assert.equal(lines[2], "Ranking,w4a4,gelu,,accuracy,,,,%,higher");
  assert.equal(lines[3], "");
  assert.deepEqual(["@x", "+1", "-1", "a\nb", -2.5].map(csvField), ["'@x", "'+1", "'-1", '"a\nb"', "-2.5"]);
});

test("the order of a column goes up, down and away, and back from a link", () => {
  assert.equal(nextSort("none", "value"), "value-up");
  assert.equal(nextSort("value-up", "value"), "value-down");
  assert.equal(nextSort("value-down", "value"), "none");
  assert.equal(nextSort("low-up", "value"), "value-up");
  assert.deepEqual(sortOf("value-down"), { name: "value", sign: -1 });
  assert.equal(sortOf("none"), null);
});
