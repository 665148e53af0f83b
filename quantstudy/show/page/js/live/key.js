/* Which colour means what. */

import { drawn, element } from "../browser/elements.js";

/** A key of colours: [[custom property, text], …]. */
export function colourKey(entries) {
  const items = entries.map(([name, text]) => {
    const patch = drawn("svg", { width: 14, height: 14, "aria-hidden": "true" });
    patch.append(drawn("rect", { width: 14, height: 14, fill: `var(--${name})`, stroke: "var(--control)" }));
    return element("li", {}, patch, ` ${text}`);
  });
  return element("ul", { className: "key" }, ...items);
}
