/* What becomes of one activation's network: decisions, statistics, folds, ranges, one neuron large. */

import { element, fill } from "../browser/elements.js";
import { createFolds } from "./folds.js";
import { createHistograms } from "./histograms.js";
import { createNeuron } from "./neuron.js";
import { createPictures } from "./pictures.js";
import { statisticRows, toldSentence } from "./told.js";

/** A panel for a slot: {root, update(choice), repaint()}. context: {data, state, calculator, theme: () => theme}. */
export function createPanel(slot, context) {
  const { texts } = context.data;
  const heading = element("h3", {});
  const told = element("p", { className: "told", role: "status" });
  const statistics = element("tbody");
  const caption = element("caption", { textContent: texts.statistics });
  const table = element("table", { className: "statistics" }, caption, statistics);
  const pictures = createPictures(context);
  const neuron = createNeuron(context);
  const folds = createFolds(context, (layer, at) => shown && neuron.show(shown, layer, at));
  const histograms = createHistograms(context);
  const body = element("div", { className: "body" }, pictures.root, table, folds.root, neuron.root, histograms.root);
  const root = element("section", { className: "panel" }, heading, told, body);
  let shown = null;
  let choice = null;
  let timer = 0;

  /** Compute and draw under a choice: {activation, index, seed, settings, cap, repaired, scheme}. */
  function update(next) {
    choice = next;
    heading.textContent = next.activation;
    root.setAttribute("aria-label", next.activation);
    shown = context.calculator.quantized(slot, next);
    body.hidden = shown === null;
    if (shown === null) {
      told.textContent = fill(texts.not_offered, { observer: context.data.texts.observers[next.settings.observer] });
      return;
    }
    repaint();
    clearTimeout(timer); // the held-out points a moment later: whoever drags sees the maps follow at once
    timer = setTimeout(() => tell(context.calculator.heldoutDrift(shown)), 0);
  }

  function tell(heldout) {
    told.textContent = toldSentence(context.data, choice, shown, heldout);
    const rows = statisticRows(context.data, shown, heldout);
    statistics.replaceChildren(
      ...rows.map(([label, value]) =>
        element("tr", {}, element("th", { scope: "row", textContent: label }), element("td", { textContent: value })),
      ),
    );
  }

  function repaint() {
    if (shown === null) return;
    pictures.update(shown, choice);
    folds.update(shown);
    histograms.update(shown, choice);
  }
  return { root, update, repaint };
}
