/* The fold maps of every neuron, layer by layer; the chosen neuron and its chain stand out. */

import { chainFrom } from "../numbers/chain.js";
import { extremes } from "../numbers/quantizer.js";
import { element, fill } from "../browser/elements.js";
import { lazily } from "../browser/lazily.js";
import { drawCurve } from "./curves.js";
import { differenceColour, paint, valueColour } from "./paint.js";
import { chosenNeuron } from "./settings.js";

const MOST_TILES = 64; // neurons of a layer that are shown

/** The folds: {root, update(result)}; choose(layer, neuron) is called with the neuron that is looked at. */
export function createFolds({ data, state, theme }, choose) {
  const { live, texts } = data;
  const tiles = live.neurons
    .slice(1, -1)
    .map((number, layer) =>
      Array.from({ length: Math.min(number, MOST_TILES) }, (_, neuron) => tileOf(layer, neuron, texts)),
    );
  const rows = tiles.map((own, layer) => rowOfTiles(own, layer, live.neurons[layer + 1] - own.length, texts));
  const told = element("p", { className: "muted" });
  const root = element("div", { className: "layers" }, element("h4", { textContent: texts.folds }), told, ...rows);
  let [result, looked, how] = [null, null, null];
  const drawRow = (layer) => {
    const most = how.view === "difference" ? mostOf(result, layer) : 0;
    for (const tile of tiles[layer]) drawFold(tile, result, { ...how, most });
  };
  const outdated = rows.map((row, layer) => lazily(row, () => drawRow(layer)));

  const flat = tiles.flat();
  const look = (tile) => {
    looked = tile;
    mark();
  };
  flat.forEach((tile, at) => {
    const pin = () => state.set({ neuron: `${tile.layer}.${tile.neuron}` });
    listenToTile(tile, look, pin, (step) => flat[at + step]?.button.focus());
  });

  function mark() {
    if (result === null) return;
    const pinned = chosenNeuron(state) ?? [result.float.chain[0]?.layer ?? 0, result.float.chain[0]?.neuron ?? 0];
    const [layer, neuron] = looked ? [looked.layer, looked.neuron] : pinned;
    const chain = chainOf(result.float, layer, neuron);
    for (const tile of flat) {
      const inChain = chain.some((step) => step.layer === tile.layer && step.neuron === tile.neuron);
      const chosen = tile.layer === pinned[0] && tile.neuron === pinned[1];
      tile.button.classList.toggle("in-chain", inChain);
      tile.button.setAttribute("aria-pressed", String(chosen));
      tile.button.tabIndex = chosen ? 0 : -1;
    }
    if (flat.every((tile) => tile.button.tabIndex < 0)) flat[0].button.tabIndex = 0; // the chosen one has no tile
    choose(layer, neuron);
  }

  function update(next) {
    result = next;
    const view = state.get("fold");
    how = { view, live, theme: theme() };
    outdated.forEach((redraw) => redraw());
    told.textContent = texts.fold_views[view];
    mark();
  }
  return { root, update };
}

function rowOfTiles(tiles, layer, beyond, texts) {
  const name = fill(texts.layer, { layer }) + (beyond > 0 ? fill(texts.more_neurons, { beyond }) : "");
  const buttons = tiles.map(({ button }) => button);
  const grid = element("div", { className: "folds", role: "group", "aria-label": name }, ...buttons);
  return element("div", {}, element("p", { className: "layer", textContent: name }), grid);
}

/** Look at a tile while the mouse is over it or it has the focus; a click pins it, arrow keys go to its neighbours. */
function listenToTile(tile, look, pin, go) {
  const { button } = tile;
  button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && look(tile));
  button.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && look(null));
  button.addEventListener("focus", () => look(tile));
  button.addEventListener("blur", () => look(null));
  button.addEventListener("click", pin);
  button.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    go(step);
  });
}

function tileOf(layer, neuron, texts) {
  const canvas = element("canvas", { className: "map", "aria-hidden": "true" });
  const label = fill(texts.neuron, { layer, neuron });
  return {
    layer,
    neuron,
    canvas,
    button: element("button", { type: "button", className: "fold", "aria-label": label }, canvas),
  };
}

/** Draw a neuron's fold: how says {view, most, live, theme}. */
export function drawFold({ canvas, layer, neuron }, { float, maps }, { view, most, live, theme }) {
  const [x, y] = [float.maps.post[layer], maps.post[layer]];
  const points = x.length / live.neurons[layer + 1];
  const from = neuron * points;
  if (live.plane === null) {
    drawCurve(canvas, x.subarray(from, from + points), y.subarray(from, from + points), view);
    return;
  }
  if (view === "difference") {
    paint(canvas, ...live.plane, differenceColour(x, y, from, most, theme.diverging, theme.missing));
    return;
  }
  const [low, high] = rangesOf(float, layer, points)[neuron];
  const values = view === "float" ? x : y;
  paint(canvas, ...live.plane, valueColour(values, from, low, high, theme.sequential, theme.missing));
}

/** The chain that ends in a neuron, kept with the network. */
export function chainOf(float, layer, neuron) {
  float.chains ??= new Map();
  const key = `${layer} ${neuron}`;
  if (!float.chains.has(key)) float.chains.set(key, chainFrom(float.network, float.maps.post, layer, neuron));
  return float.chains.get(key);
}

/** The ends of each float fold of a layer, kept with the network. */
function rangesOf(float, layer, points) {
  float.ranges ??= float.maps.post.map(() => null);
  float.ranges[layer] ??= Array.from(float.network.biases[layer], (_, n) =>
    extremes(float.maps.post[layer].subarray(n * points, (n + 1) * points)),
  );
  return float.ranges[layer];
}

/** The largest difference between the float and the quantized folds of a layer. */
export function mostOf({ float, maps }, layer) {
  const [x, y] = [float.maps.post[layer], maps.post[layer]];
  let most = 0;
  for (let p = 0; p < x.length; p++) {
    const d = Math.abs(y[p] - x[p]);
    if (d > most) most = d;
  }
  return most;
}
