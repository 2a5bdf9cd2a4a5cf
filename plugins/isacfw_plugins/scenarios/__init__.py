"""Built-in named scenarios."""
