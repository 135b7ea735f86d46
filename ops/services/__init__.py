"""The ECS services: deploy, scale, exec, maintenance page."""
