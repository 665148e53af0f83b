/* Drawing only what can be seen: while someone drags, most of a long page is out of sight. */

const NEAR = "200px"; // so far beyond the window counts as seen

/** What is to be called when an element's drawing is out of date: it calls `draw` once the element is near, or now. */
export function lazily(watched, draw) {
  let [near, old] = [false, false];
  const now = () => {
    if (!old) return;
    old = false;
    draw();
  };
  const look = (entries) => {
    near = entries.at(-1).isIntersecting;
    if (near) now();
  };
  new IntersectionObserver(look, { rootMargin: NEAR }).observe(watched);
  window.addEventListener("beforeprint", now);
  return () => {
    old = true;
    if (near) now();
  };
}
