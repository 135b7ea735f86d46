"""How plans are carried out, and what every noun stands on. Knows no noun."""
