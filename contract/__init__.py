"""What this project assumes of AWS, each as a small test: against the stand-in, and against a real account."""
