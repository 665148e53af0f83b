/* The colours of the style sheet, as pixels take them. */

import { bytes } from "../numbers/decode.js";

/** A colour such as #F46D43 as the number that a little-endian ImageData holds for it. */
function pixelOf(text) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(text.trim().slice(at, at + 2), 16));
  return (255 << 24) | (b << 16) | (g << 8) | r;
}

/** Mix two pixels: `share` of the first, the rest of the second. */
function mixed(one, other, share) {
  let pixel = 255 << 24;
  for (const shift of [0, 8, 16]) {
    const [a, b] = [(one >> shift) & 255, (other >> shift) & 255];
    pixel |= Math.round(share * a + (1 - share) * b) << shift;
  }
  return pixel;
}

/** A colour map as 256 pixels; text: 256 × (red, green, blue) in base64. */
function colourMap(text) {
  const rgb = bytes(text);
  const found = new Int32Array(256);
  for (let i = 0; i < 256; i++) found[i] = (255 << 24) | (rgb[3 * i + 2] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i];
  return found;
}

/** The pixels of the custom properties that maps are painted with, and both colour maps. */
export function readTheme(colours) {
  const style = getComputedStyle(document.documentElement);
  const named = (name) => pixelOf(style.getPropertyValue(`--${name}`));
  const [island, sea] = [named("island"), named("sea")];
  return {
    island,
    sea,
    faintIsland: mixed(island, named("paper"), 0.25),
    faintSea: mixed(sea, named("paper"), 0.25),
    becameIsland: named("became-island"),
    becameSea: named("became-sea"),
    missing: named("missing"),
    sequential: colourMap(colours.sequential),
    diverging: colourMap(colours.diverging),
  };
}
