/* Where the script of a page begins that `quantstudy show` serves: it follows the run, too. */

import { start } from "../page/start.js";
import { tellProgress } from "./progress.js";
import { focusAgain, watchRun } from "./reload.js";

const EVERY_SO_OFTEN = 2000; // milliseconds

start();
focusAgain();
watchRun(EVERY_SO_OFTEN, tellProgress);
