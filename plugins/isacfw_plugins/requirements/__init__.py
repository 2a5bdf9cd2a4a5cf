"""Built-in requirements."""
