"""The honest behaviours: what each field of `Gateway` does when no defect replaces it."""
