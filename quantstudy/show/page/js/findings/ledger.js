/** Columns of the table in their order; `kind` is "text" or "number". */
export const LEDGER_COLUMNS = [
  ...["view", "scheme", "activation", "setting", "measure"].map((name) => ({ name, kind: "text" })),
  ...["value", "low", "high"].map((name) => ({ name, kind: "number" })),
  ...["unit", "better"].map((name) => ({ name, kind: "text" })),
];

/** Characters of a text to find rows by, at most. */
export const LEDGER_FIND = 80;

/** The cell of a row: a text, or a number or null. */
export function ledgerCell(table, row, name) {
  const cell = table.columns[name][row];
  return name in table.texts ? table.texts[name][cell] : cell;
}

/** Value, low and high of a row, each a number or null. */
export function ledgerThree(table, row) {
  return [table.columns.value[row], table.columns.low[row], table.columns.high[row]];
}

/** The rows whose texts hold every word of `text` (any case) and whose view is called `view` ("" for all). */
export function filterLedger(table, text, view) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const names = Object.keys(table.texts);
  const folded = Object.fromEntries(names.map((name) => [name, table.texts[name].map((one) => one.toLowerCase())]));
  const wanted = view === "" ? -1 : table.texts.view.indexOf(view);
  const rows = [];
  for (let row = 0; row < table.count; row += 1) {
    if (view !== "" && table.columns.view[row] !== wanted) continue;
    const has = (word) => names.some((name) => folded[name][table.columns[name][row]].includes(word));
    if (words.every(has)) rows.push(row);
  }
  return rows;
}

/** The rows sorted by a column, `sign` 1 upwards, −1 downwards; equal ones stay in order, rows without one last. */
export function sortLedger(table, rows, name, sign) {
  if (!(name in table.columns)) return rows;
  const text = name in table.texts;
  const ranks = text ? naturalRanks(table.texts[name]) : null;
  const none = text ? table.texts[name].indexOf("") : null;
  const key = (row) => {
    const cell = table.columns[name][row];
    return cell === none ? null : text ? ranks[cell] : cell;
  };
  return rows.slice().sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === null || b === null) return (a === null) - (b === null) || one - other;
    return sign * (a - b) || one - other;
  });
}

/** The rank of every text where numbers in it count as numbers: w4 before w16. */
export function naturalRanks(texts) {
  const order = new Intl.Collator("en", { numeric: true });
  const places = texts.map((_, place) => place).sort((a, b) => order.compare(texts[a], texts[b]));
  const ranks = new Array(texts.length);
  places.forEach((place, rank) => (ranks[place] = rank));
  return ranks;
}

/** One field of a CSV file (RFC 4180); a text that a spreadsheet would take for a formula begins with an apostrophe. */
export function csvField(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The rows as a CSV file with a head line. */
export function ledgerCsv(table, rows) {
  const names = LEDGER_COLUMNS.map((column) => column.name);
  const lines = rows.map((row) => names.map((name) => csvField(ledgerCell(table, row, name))).join(","));
  return [names.join(","), ...lines, ""].join("\r\n");
}

/** A column and a direction from the text that a link has for them ("value-down"), null for none. */
export function sortOf(text) {
  const found = /^(\w+)-(up|down)$/.exec(text);
  return found ? { name: found[1], sign: found[2] === "up" ? 1 : -1 } : null;
}

/** The next order when a column's head is pressed: up, down, as it was. */
export function nextSort(text, name) {
  if (text === `${name}-up`) return `${name}-down`;
  return text === `${name}-down` ? "none" : `${name}-up`;
}
