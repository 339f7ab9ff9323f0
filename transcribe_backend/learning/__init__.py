"""COMPOSES: what a training consists of: evidence, stages, the vocabulary in use, reports."""
