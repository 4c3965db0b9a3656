"""Low resolution and blur, found from the picture alone, as operators that undo them."""
