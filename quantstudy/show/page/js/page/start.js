/* The page begins: data, state, the live quantizer, what was found. */

import { findingsFields, showFindings } from "../findings/findings.js";
import { schemeSettings } from "../numbers/formats.js";
import { liveFields } from "../live/settings.js";
import { showLive } from "../live/live.js";
import { element, fill } from "../browser/elements.js";
import { createState } from "../browser/state.js";

/** Build everything that is alive on the page. */
export function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const own = liveFields(data);
  const fields = { ...own, ...(data.findings ? findingsFields(data.findings) : {}) };
  const state = createState(fields, window);
  const problems = document.getElementById("problems");
  const tell = () => problems.replaceChildren(...state.problems().map((one) => problemText(one, data.texts)));
  state.subscribe(tell);
  if (data.live !== null) showLive(document.getElementById("live"), data, state, own);
  if (data.findings)
    showFindings(document.getElementById("explore-root"), data.findings, state, (chosen) =>
      open(chosen, data.live, state, own),
    );
  for (const link of document.querySelectorAll('a[href^="#"]')) followInPlace(link, state);
  tell();
  const chosen = (some) => Object.keys(some).some((name) => state.get(name) !== fields[name].default);
  if (location.hash.includes("=")) goTo(chosen(own) || !chosen(fields) ? "touch" : "explore"); // a link to a finding
}

function goTo(id) {
  document.getElementById(id).scrollIntoView();
}

/** A link within the page leaves what was chosen in the address; one to a chart shows that chart, too. */
function followInPlace(link, state) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const { view } = link.dataset;
    if (view) state.set({ view });
    const id = link.hash.slice(1);
    goTo(id);
    const target = document.getElementById(view ? "findings-view" : id);
    if (!view) target.tabIndex = -1;
    target.focus({ preventScroll: true });
  });
}

function problemText({ name, text, allowed, unknown }, texts) {
  const said = fill(unknown ? texts.unknown_field : texts.bad_field, { name, text, allowed });
  return element("p", { textContent: said });
}

/** Show a network of the study in the live quantizer, quantized as the study does; false where it is not there. */
function open({ activation, seed, scheme, recipe }, live, state, own) {
  const wanted = schemeSettings(scheme);
  if (live === null || wanted === null || !live.seeds.includes(seed)) return false;
  const there = Object.hasOwn(live.networks, activation);
  const repair = live.repaired[activation];
  if (!there || (recipe && (repair?.scheme !== scheme || repair.recipe !== recipe))) return false;
  const rest = Object.fromEntries(["inputs", "placement", "observer", "cap"].map((name) => [name, own[name].default]));
  state.set({ ...rest, ...wanted, activation, seed: String(seed), repaired: recipe ? "yes" : "no" });
  goTo("touch");
  document.getElementById("control-activation").focus({ preventScroll: true });
  return true;
}
