"""`ops patch`: what the stack's parts lack of patches, scanned and installed."""
