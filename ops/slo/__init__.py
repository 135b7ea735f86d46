"""`ops slo`: a month's service levels against their objectives, and what spent the budgets."""
