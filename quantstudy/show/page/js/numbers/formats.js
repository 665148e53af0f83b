/* Number formats by the names that schemes give them: "2" to "16" (integers), "f8", "f8e5m2"; and schemes by theirs. */

import { E4M3, E5M2 } from "./float8.js";

/** Bits of activations whose ranges are chosen anew at every point. */
export const DYNAMIC_BITS = 8;

/** The setting of such activations. */
export const DYNAMIC = "8dyn";

/** {bits, low, high, float8} of a format, codes from low to high, float8 null for integers; null of "float". */
export function formatOf(name) {
  if (name === "f8") return { bits: 8, low: -E4M3.high, high: E4M3.high, float8: E4M3 };
  if (name === "f8e5m2") return { bits: 8, low: -E5M2.high, high: E5M2.high, float8: E5M2 };
  return /^([2-9]|1[0-6])$/.test(name) ? integers(Number(name)) : null;
}

/** The signed integers of so many bits, 2 to 16, as `formatOf` has them. */
export function integers(bits) {
  return { bits, low: -(2 ** (bits - 1)), high: 2 ** (bits - 1) - 1, float8: null };
}

const NUMBER = "f8e5m2|f8|[2-9]|1[0-6]";
const SCHEME = new RegExp(`^(?:w(${NUMBER}))?(?:a(${NUMBER})(dyn)?)?$`);

/** {weights, activations} of a scheme's name, "w4a8dyn", say: names of formats, "float" or (activations) "8dyn". null
 * where there is no such scheme, or where it quantizes the last layer in another way. */
export function schemeSettings(scheme) {
  const found = SCHEME.exec(scheme);
  if (found === null || scheme === "") return null;
  const [, weights = "float", activations = "float", dynamic] = found;
  if (dynamic && activations !== String(DYNAMIC_BITS)) return null;
  return { weights, activations: dynamic ? DYNAMIC : activations };
}
