"""Built-in figures: those of the paper, each in a file of its own."""
