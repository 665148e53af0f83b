/* The page's quantizers of ranges: node run_ranges.mjs JS-FOLDER RANGES.bin FORMAT …; printed: scales, zero points. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, file, ...formats] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(resolve(folder, "numbers", `${name}.js`)));
const { formatOf } = await load("formats");
const { rangeQuantizer } = await load("quantizer");

const ends = new Float32Array(Uint8Array.from(readFileSync(file)).buffer);
for (const format of formats) {
  const found = new Float32Array(ends.length);
  for (let i = 0; i < ends.length; i += 2) {
    const { scale, zero } = rangeQuantizer(ends[i], ends[i + 1], formatOf(format));
    found.set([scale[0], zero[0]], i);
  }
  console.log(Buffer.from(found.buffer).toString("base64"));
}
