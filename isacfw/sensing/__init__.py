"""Targets, sensing beams and Fisher information: what is known of the targets, and what it costs."""
