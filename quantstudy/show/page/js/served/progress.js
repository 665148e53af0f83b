/** Show what the server says of the run: the sentence, and how far its stages are, which may have become more. */
export function tellProgress({ sentence, progress }) {
  say(document.getElementById("served"), sentence);
  const list = document.querySelector(".stages");
  if (list === null || progress.length === 0) return;
  while (list.children.length < progress.length) list.append(list.lastElementChild.cloneNode(true));
  while (list.children.length > progress.length) list.lastElementChild.remove();
  progress.forEach(({ text, done, total }, at) => {
    const [bar, told] = ["progress", "span"].map((name) => list.children[at].querySelector(name));
    [bar.max, bar.value] = [total, done];
    say(told, text);
  });
}

/** Change a text only if it is another one: a screen reader reads it out whenever it is set. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
