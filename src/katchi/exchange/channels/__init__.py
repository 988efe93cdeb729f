"""The kinds of channel, and the signed link between two nodes that they use."""
