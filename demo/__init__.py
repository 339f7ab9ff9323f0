"""The demo: Label Studio, this backend and a stand-in for AWS on one machine, with real speech (`python -m demo`)."""
