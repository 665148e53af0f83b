"""Figures and the page of a run, drawn from its records; the only room that imports matplotlib and seaborn."""
