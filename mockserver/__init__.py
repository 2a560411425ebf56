"""The reference implementation of every contract, and the named defects that break one promise each."""
