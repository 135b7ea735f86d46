"""The EC2 Auto Scaling group: scale, limits, instance refresh, deployment, Run Command."""
