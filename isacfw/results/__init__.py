"""Results of studies: their description, their chunks, and where they are kept."""
