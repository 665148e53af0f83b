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
    showFindings(document.getElementById("explore-root"), data.findings, state, (chosen) => open(chosen, data, state));
  tell();
  if (location.hash.includes("=")) document.getElementById("touch").scrollIntoView(); // a link to a finding
}

function problemText({ name, text, allowed, unknown }, texts) {
  const said = fill(unknown ? texts.unknown_field : texts.bad_field, { name, text, allowed });
  return element("p", { textContent: said });
}

/** Show one seed of an activation at a scheme in the live quantizer above. */
function open({ activation, seed, scheme }, { live }, state) {
  if (live === null || !Object.hasOwn(live.networks, activation) || !live.seeds.includes(seed)) return false;
  const { weights, activations } = schemeSettings(scheme);
  state.set({ activation, seed: String(seed), weights, activations, repaired: "no" });
  document.getElementById("touch").scrollIntoView();
  document.getElementById("control-activation").focus({ preventScroll: true });
  return true;
}
