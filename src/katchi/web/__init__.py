"""Floor 5: the doors over HTTP: pages for people, TAXII for tools, the door between nodes."""
