"""What costs and serves nothing: looked for in the whole account, told apart by whose it is."""
