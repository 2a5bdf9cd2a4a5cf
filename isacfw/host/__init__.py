"""The plugin host: kinds of parts, hooks, and plugins."""
