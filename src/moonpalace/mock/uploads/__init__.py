"""Files that were uploaded: taken in, kept, read, given back."""
