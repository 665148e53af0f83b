/* What the reader has chosen, kept in the address behind the #: a link is a finding. */

const LATER = 1000; // milliseconds

/** Read an address' fragment: {values, problems}.
 *
 * fields: name → {default, values: [texts]} or {default, test: text => boolean}. What is not there has its default, and
 * so has what no field allows, which `problems` names. A fragment without "=" is a place on the page: it chooses
 * nothing. */
function readHash(hash, fields) {
  const values = {};
  const problems = [];
  for (const [name, field] of Object.entries(fields)) values[name] = field.default;
  if (!hash.includes("=")) return { values, problems };
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    if (!Object.hasOwn(fields, name))
      problems.push({ name, text, allowed: Object.keys(fields).join(", "), unknown: true });
    else if (isAllowed(fields[name], text)) values[name] = text;
    else problems.push({ name, text, allowed: allowedText(fields[name]), unknown: false });
  }
  return { values, problems };
}

/** Write what differs from the defaults as an address' fragment, in the order of the fields; "" where nothing does.
 *
 * A field that is `named` goes along with any other: its default is another one once there is more to show. */
function writeHash(values, fields) {
  const differs = (name) => values[name] !== fields[name].default;
  const names = Object.keys(fields);
  if (!names.some(differs)) return "";
  const written = names.filter((name) => fields[name].named || differs(name));
  return `#${new URLSearchParams(written.map((name) => [name, values[name]]))}`;
}

/** Whether a field may have a text. */
function isAllowed(field, text) {
  return field.values ? field.values.includes(text) : field.test(text);
}

function allowedText(field) {
  return field.allowed ?? field.values?.join(", ") ?? field.default;
}

/** The state of a page: {get, set, subscribe, problems}.
 *
 * set({name: text}) writes the address and tells every subscriber which names have changed (a Set). A text that is not
 * allowed is a mistake of the program: an Error. */
export function createState(fields, place) {
  let { values, problems } = readHash(place.location.hash, fields);
  const listeners = [];

  const tell = (before) => {
    const changed = new Set(Object.keys(fields).filter((name) => values[name] !== before[name]));
    for (const listener of listeners) listener(changed);
  };
  let late = 0;
  const write = () => {
    clearTimeout(late);
    const { pathname, search } = place.location;
    try {
      place.history.replaceState(place.history.state, "", writeHash(values, fields) || pathname + search);
    } catch {
      late = setTimeout(write, LATER); // some browsers take a hundred addresses in half a minute and no more
    }
  };
  place.addEventListener("hashchange", () => {
    if (place.location.hash !== "" && !place.location.hash.includes("=")) return;
    const before = values;
    ({ values, problems } = readHash(place.location.hash, fields));
    tell(before);
  });
  return {
    get: (name) => values[name],
    problems: () => problems,
    subscribe: (listener) => listeners.push(listener),
    set(changes) {
      const before = values;
      values = { ...values };
      for (const [name, text] of Object.entries(changes)) {
        if (!isAllowed(fields[name], text)) throw new Error(`${name}: ${text}; allowed: ${allowedText(fields[name])}`);
        values[name] = text;
      }
      problems = [];
      write();
      tell(before);
    },
  };
}
