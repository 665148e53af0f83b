import { element } from "../browser/elements.js";
import { fillSelect, labelled, pressed } from "./elements.js";
import {
  LEDGER_COLUMNS,
  LEDGER_FIND,
  filterLedger,
  ledgerCell,
  ledgerCsv,
  nextSort,
  sortLedger,
  sortOf,
} from "../findings/ledger.js";
import { plainNumber } from "../findings/scales.js";
import { saveText } from "../browser/download.js";

const LEDGER_STEP = 50;

/**
 * The table of everything: filtered, sorted, a part of it at a time. Returns {node, update()}.
 * `views` are [name, title]; the state's fields are `in2`, `find2` and `sort2`.
 */
export function makeLedger(data, state) {
  const { table } = data;
  const view = { shown: LEDGER_STEP, rows: [], key: null };
  const find = element("input", { type: "search", maxLength: LEDGER_FIND, autocomplete: "off" });
  const within = element("select");
  const count = element("p", { className: "findings-count", role: "status" });
  const body = element("tbody");
  const heads = LEDGER_COLUMNS.map((column) => sortHead(column, state));
  const grid = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body);
  const region = element(
    "div",
    { className: "findings-table", tabIndex: 0, role: "region", "aria-label": "Table of all numbers" },
    grid,
  );
  const more = pressed("Show more", () => {
    view.shown += 4 * LEDGER_STEP;
    fill();
  });
  const save = () => saveText(`${data.name}-findings.csv`, "text/csv", ledgerCsv(table, view.rows));
  const csv = pressed("Download CSV", save);
  const fill = () => {
    const shown = view.rows.slice(0, view.shown);
    body.replaceChildren(...shown.map((row) => ledgerRow(table, row)));
    const all = table.count === view.rows.length ? "" : `, chosen from ${table.count.toLocaleString("en")}`;
    const found = view.rows.length.toLocaleString("en");
    count.textContent = `Rows ${shown.length ? 1 : 0} to ${shown.length} of ${found}${all}.`;
    more.hidden = shown.length === view.rows.length;
  };
  const update = () => {
    const [text, name, sort] = ["find2", "in2", "sort2"].map(state.get);
    const key = JSON.stringify([text, name, sort]);
    if (key === view.key) return;
    view.key = key;
    view.shown = LEDGER_STEP;
    if (document.activeElement !== find) find.value = text;
    fillSelect(within, [["all", "all views"], ...data.views.filter(([one]) => one !== "claims")], name);
    const title = data.views.find(([one]) => one === name)?.[1] ?? "";
    const order = sortOf(sort);
    const found = filterLedger(table, text, title);
    view.rows = order ? sortLedger(table, found, order.name, order.sign) : found;
    heads.forEach((head, at) => showOrder(head, LEDGER_COLUMNS[at].name, order));
    fill();
  };
  find.addEventListener("input", () => state.set({ find2: find.value }));
  within.addEventListener("change", () => state.set({ in2: within.value }));
  const choices = element(
    "div",
    { className: "findings-choices" },
    labelled("Rows with the words", find, "findings-find"),
    labelled("Of the view", within, "findings-within"),
    csv,
  );
  return { node: element("div", {}, choices, count, region, more), update };
}

function sortHead({ name, kind }, state) {
  const button = pressed(name, () => state.set({ sort2: nextSort(state.get("sort2"), name) }));
  button.append(element("span", { className: "findings-order", "aria-hidden": "true" }));
  return element("th", { scope: "col", className: kind === "number" ? "number" : "" }, button);
}

function showOrder(head, name, order) {
  const here = order?.name === name ? order.sign : 0;
  if (here) head.setAttribute("aria-sort", here > 0 ? "ascending" : "descending");
  else head.removeAttribute("aria-sort");
  head.querySelector("span").textContent = { 1: " ▲", "-1": " ▼", 0: " ↕" }[here];
}

function ledgerRow(table, row) {
  return element(
    "tr",
    {},
    ...LEDGER_COLUMNS.map(({ name, kind }) => {
      const cell = ledgerCell(table, row, name);
      if (kind === "text") return element("td", { textContent: cell });
      const text = cell === null && name !== "value" ? "" : plainNumber(cell);
      return element("td", { className: "number", textContent: text });
    }),
  );
}
