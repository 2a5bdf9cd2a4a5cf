"""Results of studies: their schema, their chunks, and their storage."""
