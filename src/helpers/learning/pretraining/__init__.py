"""Learning an encoder from images without labels, and asking whether that helped."""
