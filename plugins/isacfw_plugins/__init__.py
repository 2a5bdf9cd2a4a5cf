"""The built-in parts of isacfw, each in a file of its own, written as any third party would write them."""
