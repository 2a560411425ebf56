"""The commands of `assay` that have no package of their own, a theme a module."""
