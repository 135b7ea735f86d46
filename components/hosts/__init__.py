"""What runs on the fleet's instances. It stands in their user data as it is here."""
