import { makeChart } from "../findings/chart.js";
import { element, fill } from "../browser/elements.js";
import { fillSelect, labelled, pressed } from "./elements.js";
import { LEDGER_COLUMNS, LEDGER_FIND } from "../findings/ledger.js";
import { makeLedger } from "../findings/ledgerView.js";
import { saveSvgAsPng, saveText, svgText } from "../browser/download.js";

/** The fields of the address that the findings have: name → {default, values} or {default, test}. */
export function findingsFields(data) {
  const of = (key, read = ([name]) => name) => [...new Set(data.blocks.map((block) => read(block[key])))];
  const views = data.views.map(([name]) => name);
  const [schemes, kinds] = [of("scheme"), of("of")];
  const sorts = LEDGER_COLUMNS.flatMap(({ name }) => [`${name}-up`, `${name}-down`]);
  return {
    view: { default: views[0], values: views },
    scheme2: { default: schemes[0] ?? "", values: schemes },
    of2: { default: kinds[0] ?? "", values: kinds },
    in2: { default: "all", values: ["all", ...of("view", (name) => name)] },
    find2: { default: "", allowed: fill(data.find, { most: LEDGER_FIND }), test: (text) => text.length <= LEDGER_FIND },
    sort2: { default: "none", values: ["none", ...sorts] },
  };
}

/** The chart that is chosen: of the view, of its choices those asked for, or the first; null where it has none. */
export function chosenBlock(blocks, view, scheme, kind) {
  const own = blocks.filter((block) => block.view === view);
  const first = (some, key, wanted) => {
    const value = some.some((block) => block[key][0] === wanted) ? wanted : some[0]?.[key][0];
    return some.filter((block) => block[key][0] === value);
  };
  return first(first(own, "of", kind), "scheme", scheme)[0] ?? null;
}

/** The choices that a view offers beside the chosen chart: per key [value, text], each once. */
export function blockChoices(blocks, chosen) {
  const own = blocks.filter((block) => block.view === chosen.view);
  const of = (some, key) => [...new Map(some.map((block) => block[key])).entries()];
  return {
    of: of(own, "of"),
    scheme: of(
      own.filter((block) => block.of[0] === chosen.of[0]),
      "scheme",
    ),
  };
}

/**
 * Show the findings in `root`.
 * @param state {get(name), set({name: value}), subscribe(fn)} of the fields above.
 * @param open called with {activation, recipe, seed, scheme} when the dot of a seed is opened; false where it cannot.
 */
export function showFindings(root, data, state, open) {
  const opened = ({ row, seed }, block) => {
    const [activation, recipe] = [block.names[row], block.recipes?.[row] ?? ""];
    const chosen = { activation, recipe, seed, scheme: block.scheme[0] };
    if (!open(chosen)) chart.readout.textContent = fill(data.not_held, chosen);
  };
  const chart = makeChart(data.table, opened);
  const parts = findingsParts(data, state, opened, chart);
  const ledger = makeLedger(data, state);
  const title = element("h3", { textContent: "Every number" });
  const left = data.left_out ? [element("p", { textContent: data.left_out })] : [];
  root.append(...parts.nodes, title, ...left, ledger.node);
  let key = null;
  const update = () => {
    const now = JSON.stringify(["view", "scheme2", "of2"].map(state.get));
    if (now !== key) parts.update();
    key = now;
    ledger.update();
  };
  state.subscribe(update);
  update();
}

function findingsParts(data, state, opened, chart) {
  const [view, scheme, kind] = [element("select"), element("select"), element("select")];
  const fields = [
    labelled("Question", view, "findings-view"),
    labelled("Measure", kind, "findings-of"),
    labelled("Quantized", scheme, "findings-scheme"),
  ];
  for (const [select, name] of [
    [view, "view"],
    [kind, "of2"],
    [scheme, "scheme2"],
  ]) {
    select.addEventListener("change", () => state.set({ [name]: select.value }));
  }
  const [heading, reading, reason] = [element("h3"), element("p", { className: "findings-reading" }), element("p")];
  const current = () => chosenBlock(data.blocks, state.get("view"), state.get("scheme2"), state.get("of2"));
  const named = (ending) => chartName(data, current(), ending);
  const saves = element(
    "div",
    { className: "findings-choices findings-saves" },
    pressed("Download SVG", () => chart.exported((svg) => saveText(named("svg"), "image/svg+xml", svgText(svg)))),
    pressed("Download PNG", () => chart.exported((svg) => saveSvgAsPng(named("png"), svg))),
  );
  const seeds = openForm(data, current, opened);
  const figure = element("div", { className: "findings-figure" }, chart.node, chart.readout, seeds.node, saves, reason);
  const update = () => {
    const block = current();
    fillSelect(view, data.views, state.get("view"));
    figure.hidden = block === null;
    heading.hidden = block === null;
    if (block === null) {
      reading.textContent = data.claims;
      for (const field of fields.slice(1)) field.hidden = true;
      return;
    }
    const choices = blockChoices(data.blocks, block);
    fillSelect(kind, choices.of, block.of[0]);
    fillSelect(scheme, choices.scheme, block.scheme[0]);
    fields[1].hidden = choices.of.length < 2;
    fields[2].hidden = choices.scheme.length < 2;
    [heading.textContent, reading.textContent] = [block.heading, block.reading];
    reason.textContent = block.reason ?? "";
    seeds.update(block);
    chart.show(block);
  };
  return { nodes: [element("div", { className: "findings-choices" }, ...fields), heading, reading, figure], update };
}

/** A form that opens the network of a seed: what a dot does, for whoever cannot hit one. */
function openForm(data, current, opened) {
  const [who, seed] = [element("select"), element("select")];
  const go = pressed("Open this network", () =>
    opened({ row: current().labels.indexOf(who.value), seed: Number(seed.value) }, current()),
  );
  const node = element(
    "div",
    { className: "findings-choices" },
    labelled("Activation", who, "findings-activation"),
    labelled("Seed", seed, "findings-seed"),
    go,
  );
  const update = (block) => {
    node.hidden = !block.dots;
    if (!block.dots) return;
    const { labels } = block;
    fillSelect(
      who,
      labels.map((label) => [label, label]),
      labels.includes(who.value) ? who.value : labels[0],
    );
    const all = Array.from({ length: data.seeds }, (_, at) => [String(at), String(at)]);
    fillSelect(seed, all, seed.value || "0");
  };
  return { node, update };
}

function chartName(data, block, ending) {
  return `${[data.name, block.view, block.of[0], block.scheme[0]].filter(Boolean).join("-")}.${ending}`;
}
