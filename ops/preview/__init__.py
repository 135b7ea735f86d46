"""`ops preview-report`: what `pulumi preview --json` says, judged."""
