/* Play: from 16 bits down to 2, one bit at a time. */

import { element } from "../browser/elements.js";
import { mostBits, oneBitLess } from "./settings.js";

const EVERY = 900; // milliseconds: long enough to see what changed

/** A button that plays: {root}. */
export function createPlayer(state, texts) {
  const button = element("button", { type: "button", textContent: texts.play });
  let timer = 0;

  function stop() {
    clearInterval(timer);
    timer = 0;
    button.textContent = texts.play;
  }
  function step() {
    const changes = oneBitLess(state);
    if (changes === null) stop();
    else state.set({ ...changes, repaired: "no" });
  }
  button.addEventListener("click", () => {
    if (timer) {
      stop();
      return;
    }
    state.set({ ...mostBits(state), repaired: "no" });
    button.textContent = texts.stop;
    timer = setInterval(step, EVERY);
  });
  return { root: element("div", { className: "control" }, button) };
}
