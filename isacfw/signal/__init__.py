"""Arrays, channels and precoders: what is transmitted, and what is known of its path."""
