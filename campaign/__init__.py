"""A campaign of faults: a real Label Studio, people at work, and everything around the backend that can fail.

`site` is what stands there, `people` use it, `faults` disturb it, `promises` are what holds all the same, and `page`
writes down what was seen (docs/reliability.md).
"""
