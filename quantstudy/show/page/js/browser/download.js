const SVG_PROPERTIES = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "opacity",
  "font-size",
  "font-weight",
  "text-anchor",
];

/** A name that every file system takes. */
export function fileName(name) {
  return (
    name
      .replace(/[^\w.-]+/g, "_")
      .replace(/^[._]+/, "")
      .slice(0, 120) || "quantstudy"
  );
}

/** Save a Blob as a file; the address is given back once the browser has had time to read it. */
function saveBlob(name, blob) {
  const link = document.createElement("a");
  const address = URL.createObjectURL(blob);
  link.href = address;
  link.download = fileName(name);
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** Save a text as a file of a type such as "text/csv". */
export function saveText(name, type, text) {
  saveBlob(name, new Blob([text], { type: `${type};charset=utf-8` }));
}

/** Save a canvas as a PNG; resolves once the file is handed over. */
export function saveCanvas(name, canvas) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (!blob) return reject(new Error("this browser made no picture"));
      saveBlob(name, blob);
      resolve();
    }, "image/png");
  });
}

/** An SVG in the page as the text of a file of its own: variables become colours, the paper gets its colour. */
export function svgText(svg) {
  const copy = svg.cloneNode(true);
  const [from, into] = [
    [svg, ...svg.querySelectorAll("*")],
    [copy, ...copy.querySelectorAll("*")],
  ];
  from.forEach((node, at) => {
    const style = getComputedStyle(node);
    for (const name of SVG_PROPERTIES) {
      if (node.hasAttribute(name)) into[at].setAttribute(name, style.getPropertyValue(name));
    }
    into[at].removeAttribute("class");
  });
  const [, , width, height] = svg.getAttribute("viewBox").split(" ");
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const style = getComputedStyle(svg);
  paper.setAttribute("fill", style.getPropertyValue("--paper").trim() || "#ffffff");
  for (const [name, value] of Object.entries({ width, height })) {
    paper.setAttribute(name, value);
    copy.setAttribute(name, value);
  }
  copy.prepend(paper);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("font-family", style.fontFamily);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
}

/** Save an SVG in the page as a PNG of twice its size; resolves once the file is handed over. */
export function saveSvgAsPng(name, svg) {
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(svg))}`;
  return image.decode().then(() => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * width, 2 * height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return saveCanvas(name, canvas);
  });
}
