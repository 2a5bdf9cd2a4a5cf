"""The built-in parts of isacfw, each in its own file, written like third-party plugins."""
