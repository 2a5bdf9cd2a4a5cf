"""The plugin host: kinds of parts, hooks, and what plugins offer."""
