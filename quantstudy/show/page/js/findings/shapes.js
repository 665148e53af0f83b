const SVG_SPACE = "http://www.w3.org/2000/svg";

/** Size of text in a chart and of its small print, in pixels. */
export const CHART_TEXT = 13;
/** The size of lesser text. */
export const CHART_SMALL = 12;

/** A shape of a chart as plain data: [tag, attributes, text]. */
export function shapeOf(tag, attributes, text = "") {
  return [tag, attributes, text];
}

/** A text at a place; `more` are further attributes. */
export function textShape(x, y, text, more = {}) {
  return shapeOf("text", { x, y, fill: "var(--ink)", "font-size": CHART_TEXT, ...more }, text);
}

/** A straight line. */
export function lineShape(x1, y1, x2, y2, more = {}) {
  return shapeOf("line", { x1, y1, x2, y2, stroke: "var(--rule)", "stroke-width": 1, ...more });
}

/** A filled box. */
export function boxShape(x, y, width, height, fill, more = {}) {
  return shapeOf("rect", { x, y, width: Math.max(0, width), height: Math.max(0, height), fill, ...more });
}

/** A diamond around a place, as the mean of a row has. */
export function diamondShape(x, y, size, fill, more = {}) {
  const points = `${x},${y - size} ${x + size},${y} ${x},${y + size} ${x - size},${y}`;
  return shapeOf("polygon", { points, fill, stroke: "var(--paper)", "stroke-width": 1, ...more });
}

/** The shortened text that fits into `width` pixels, with an ellipsis where something is cut. */
export function fitText(text, width, measure, bold = false) {
  if (measure(text, CHART_TEXT, bold) <= width) return text;
  let kept = text;
  while (kept.length > 1 && measure(`${kept}…`, CHART_TEXT, bold) > width) kept = kept.slice(0, -1);
  return `${kept.trimEnd()}…`;
}

/** The lines of a text that is no wider than `width` pixels. */
export function wrapText(text, width, measure, size = CHART_TEXT, bold = false) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && measure(longer, size, bold) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** A legend that flows over lines: its shapes and how high it is. `items` are {swatch(x, y) → shapes or null, text}. */
export function legendShapes(items, width, top, measure) {
  const shapes = [];
  let [x, y] = [0, top];
  for (const { swatch, text } of items) {
    const indent = swatch ? 26 : 0;
    const wide = indent + measure(text, CHART_SMALL) + 16;
    if (x > 0 && x + wide - 16 > width) [x, y] = [0, y + 20];
    if (swatch) shapes.push(...swatch(x + 10, y + 9));
    wrapText(text, width - indent, measure, CHART_SMALL).forEach((line, at) => {
      if (at) y += 16;
      shapes.push(textShape(x + indent, y + 13, line, { "font-size": CHART_SMALL, fill: "var(--muted)" }));
    });
    x += wide;
  }
  return { shapes, bottom: items.length ? y + 24 : top };
}

/** Put shapes into an SVG element or group. */
export function drawShapes(parent, shapes) {
  for (const [tag, attributes, text] of shapes) {
    const node = document.createElementNS(SVG_SPACE, tag);
    for (const [name, value] of Object.entries(attributes)) {
      node.setAttribute(name, typeof value === "number" ? String(Math.round(value * 100) / 100) : value);
    }
    if (text) node.textContent = text;
    parent.append(node);
  }
}

/** An empty element of the SVG namespace. */
export function svgNode(tag) {
  return document.createElementNS(SVG_SPACE, tag);
}

/** A function (text, size, bold) → width in pixels, in the font of an element. */
export function textMeasure(element) {
  const context = document.createElement("canvas").getContext("2d");
  const family = getComputedStyle(element).fontFamily;
  const known = new Map();
  return (text, size, bold = false) => {
    const key = `${size}${bold}${text}`;
    if (!known.has(key)) {
      context.font = `${bold ? "bold " : ""}${size}px ${family}`;
      known.set(key, context.measureText(text).width);
    }
    return known.get(key);
  };
}
