"""Pure: a labeling config as an Interface, and the predictions it takes from a transcript."""
