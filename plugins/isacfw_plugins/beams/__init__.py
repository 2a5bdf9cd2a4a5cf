"""Built-in sensing beams."""
