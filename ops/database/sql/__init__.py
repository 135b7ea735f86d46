"""What is asked of, and done to, the database by SQL."""
