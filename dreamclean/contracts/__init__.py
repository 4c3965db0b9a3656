"""The contract of each kind of component, and the types that contracts use."""
