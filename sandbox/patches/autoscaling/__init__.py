"""EC2 Auto Scaling and Application Auto Scaling."""
