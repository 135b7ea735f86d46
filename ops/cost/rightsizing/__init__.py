"""What is larger than its load: judged by two weeks of metrics, with the headroom afterwards."""
