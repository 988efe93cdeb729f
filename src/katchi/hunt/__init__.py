"""Floor 3: have we seen it? Hunts over logs that never leave the node."""
