"""What every figure is drawn on: a page (`page`), a palette and sizes (`style`), marks that several share (`marks`).

How to add a figure, say `drift`:

1. **Numbers.** `judge/drift.py` makes them and its judgement; if they belong into verdict.json, `judge/run.py` puts
   them there as the section `drift`.
2. **Words.** `words/figures/drift.py`: `title` (the finding), `reading` (how to read it), `caption` (small print), and
   what the legend says. Plain values go in, texts come out; numbers become text in `words/numbers.py` alone.
3. **Arrays.** `show/figures/drift/data.py`, if the figure needs more than `show/values.py` has: arrays as they are
   drawn, NaN where there is no value.
4. **Marks.** `show/figures/drift/draw.py`: `plot_drift(frame, ax=None, …)` draws on an Axes from a tidy table, checks
   its columns (`values.require`), returns the Axes, and is exported by `show/plots.py`.
5. **Page.** In the same file, `drift(run)` under `@styled`: add up the heights in inches, make a `Page` with title,
   reading and caption, lay out axes on it (`page.axes`; `page.rows` for marks in rows), let `plot_drift` draw on them,
   and write and draw beside them (`page.heading`, `page.write`, `page.note`, `page.names`, `page.legend`, `page.scale`,
   `page.rule`, `page.box`). Return `page.figure`.
6. **Names.** `words/page.py` has the file's name in the order of the page and the question that it answers,
   `show/figures/catalogue.py` the function, `engine/drawing.py` whether it may be drawn before the verdict.
7. **Tests.** `tests/show/test_drift.py`: the numbers drawn are those of the record, no text is cut off or on other text
   (fixture `looks`) with one seed, one activation, twenty with long names, and nothing defined.
   `tests/words/figures/test_drift.py`: known numbers in, known sentences out.

A small one without judgement and data of its own is a single file, `show/figures/drift.py`.

House rules: colours from `style` alone, and a pair that carries meaning differs in lightness; no text below `SMALL`;
y upwards on every map; nothing random; a cell without a value is hatched and says n/a. Heatmaps are seaborn's; dots and
intervals are not, since seaborn scatters dots by a global generator and resamples intervals of its own.
"""
