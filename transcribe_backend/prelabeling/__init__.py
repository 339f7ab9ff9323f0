"""Tasks -> answers within a deadline; what is owed is delivered; imports are transcribed ahead."""
