"""What AWS's resources cost: prices with their source, estimates, differences."""
