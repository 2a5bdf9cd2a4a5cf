"""Built-in beamformers."""
