/* Where the script of a page begins. */

import { start } from "./start.js";

start();
