"""TAXII 2.1 as values: what a request asks for, what a resource says. No sockets here."""
