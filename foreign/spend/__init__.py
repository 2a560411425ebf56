"""What LiteLLM's proxy books for requests that go wrong: `assay upstream` behind it, its own spend rows read.

Its database needs prisma's engines, which are fetched from a host of their own; so the rows are those it hands to a
custom logger, which are the ones that it would write. Each experiment says whether a defect reported of other
versions is seen in this one.
"""
