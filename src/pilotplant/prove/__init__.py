"""The harness judged: the reference has to pass, and every planted defect has to be caught by the check that names it."""
