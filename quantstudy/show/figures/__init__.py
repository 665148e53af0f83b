"""A room per figure: `data` takes from the records what it shows, `draw` draws it."""
