"""Floor 4: a running node, and the only place where features meet."""
