import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { RUN_GONE, focusAgain, sentVersion, watchRun } from "../../../quantstudy/show/page/js/served/reload.js";

/** Answers of the server, the next one first: a state, or an error that fetch ends with. */
let answers;
let loads;
let asked;
let timing;
/** What the reader holds, null for nothing; the element that has the focus; what the browser keeps of the page. */
let held;
let focus;
const seen = [];

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  [answers, loads, asked, timing] = [[], 0, [], undefined];
  seen.length = 0;
  [held, focus] = [null, { id: "" }];
  globalThis.document = {
    querySelector: (selector) => (selector === ":active" ? held : null),
    getElementById: (id) => (id === "" ? null : { focus: () => (focus = { id }) }),
    get activeElement() {
      return focus;
    },
  };
  globalThis.history = {
    state: null,
    replaceState(kept, _, address) {
      assert.equal(address, undefined);
      this.state = kept;
    },
  };
  globalThis.location = { reload: () => (loads += 1) };
  mock.method(performance, "getEntriesByType", () => (timing === undefined ? [] : [{ serverTiming: timing }]));
  globalThis.fetch = async (url, options) => {
    asked.push([url, options]);
    const next = answers.shift();
    if (next instanceof Error) throw next;
    return { json: async () => (next === "no JSON" ? JSON.parse(next) : next) };
  };
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
  for (const name of ["location", "document", "history"]) delete globalThis[name];
});

/** Let all that was promised happen. */
const settle = () => new Promise((done) => setImmediate(done));

async function watch(...states) {
  answers = states;
  watchRun(2000, (state) => seen.push(state));
  await settle();
  while (answers.length) {
    const before = asked.length;
    mock.timers.tick(2000);
    await settle();
    if (asked.length === before) return;
  }
}

const state = (version, done = 0) => ({ state: "running", version, sentence: "on its way", progress: [{ done }] });
const timed = (version) => [{ name: "other" }, { name: "page", description: version }];

test("it asks at once, then after each pause", async () => {
  await watch(state("a"), state("a", 1));
  assert.equal(asked.length, 2);
  mock.timers.tick(1999);
  await settle();
  assert.equal(asked.length, 2);
  assert.equal(asked[0][0], "/state");
  assert.equal(asked[0][1].cache, "no-store");
  assert.deepEqual(
    seen.map((each) => each.progress[0].done),
    [0, 1],
  );
  assert.equal(loads, 0);
});

test("it loads the page anew once the version is another one, and asks no more", async () => {
  await watch(state("a"), state("a"), state("b"), state("c"));
  assert.equal(loads, 1);
  assert.equal(asked.length, 3);
  assert.equal(seen.length, 2);
});

test("a change before the first question is noticed where the browser tells what was sent", async () => {
  timing = timed("a");
  assert.equal(sentVersion(), "a");
  await watch(state("b"));
  assert.equal(loads, 1);
});

test("the first answer counts where it does not", async () => {
  for (const without of [undefined, [], [{ name: "other", description: "x" }]]) {
    timing = without;
    assert.equal(sentVersion(), undefined);
  }
  await watch(state("b"), state("b"));
  assert.equal(loads, 0);
});

test("a server that is gone is told, asked again, and forgiven", async () => {
  await watch(state("a"), new TypeError("fetch failed"), "no JSON", state("a"));
  assert.deepEqual(
    seen.map((each) => each.state),
    ["running", "gone", "gone", "running"],
  );
  assert.equal(seen[1].sentence, RUN_GONE);
  assert.deepEqual(seen[1].progress, []);
  assert.equal(loads, 0);
});

test("after it was gone another version loads the page anew", async () => {
  await watch(state("a"), new TypeError("fetch failed"), state("b"));
  assert.equal(loads, 1);
});

test("what is unavailable for now is no new version", async () => {
  const unavailable = { state: "unavailable", sentence: "There is no run to show now.", progress: [] };
  await watch(unavailable, state("a"), unavailable, state("a"));
  assert.deepEqual(
    seen.map((each) => each.state),
    ["unavailable", "running", "unavailable", "running"],
  );
  assert.equal(loads, 0);
});

test("it waits until the reader lets go of what is held", async () => {
  held = { id: "control-weights" };
  await watch(state("a"), state("b"), state("b", 1));
  assert.equal(loads, 0);
  assert.equal(seen.length, 3);
  held = null;
  answers = [state("b", 1)];
  mock.timers.tick(2000);
  await settle();
  assert.equal(loads, 1);
});

test("what had the focus has it again", async () => {
  focus = { id: "control-weights" };
  await watch(state("a"), state("b"));
  focus = { id: "" };
  focusAgain();
  assert.equal(focus.id, "control-weights");
});

test("nothing is focused where nothing was", async () => {
  focusAgain();
  await watch(state("a"), state("b"));
  focusAgain();
  assert.equal(focus.id, "");
});
