/* The controls of the charts and the table. */

import { element } from "../browser/elements.js";

/** A label with its control below it. */
export function labelled(text, control, id) {
  control.id = id;
  return element("div", { className: "findings-field" }, element("label", { for: id, textContent: text }), control);
}

/** A button that does something when it is pressed. */
export function pressed(text, act) {
  const button = element("button", { type: "button", textContent: text });
  button.addEventListener("click", act);
  return button;
}

/** Give a select its options as [value, text] and choose one. */
export function fillSelect(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => element("option", { value, textContent: text })));
  select.value = chosen;
}
