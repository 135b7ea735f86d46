"""The looks of `ops diagnose`: what each reads, and the facts that it makes of it."""
