"""`ops state`: Pulumi's state saved, listed, restored and compared with AWS."""
