/** What the page says when nobody answers any more. */
export const RUN_GONE =
  "The run's server is gone: this page stays as it is. Start quantstudy show again, with the same --port, to go on.";

/** Milliseconds to wait for an answer. */
const RUN_PATIENCE = 10000;

/**
 * The version of the page as it was sent: so a change between its making and the first question is not missed.
 * @returns {string|undefined} undefined where the browser does not tell; then the first answer counts as the page's
 */
export function sentVersion() {
  const [sent] = performance.getEntriesByType("navigation");
  return sent?.serverTiming?.find(({ name }) => name === "page")?.description;
}

/** Whether the reader holds something, a slider for one: a page that is loaded anew would take it out of the hand. */
function isHeld() {
  return document.querySelector(":active") !== null;
}

/** Focus what had the focus before the page was loaded anew. */
export function focusAgain() {
  document.getElementById(history.state?.focused ?? "")?.focus({ preventScroll: true });
}

function loadAnew() {
  history.replaceState({ focused: document.activeElement?.id }, ""); // it outlives the page, the address stays
  location.reload();
}

/**
 * Ask the server of `quantstudy show` for the run's state, again and again; load the page anew, at the same place,
 * when another one would be sent and the reader holds nothing.
 * @param {number} every milliseconds between an answer and the next question
 * @param {(state: {state: string, sentence: string, progress: {stage: string, done: number, total: number}[]}) => void}
 *   onState called with each answer: `state` is running, complete, unavailable (for now), or gone, without an answer
 */
export function watchRun(every, onState) {
  let shown = sentVersion();

  async function ask() {
    const state = await answer();
    if (state.version !== undefined) {
      shown ??= state.version;
      if (state.version !== shown && !isHeld()) {
        loadAnew();
        return;
      }
    }
    onState(state);
    setTimeout(ask, every);
  }

  async function answer() {
    try {
      const response = await fetch("/state", { cache: "no-store", signal: AbortSignal.timeout(RUN_PATIENCE) });
      return await response.json();
    } catch {
      return { state: "gone", sentence: RUN_GONE, progress: [] };
    }
  }

  ask();
}
