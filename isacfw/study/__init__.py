"""Studies: a scenario is cut into chunks, which are solved here, by processes or on a cluster, and kept."""
