"""Targets, sensing beams, and the Fisher information of the targets' angles."""
