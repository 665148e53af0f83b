/* What a reader is told of a quantized network, in numbers and in a sentence; the words come with the data. */

import { fill, shown } from "../browser/elements.js";

const percent = (share, digits = 1) => (Number.isNaN(share) ? shown(NaN) : `${shown(100 * share, digits)} %`);

const DIGITS = 12; // to which Python rounds a loss before it is held against what is allowed

/** The sentence above the maps. choice: {activation, seed, scheme, repaired, how}; heldout: drift at the held-out
 * points. */
export function toldSentence({ texts, study, live }, choice, { drift }, heldout) {
  const { classes } = live;
  const [before, after] = (classes ? ["accuracyFloat", "accuracyQuantized"] : ["psnrFloat", "psnrQuantized"]).map(
    (name) => heldout[name],
  );
  const lost = before - after;
  const of = { ...choice, repaired: choice.repaired ? texts.told_repaired : "" };
  if (Number.isNaN(lost)) return fill(texts.told_undefined, of);
  const [show, scale] = classes ? [percent, 100] : [shown, 1];
  return fill(texts.told, {
    ...of,
    rate: percent(drift.flipRate),
    float: show(before),
    quantized: show(after),
    loses: lost < 0 ? texts.told_gains : texts.told_loses,
    drop: shown(scale * Math.abs(lost)),
    allowed: shown(scale * study.allowed),
    verdict: Number(lost.toFixed(DIGITS)) <= study.allowed ? texts.told_within : texts.told_beyond,
  });
}

/** The rows of the table of statistics: [label, value]. */
export function statisticRows({ texts, live }, { drift, islands }, heldout) {
  const labels = texts.statistics_rows;
  const fromTo = (before, after, show) => `${show(before)} → ${show(after)}`;
  if (!live.classes) {
    return [
      [labels.psnr, fromTo(drift.psnrFloat, drift.psnrQuantized, shown)],
      [labels.heldout_psnr, fromTo(heldout.psnrFloat, heldout.psnrQuantized, shown)],
      [labels.sqnr, shown(drift.sqnrDb)],
    ];
  }
  const whole = !Number.isNaN(drift.flips);
  const rows = [
    [labels.flips, percent(drift.flipRate, 2) + (whole ? ` (${drift.flips.toLocaleString("en")})` : "")],
    [labels.sides, `${percent(drift.seaToIsland, 2)}, ${percent(drift.islandToSea, 2)}`],
    [labels.accuracy, fromTo(drift.accuracyFloat, drift.accuracyQuantized, percent)],
    [labels.heldout, fromTo(heldout.accuracyFloat, heldout.accuracyQuantized, percent)],
    [labels.sqnr, shown(drift.sqnrDb)],
  ];
  if (islands)
    rows.push([
      labels.islands,
      ["lost", "born", "merged", "split"].map((key) => (whole ? islands[key] : shown(NaN))).join(" / "),
    ]);
  return rows;
}
