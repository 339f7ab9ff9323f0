"""An account-free stand-in for AWS: S3 and SQS by moto, Transcribe by an offline recognizer. `python -m local_aws`.

Everything is kept in memory and lost at the end. No signature is checked and nothing leaves the machine.
"""
