"""Arrays, channels and precoders: transmitted signals, and knowledge of their channels."""
