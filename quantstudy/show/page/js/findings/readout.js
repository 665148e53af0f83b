import { shown } from "../browser/elements.js";
import { ledgerCell, ledgerThree } from "../findings/ledger.js";

/** The numbers of a row of the table as they are read: "83.7 % (95 % CI 82.5 to 84.9)". */
function spokenNumbers(table, row, places) {
  const [value, low, high] = ledgerThree(table, row);
  const unit = ledgerCell(table, row, "unit");
  if (value === null) return "no value";
  const [first, last] = [low, high].map((end) => shown(end, places));
  const ends = low === null || high === null ? "" : ` (95 % CI ${first} to ${last})`;
  return `${shown(value, places)} ${unit}${ends}`;
}

/** The numbers beside a mark: "83.7 [82.5, 84.9]". */
export function besideText(three, places, sign = false) {
  const [value, low, high] = three;
  if (value === null) return "n/a";
  const text = (sign && value > 0 && Number(value.toFixed(places)) !== 0 ? "+" : "") + shown(value, places);
  return low === null || high === null ? text : `${text} [${shown(low, places)}, ${shown(high, places)}]`;
}

/** How many decimals the numbers of a column have. */
export function placesOf(block, column) {
  return block.finer?.[column] ?? block.places;
}

const MARK_TEXTS = { best: "the best", tied: "tied with the best", deployable: "deployable" };

/** What is read of the mark of a label and a column. */
export function markText(block, table, row, column) {
  const at = block.at + row * block.columns.length + column;
  const where = [block.labels[row], block.columns[column], block.scheme[1]].filter(Boolean).join(", ");
  const places = placesOf(block, column);
  const said = [`${where}: ${block.measure} ${spokenNumbers(table, at, places)}`];
  if (block.beside) {
    const second = at + block.labels.length * block.columns.length;
    said.push(`${block.beside} ${spokenNumbers(table, second, places)}`);
  }
  if (block.notes?.[row]) said.push(block.notes[row]);
  const place = row * block.columns.length + column;
  for (const [mark, cells] of Object.entries(block.marks ?? {})) if (cells.includes(place)) said.push(MARK_TEXTS[mark]);
  return said.join("; ").replace(/\.?$/, ".");
}

/** What is read of the dot of a seed. */
export function dotText(block, row, seed) {
  const value = block.dots[row][seed];
  const where = [block.labels[row], block.scheme[1]].filter(Boolean).join(", ");
  const said = `${block.measure} ${shown(value, block.places)} ${block.unit}`;
  return `${where}, seed ${seed}: ${said}. Enter, a click or a second tap opens it.`;
}

/** What stands at an axis: the measure, its unit, which way is better. */
export function axisText(block) {
  const unit = block.measure.startsWith(block.unit) ? "" : `, ${block.unit}`;
  const better = { higher: " · higher is better →", lower: " · ← lower is better" }[block.better] ?? "";
  return `${block.measure}${unit}${better}`;
}
