"""What a stack costs: by estimate, and as AWS bills it."""
