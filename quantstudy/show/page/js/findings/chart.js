import { layCells, overCells } from "../findings/cellsChart.js";
import { element } from "../browser/elements.js";
import { layLines, overLines } from "../findings/linesChart.js";
import { layRows, overRows } from "../findings/rowsChart.js";
import { nearestMark, nextMark } from "../findings/scales.js";
import { drawShapes, svgNode, textMeasure, textShape, wrapText } from "../findings/shapes.js";

/** Per kind of chart what lays it out, and what is drawn over a mark that is read. */
const CHART_KINDS = {
  rows: { lay: layRows, over: overRows },
  cells: { lay: layCells, over: overCells },
  lines: { lay: layLines, over: overLines },
};

const CHART_KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];
const CHART_HINT = "Point at a mark, or focus the chart and use the arrow keys, to read its numbers.";

/**
 * A chart that redraws itself to the width of its place, reads out its marks and opens those of seeds.
 * Returns {node, readout, show(block), exported()}; `opened(mark, block)` is called for the dot of a seed.
 */
export function makeChart(table, opened) {
  const svg = svgNode("svg");
  svg.setAttribute("aria-hidden", "true");
  const node = element("div", { className: "findings-chart", tabIndex: 0, role: "application" }, svg);
  const readout = element("p", { className: "findings-readout", role: "status" });
  const chart = { block: null, layout: null, mark: null, width: 0, over: null };
  const read = (mark) => {
    chart.mark = mark;
    readout.textContent = mark ? mark.text : CHART_HINT;
    node.classList.toggle("opens", Boolean(mark && mark.seed !== null));
    chart.over.replaceChildren();
    if (mark) drawShapes(chart.over, CHART_KINDS[chart.block.kind].over(chart.block, table, mark, chart.layout));
  };
  const redraw = () => {
    if (!chart.block || !node.clientWidth) return;
    chart.width = node.clientWidth;
    chart.layout = CHART_KINDS[chart.block.kind].lay(chart.block, table, Math.max(280, chart.width), textMeasure(node));
    chart.over = svgNode("g");
    drawInto(svg, chart.layout);
    svg.append(chart.over);
    read(null);
  };
  listen(node, svg, chart, read, opened);
  const resized = () => node.clientWidth !== chart.width && redraw();
  new ResizeObserver(() => requestAnimationFrame(resized)).observe(node);
  const show = (block) => {
    chart.block = block;
    node.setAttribute("aria-label", `Chart: ${block.heading}. Arrow keys read its marks one by one.`);
    redraw();
  };
  return { node, readout, show, exported: (name) => withExport(node, chart.block, table, name) };
}

function drawInto(svg, layout) {
  svg.setAttribute("viewBox", `0 0 ${layout.width} ${Math.ceil(layout.height)}`);
  svg.replaceChildren();
  drawShapes(svg, layout.shapes);
}

function listen(node, svg, chart, read, opened) {
  const at = (event) => {
    const frame = svg.getBoundingClientRect();
    const scale = chart.layout.width / frame.width;
    const [x, y] = [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale];
    return nearestMark(chart.layout.marks, x, y, chart.layout.reach);
  };
  node.addEventListener("pointermove", (event) => {
    const mark = chart.layout && at(event);
    if (mark && mark !== chart.mark) read(mark);
  });
  node.addEventListener("click", (event) => {
    const mark = chart.layout && at(event);
    if (!mark) return;
    const again = mark === chart.mark; // a mouse has read it on its way, a finger reads it by the first tap
    read(mark);
    if (again && mark.seed !== null) opened(mark, chart.block);
  });
  node.addEventListener("keydown", (event) => {
    if (!chart.layout || event.ctrlKey || event.altKey || event.metaKey) return;
    if (CHART_KEYS.includes(event.key)) read(nextMark(chart.layout.marks, chart.mark, event.key));
    else if (event.key === "Enter" && chart.mark && chart.mark.seed !== null) opened(chart.mark, chart.block);
    else return;
    event.preventDefault();
  });
}

/** Call `use(svg)` with the chart at a width of its own under its heading, while it stands in the page unseen. */
function withExport(node, block, table, use) {
  const [width, measure, svg] = [960, textMeasure(node), svgNode("svg")];
  const layout = CHART_KINDS[block.kind].lay(block, table, width, measure);
  const lines = wrapText(block.heading, width, measure, 17, true);
  const [pad, top] = [20, 24 * lines.length + 16];
  const inner = svgNode("g");
  inner.setAttribute("transform", `translate(${pad} ${pad})`);
  const bold = { "font-size": 17, "font-weight": "bold" };
  drawShapes(
    inner,
    lines.map((line, at) => textShape(0, 17 + 24 * at, line, bold)),
  );
  const body = svgNode("g");
  body.setAttribute("transform", `translate(0 ${top})`);
  drawShapes(body, layout.shapes);
  inner.append(body);
  svg.append(inner);
  svg.setAttribute("viewBox", `0 0 ${width + 2 * pad} ${Math.ceil(layout.height + top + 2 * pad)}`);
  const unseen = element("div", { className: "findings-unseen", "aria-hidden": "true" }, svg);
  node.parentElement.append(unseen);
  return Promise.resolve(use(svg)).finally(() => unseen.remove());
}
