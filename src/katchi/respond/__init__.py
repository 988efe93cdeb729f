"""Floor 3: what do we do about it? Playbooks run across sovereign nodes."""
