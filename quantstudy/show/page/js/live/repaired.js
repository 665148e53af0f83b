/* Repaired networks: there are those of one scheme, and settings that fit them. */

import { schemeSettings } from "../numbers/formats.js";

/** The scheme and the recipe that an activation's networks are repaired by: {scheme, recipe}, or null. */
export function repairOf(live, activation) {
  const found = live.repaired[activation];
  return found ? { scheme: found.scheme, recipe: found.recipe } : null;
}

/** Whether a choice's settings are those that its repaired networks were made for. */
export function isRepairedScheme(live, choice) {
  const repair = repairOf(live, choice.activation);
  if (repair === null) return false;
  const { weights, activations } = schemeSettings(repair.scheme);
  const { settings } = choice;
  const alike = settings.weights === weights && settings.activations === activations;
  return alike && settings.placement === "post" && settings.inputBits === 0 && choice.cap === "own";
}
