"""The harness judged: the reference has to pass, and each planted defect has to be caught by its own check."""
