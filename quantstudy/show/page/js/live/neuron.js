/* One neuron large: its fold in float, quantized and their difference, what goes into it, and its chain. */

import { weightsOf } from "../numbers/forward.js";
import { element, fill, shown } from "../browser/elements.js";
import { lazily } from "../browser/lazily.js";
import { createDiagram } from "./diagram.js";
import { chainOf, drawFold, mostOf } from "./folds.js";

const VIEWS = ["float", "quantized", "difference"];
const MOST_WEIGHTS = 12;

/** The large view of a neuron: {root, show(result, layer, neuron)}. */
export function createNeuron({ data, theme }) {
  const { live, texts } = data;
  const heading = element("h4");
  const tiles = VIEWS.map((view) => ({ view, canvas: element("canvas", { className: "map", "aria-hidden": "true" }) }));
  const figures = tiles.map(({ view, canvas }) =>
    element("figure", {}, canvas, element("figcaption", { textContent: texts.views[view] })),
  );
  const rows = element("tbody");
  const heads = texts.weights_head.map((head) => element("th", { scope: "col", textContent: head }));
  const caption = element("caption", { textContent: texts.weights_caption });
  const table = element(
    "table",
    { className: "weights" },
    caption,
    element("thead", {}, element("tr", {}, ...heads)),
    rows,
  );
  const told = element("p", { className: "chain" });
  const diagram = createDiagram(live);
  const around = element("div", { className: "around" }, table, element("div", {}, told, diagram.root));
  const maps = element("div", { className: "decisions" }, ...figures);
  const root = element("div", { className: "neuron" }, heading, maps, around);

  let looked = null;
  const outdated = lazily(root, () => draw(...looked));

  function show(result, layer, neuron) {
    heading.textContent = fill(texts.neuron_heading, { layer, neuron });
    looked = [result, layer, neuron];
    outdated();
  }

  function draw(result, layer, neuron) {
    const how = { most: mostOf(result, layer), live, theme: theme() };
    for (const { view, canvas } of tiles) drawFold({ canvas, layer, neuron }, result, { ...how, view });
    const chain = chainOf(result.float, layer, neuron);
    told.textContent = chainText(chain, texts);
    diagram.update(chain);
    rows.replaceChildren(...weightRows(result, layer, neuron, data));
  }
  return { root, show };
}

function chainText(chain, texts) {
  const named = chain.map(({ layer, neuron, share }) => {
    const name = `${layer}.${neuron}`;
    return Number.isNaN(share) ? name : fill(texts.chain_step, { name, share: shown(100 * share, 0) });
  });
  return fill(texts.chain, { steps: named.reverse().join(" → ") });
}

/** One row per weight that goes in, the largest first: name, in float, quantized; then the bias. */
function weightRows({ float, network, plan }, layer, neuron, { texts, live }) {
  const number = live.neurons[layer];
  const part = (values) => values.subarray(neuron * number, (neuron + 1) * number);
  const [before, after] = [part(float.network.weights[layer]), part(weightsOf(network, plan, layer))];
  const order = Array.from(before.keys()).sort((i, j) => Math.abs(before[j]) - Math.abs(before[i]));
  const name = (i) => (layer === 0 ? live.names[i] : `${layer - 1}.${i}`);
  const rows = order.slice(0, MOST_WEIGHTS).map((i) => rowOf(name(i), before[i], after[i]));
  if (number > MOST_WEIGHTS) rows.push(rowOf(fill(texts.smaller, { number: number - MOST_WEIGHTS }), NaN, NaN));
  rows.push(rowOf(texts.bias, float.network.biases[layer][neuron], network.biases[layer][neuron]));
  return rows;
}

function rowOf(name, before, after) {
  const cell = (value) =>
    element("td", { className: "number", textContent: Number.isNaN(value) ? "" : shown(value, 3) });
  return element(
    "tr",
    {},
    element("th", { scope: "row", textContent: name }),
    cell(before),
    cell(after),
    cell(after - before),
  );
}
