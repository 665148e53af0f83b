/* Where the script of a page begins that `quantstudy show` serves: it follows the run, too. */

import { start } from "../page/start.js";
import { watchRun } from "./reload.js";

const EVERY_SO_OFTEN = 2000; // milliseconds

start();
watchRun(EVERY_SO_OFTEN, tellProgress);

/** Show what the server says of the run: the sentence, and how far its stages are. */
function tellProgress({ sentence, progress }) {
  document.getElementById("served").textContent = sentence;
  document.querySelectorAll(".stages progress").forEach((bar, i) => {
    if (progress[i] === undefined) return;
    bar.value = progress[i].done;
    bar.parentElement.querySelector("span").textContent = `${progress[i].done} of ${progress[i].total}`;
  });
}
