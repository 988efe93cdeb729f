"""Floor 3: what is the same? Things, private overlap, efforts."""
