"""Built-in precoders."""
