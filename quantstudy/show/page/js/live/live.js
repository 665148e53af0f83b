/* The live quantizer: controls above, a panel for each of one or two activations below. */

import { schemeSettings } from "../numbers/formats.js";
import { readTheme } from "../browser/theme.js";
import { element, fill } from "../browser/elements.js";
import { createCalculator } from "./compute.js";
import { createControls } from "./controls.js";
import { createPanel } from "./panel.js";
import { createPlayer } from "./play.js";
import { isRepairedScheme, repairOf } from "./repaired.js";
import { otherwise, planSettings, schemeOf } from "./settings.js";

/** Build the live quantizer into `root` and keep it in step with the state. */
export function showLive(root, data, state, fields) {
  const { live, texts } = data;
  const calculator = createCalculator(live);
  let theme = readTheme(data.colours);
  const context = { data, state, fields, calculator, theme: () => theme };
  const choiceOf = (activation) => choose(data, state, fields, activation);
  const controls = createControls(context, createPlayer(state, texts), {
    offered: (observer) => calculator.isOffered({ ...planSettings(state, data.study), observer }),
    repair: () => repairChoice(data, choiceOf(state.get("activation"))),
  });
  const panels = ["one", "other"].map((slot) => createPanel(slot, context));
  const side = element("div", { className: "panels" }, ...panels.map((panel) => panel.root));
  root.append(controls.root, side);

  let waiting = false;
  function redraw() {
    waiting = false;
    const names = [state.get("activation"), state.get("beside")];
    const two = names[1] !== "none" && names[1] !== names[0];
    panels[1].root.hidden = !two;
    side.classList.toggle("two", two);
    panels[0].update(choiceOf(names[0]));
    if (two) panels[1].update(choiceOf(names[1]));
    controls.sync();
  }
  state.subscribe((changed) => {
    if (waiting || ![...changed].some((name) => Object.hasOwn(fields, name))) return;
    waiting = true;
    requestAnimationFrame(redraw);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    theme = readTheme(data.colours);
    panels.forEach((panel) => panel.repaint());
  });
  redraw();
}

/** What is chosen for an activation: its network and its settings. */
function choose({ live, study, texts }, state, fields, activation) {
  const seed = Number(state.get("seed"));
  const choice = {
    activation,
    seed,
    index: live.seeds.indexOf(seed),
    cap: state.get("cap"),
    settings: planSettings(state, study),
    scheme: schemeOf(state),
  };
  const repaired = state.get("repaired") === "yes" && isRepairedScheme(live, choice);
  return { ...choice, repaired, how: otherwise(state, fields, texts, repaired) };
}

function repairChoice({ live, texts }, choice) {
  const repair = repairOf(live, choice.activation);
  if (repair === null) return { there: false, active: false, text: fill(texts.repair_none, choice), settings: {} };
  const { weights, activations } = schemeSettings(repair.scheme);
  const settings = { weights, activations, placement: "post", inputs: "none", cap: "own" };
  return { there: true, active: choice.repaired, text: fill(texts.repair, repair), settings };
}
