"""`ops certificate`: the certificates of the load balancer, as ACM has and clients see them."""
