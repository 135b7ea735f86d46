"""Code that runs in AWS Lambda: the standard library and boto3 only, each file on its own."""
