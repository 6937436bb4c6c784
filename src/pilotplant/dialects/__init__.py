"""Wire forms of the operations. Everything that a dialect needs to know stands in the declarations."""
