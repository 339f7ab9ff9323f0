"""Downloads over http(s) from anywhere but Label Studio, under a policy and within limits."""
