/* Arrays from base64 of little-endian bytes. */

/** The bytes of a base64 text, Uint8Array. */
export function bytes(b64) {
  const text = atob(b64);
  const found = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) found[i] = text.charCodeAt(i);
  return found;
}

/** Float32Array of a base64 text. */
export function floats(b64) {
  return new Float32Array(bytes(b64).buffer);
}

/** Int32Array of a base64 text. */
export function ints(b64) {
  return new Int32Array(bytes(b64).buffer);
}

/** Codes of one or two bytes each, Int8Array or Int16Array [count]. */
export function codesOf(b64, count) {
  const { buffer, length } = bytes(b64);
  return length === count ? new Int8Array(buffer) : new Int16Array(buffer);
}

/** Bits as numpy.packbits(bitorder="little") packs them, Uint8Array [count] of 0 and 1, from bit `start` on. */
export function bits(b64, count, start = 0) {
  const packed = bytes(b64);
  return Uint8Array.from({ length: count }, (_, i) => (packed[(start + i) >> 3] >> ((start + i) & 7)) & 1);
}
