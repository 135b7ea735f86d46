"""Cost Explorer: moto answers GetCostAndUsage with nothing, and lacks forecasts and anomalies."""
