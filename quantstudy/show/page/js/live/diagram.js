/* The network as dots and lines, with one chain of folds drawn bold. */

import { drawn } from "../browser/elements.js";

const MOST_DOTS = 16; // neurons of a layer that are dots
const [ACROSS, DOWN, RADIUS] = [64, 18, 6];

/** The drawing of a network: {root, update(chain)}; wide ones have none. live: the page's. */
export function createDiagram(live) {
  const { neurons } = live;
  const root = drawn("svg", { class: "diagram", "aria-hidden": "true" });
  if (Math.max(...neurons) > MOST_DOTS) return { root, update: () => {} };
  const tall = Math.max(...neurons) * DOWN;
  root.setAttribute("viewBox", `0 0 ${(neurons.length - 1) * ACROSS + 4 * RADIUS} ${tall}`);
  const place = (layer, neuron) => [2 * RADIUS + layer * ACROSS, tall / 2 + (neuron - (neurons[layer] - 1) / 2) * DOWN];
  const lines = new Map();
  neurons.slice(1).forEach((number, before) => {
    for (let to = 0; to < number; to++) {
      for (let from = 0; from < neurons[before]; from++) {
        const [[x1, y1], [x2, y2]] = [place(before, from), place(before + 1, to)];
        lines.set(`${before} ${from} ${to}`, drawn("line", { x1, y1, x2, y2 }));
      }
    }
  });
  const dots = new Map();
  neurons.forEach((number, layer) => {
    for (let neuron = 0; neuron < number; neuron++) {
      const [cx, cy] = place(layer, neuron);
      dots.set(`${layer} ${neuron}`, drawn("circle", { cx, cy, r: RADIUS }));
    }
  });
  root.append(...lines.values(), ...dots.values());

  function update(chain) {
    for (const part of [...lines.values(), ...dots.values()]) part.classList.remove("bold");
    chain.forEach(({ layer, neuron }, at) => {
      dots.get(`${layer + 1} ${neuron}`).classList.add("bold");
      const before = chain[at + 1];
      if (before) bold(`${layer} ${before.neuron} ${neuron}`);
      else if (layer === 0) for (let from = 0; from < neurons[0]; from++) bold(`0 ${from} ${neuron}`);
    });
  }
  function bold(key) {
    const line = lines.get(key);
    line.classList.add("bold");
    root.insertBefore(line, dots.values().next().value);
  }
  return { root, update };
}
