"""`ops preview-report`: the effects of a `pulumi preview --json`."""
