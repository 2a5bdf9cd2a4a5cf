"""Built-in power allocators."""
