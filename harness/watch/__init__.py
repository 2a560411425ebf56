"""`assay watch`: a deployment judged again and again, and whoever must know is told when it got worse."""
