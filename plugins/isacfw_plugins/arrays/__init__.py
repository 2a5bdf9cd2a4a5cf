"""Built-in antenna arrays."""
