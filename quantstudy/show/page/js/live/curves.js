/* Networks of one input: what they give, and every fold, as curves over a line. */

import { extremes } from "../numbers/quantizer.js";
import { drawn, element } from "../browser/elements.js";

const [CURVE_WIDTH, CURVE_HEIGHT] = [600, 220];

/** A polyline's points: values over a box of width × height, the lowest value at the bottom. */
export function polyline(values, low, high, width, height) {
  const across = width / Math.max(values.length - 1, 1);
  const up = high > low ? height / (high - low) : 0;
  const at = (value) => (Number.isFinite(value) ? height - (value - low) * up : height / 2);
  return Array.from(values, (value, i) => `${(i * across).toFixed(1)},${at(value).toFixed(1)}`).join(" ");
}

/** Draw what is asked for, what the float network gives and what the quantized one does, one drawing per output. */
export function drawCurves(root, { float, maps }, live, texts) {
  const points = maps.logit.length / live.outputs;
  const drawings = Array.from({ length: live.outputs }, (_, row) => {
    const part = (values) => values.subarray(row * points, (row + 1) * points);
    const lines = [part(float.labels), part(float.maps.logit), part(maps.logit)];
    const [low, high] = lines.map(extremes).reduce(([a, b], [c, d]) => [Math.min(a, c), Math.max(b, d)]);
    const box = {
      viewBox: `0 -4 ${CURVE_WIDTH} ${CURVE_HEIGHT + 8}`,
      role: "img",
      "aria-label": texts.curves,
      class: "curve",
    };
    const styles = ["var(--seed-dot)", "var(--ink)", "var(--levels)"];
    return drawn(
      "svg",
      box,
      ...lines.map((values, i) => line(polyline(values, low, high, CURVE_WIDTH, CURVE_HEIGHT), styles[i], i)),
    );
  });
  const key = element("p", { className: "muted", textContent: texts.curves_key });
  root.replaceChildren(...drawings, key);
}

function line(points, stroke, place) {
  const dashes = ["", "", "7 3"][place];
  const attributes = { points, fill: "none", stroke, "stroke-width": [5, 2, 2][place], "stroke-linejoin": "round" };
  return drawn("polyline", dashes ? { ...attributes, "stroke-dasharray": dashes } : attributes);
}

function bothExtremes(x, y) {
  const [[a, b], [c, d]] = [extremes(x), extremes(y)];
  return [Math.min(a, c), Math.max(b, d)];
}

/** Draw a fold over a line on a small canvas: float, quantized, or their difference. */
export function drawCurve(canvas, x, y, view) {
  [canvas.width, canvas.height] = [128, 96];
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const values = view === "difference" ? y.map((value, p) => value - x[p]) : view === "float" ? x : y;
  const [low, high] = view === "difference" ? extremes(values) : bothExtremes(x, y);
  context.strokeStyle = style.getPropertyValue(view === "float" ? "--ink" : "--levels");
  context.lineWidth = 2;
  context.beginPath();
  const up = high > low ? 84 / (high - low) : 0;
  values.forEach((value, p) => context.lineTo((p * 124) / values.length + 2, 90 - (value - low) * up));
  context.stroke();
}
