"""`ops image`: what is known to be wrong with the images that run."""
