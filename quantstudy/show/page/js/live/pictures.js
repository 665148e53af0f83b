/* What the network decides: in float, quantized, and where the two differ; on a plane as maps, on a line as curves. */

import { extremes } from "../numbers/quantizer.js";
import { saveCanvas } from "../browser/download.js";
import { element, fill } from "../browser/elements.js";
import { drawCurves } from "./curves.js";
import { colourKey } from "./key.js";
import { decisionColour, differenceColour, flipColour, paint, pictureColour } from "./paint.js";

const SHOWN = ["float", "quantized", "changed"];
const SAVED = 4; // screen pixels for each of the map's in a saved picture

/** The maps of decisions: {root, update(result, choice)}. */
export function createPictures({ data, theme }) {
  const { live, texts } = data;
  const curve = live.plane === null;
  const canvases = SHOWN.map((name) =>
    element("canvas", { role: "img", className: "map", "aria-label": texts.maps[name] }),
  );
  const figures = SHOWN.map((name, i) =>
    element("figure", {}, canvases[i], element("figcaption", { textContent: texts.maps[name] })),
  );
  const curves = element("div", { className: "curves" });
  const save = element("button", { type: "button", className: "quiet", textContent: texts.save });
  const key = live.classes && !curve ? colourKey(texts.key_classes) : "";
  const maps = element("div", { className: "decisions" }, ...figures);
  const root = element("div", { className: "pictures" }, curve ? curves : maps, key, curve ? "" : save);
  let last = null;

  save.addEventListener("click", () => saveMaps(canvases, last, texts));

  function update(result, choice) {
    last = choice;
    if (curve) drawCurves(curves, result, live, texts);
    else paintMaps(canvases, result, live, theme());
    const name = `${choice.activation}, ${choice.scheme}`;
    SHOWN.forEach((kind, i) => canvases[i].setAttribute("aria-label", `${texts.maps[kind]}: ${name}`));
  }
  return { root, update };
}

function paintMaps([one, two, three], { float, maps, drift }, live, theme) {
  const [rows, columns] = live.plane;
  const [x, y] = [float.maps.logit, maps.logit];
  if (live.classes) {
    paint(one, rows, columns, decisionColour(x, theme));
    paint(two, rows, columns, decisionColour(y, theme));
    paint(three, rows, columns, flipColour(y, drift.changed, theme));
    return;
  }
  const points = rows * columns;
  const [low, high] = live.ends ?? extremes(float.labels);
  paint(one, rows, columns, pictureColour(x, points, live.outputs, low, high));
  paint(two, rows, columns, pictureColour(y, points, live.outputs, low, high));
  const worst = worstOf(x, y, points, live.outputs);
  const nothing = new Float32Array(points);
  paint(three, rows, columns, differenceColour(nothing, worst, 0, (high - low) / 4, theme.diverging, theme.missing));
}

/** Per point the largest difference of any output, with its sign. */
function worstOf(x, y, points, outputs) {
  const worst = new Float32Array(points);
  for (let row = 0; row < outputs; row++) {
    for (let p = 0; p < points; p++) {
      const d = y[row * points + p] - x[row * points + p];
      if (Math.abs(d) > Math.abs(worst[p])) worst[p] = d;
    }
  }
  return worst;
}

function saveMaps(canvases, choice, texts) {
  const [width, height] = [canvases[0].width * SAVED, canvases[0].height * SAVED];
  const [gap, line] = [16, 40];
  const whole = element("canvas", { width: 3 * width + 4 * gap, height: height + 2 * line + gap });
  const context = whole.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, whole.width, whole.height);
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#1a1a1a";
  context.font = "24px system-ui, sans-serif";
  context.fillText(fill(texts.saved, choice), gap, 28);
  SHOWN.forEach((name, i) => {
    const left = gap + i * (width + gap);
    context.fillText(texts.maps[name], left, line + 26);
    context.drawImage(canvases[i], left, 2 * line, width, height);
  });
  saveCanvas(`${choice.activation}-${choice.scheme}-seed${choice.seed}.png`, whole);
}
