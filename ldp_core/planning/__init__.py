"""Before a collection opens: which mechanism, how many phones, how much error."""
