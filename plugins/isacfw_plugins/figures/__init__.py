"""Built-in figures: those of the paper, each in its own file."""
