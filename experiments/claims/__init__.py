"""The article's claims: `NAME.py` says what one is and how it is measured (`EXPERIMENT`), `NAME_figure.py` draws it.

The figure is a module of its own, so that workers, which only measure, load no matplotlib.
"""
