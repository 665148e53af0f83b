/* The controls of the live quantizer; each is bound to a field of the address. */

import { element } from "../browser/elements.js";
import { ACTIVATIONS, WEIGHTS } from "./settings.js";

/** A labelled select of a field. named: value → text that is shown, itself where it is missing. */
function createSelect(state, fields, name, texts) {
  const named = texts.choices[name] ?? {};
  const options = fields[name].values.map((value) => element("option", { value, textContent: named[value] ?? value }));
  const select = element("select", { id: `control-${name}` }, ...options);
  select.addEventListener("change", () => state.set({ [name]: select.value }));
  const sync = () => {
    select.value = state.get(name);
  };
  const label = element("label", { for: select.id, textContent: texts.labels[name] });
  return { root: element("div", { className: "control" }, label, select), select, sync };
}

/** A labelled slider over the places of a list. */
function createSlider(state, name, values, texts) {
  const named = texts.choices.numbers;
  const text = (value) => named[value] ?? `${value} ${texts.bits}`;
  const slider = element("input", { type: "range", min: 0, max: values.length - 1, step: 1, id: `control-${name}` });
  const output = element("output", { for: slider.id });
  slider.addEventListener("input", () => state.set({ [name]: values[Number(slider.value)], repaired: "no" }));
  const sync = () => {
    slider.value = String(values.indexOf(state.get(name)));
    output.textContent = text(state.get(name));
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  const label = element("label", { for: slider.id }, `${texts.labels[name]} `, output);
  return { root: element("div", { className: "control slider" }, label, slider), sync };
}

const NAMES = ["activation", "seed", "beside", "inputs", "placement", "observer", "cap", "fold"];

/** All controls: {root, sync()}. offered(observer) says whether ranges can be chosen so, repair() what `createRepair`
 * asks for. */
export function createControls({ data, state, fields }, player, { offered, repair }) {
  const { texts } = data;
  const selects = Object.fromEntries(NAMES.map((name) => [name, createSelect(state, fields, name, texts)]));
  const { activation, seed, ...others } = selects;
  const sliders = [
    createSlider(state, "weights", WEIGHTS, texts),
    createSlider(state, "activations", ACTIVATIONS, texts),
  ];
  const repaired = createRepair(state, texts, repair);
  const roots = (some) => some.map(({ root }) => root);
  const first = element("div", { className: "first" }, ...roots([activation, seed, player, ...sliders]));
  const more = element("div", { className: "rest" }, ...roots([...Object.values(others), repaired]));
  const rest = element("details", { className: "more" }, element("summary", { textContent: texts.more }), more);
  const root = element("div", { className: "controls", role: "group", "aria-label": texts.controls }, first, rest);

  function sync() {
    for (const one of [...Object.values(selects), ...sliders]) one.sync();
    for (const option of selects.observer.select.options) option.disabled = !offered(option.value);
    repaired.sync();
  }
  return { root, sync };
}

/** The box «repaired»: checked it chooses the scheme that the repaired networks were made for. */
function createRepair(state, texts, repair) {
  const box = element("input", { type: "checkbox", id: "control-repaired" });
  const note = element("span");
  const label = element("label", { for: box.id }, box, " ", note);
  box.addEventListener("change", () =>
    state.set({ repaired: box.checked ? "yes" : "no", ...(box.checked ? repair().settings : {}) }),
  );
  const sync = () => {
    const { there, active, text } = repair();
    box.disabled = !there;
    box.checked = active;
    note.textContent = `${texts.labels.repaired} ${text}`;
  };
  return { root: element("div", { className: "control check" }, label), sync };
}
