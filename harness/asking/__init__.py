"""How checks ask a target: calls, keys, lists and control APIs. Judges nothing."""
