/* Maps as pixels. A map's first row is the lowest y; on the screen y points upwards. */

const images = new WeakMap(); // a canvas' image is made once: dozens of them are painted over while someone drags

/** Paint a map of rows × columns: colour(p) gives the pixel of point p. The canvas takes the map's size. */
export function paint(canvas, rows, columns, colour) {
  const { context, image, pixels } = imageOf(canvas, rows, columns);
  for (let row = 0; row < rows; row++) {
    const to = (rows - 1 - row) * columns;
    for (let column = 0; column < columns; column++) pixels[to + column] = colour(row * columns + column);
  }
  context.putImageData(image, 0, 0);
}

function imageOf(canvas, rows, columns) {
  const before = images.get(canvas);
  if (before?.image.width === columns && before.image.height === rows) return before;
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const made = { context, image, pixels: new Int32Array(image.data.buffer) };
  images.set(canvas, made);
  return made;
}

/** Islands and sea of a logit map; where a logit is not finite nothing is decided. */
export function decisionColour(logit, theme) {
  return (p) => (!Number.isFinite(logit[p]) ? theme.missing : logit[p] > 0 ? theme.island : theme.sea);
}

/** What has changed, over the quantized decision in faint colours. changed: 0 same, 1 became island, 2 became sea. */
export function flipColour(logit, changed, theme) {
  const moved = [0, theme.becameIsland, theme.becameSea];
  const same = decisionColour(logit, { ...theme, island: theme.faintIsland, sea: theme.faintSea });
  return (p) => (changed[p] > 0 && Number.isFinite(logit[p]) ? moved[changed[p]] : same(p));
}

/** A map's values between two ends on a colour map of 256 pixels; `from`: where the map begins in `values`. */
export function valueColour(values, from, low, high, colours, missing) {
  const steps = high > low ? 255.99 / (high - low) : 0;
  return (p) => {
    const place = (values[from + p] - low) * steps;
    return place >= 0 ? colours[place < 255 ? place | 0 : 255] : place < 0 ? colours[0] : missing;
  };
}

/** The difference y − x of two maps between −most and most. */
export function differenceColour(x, y, from, most, colours, missing) {
  const steps = most > 0 ? 127.99 / most : 0;
  return (p) => {
    const place = 128 + (y[from + p] - x[from + p]) * steps;
    return place >= 0 ? colours[place < 255 ? place | 0 : 255] : place < 0 ? colours[0] : missing;
  };
}

/** A picture of one number (grey) or three (red, green, blue) per point, its ends black and white. */
export function pictureColour(values, points, outputs, low, high) {
  const steps = 255 / (high - low || 1);
  const level = (row, p) => Math.min(255, Math.max(0, Math.round((values[row * points + p] - low) * steps)));
  return (p) => {
    const [r, g, b] = outputs >= 3 ? [level(0, p), level(1, p), level(2, p)] : Array(3).fill(level(0, p));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  };
}
