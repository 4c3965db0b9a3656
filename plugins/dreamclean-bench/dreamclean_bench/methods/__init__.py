"""The methods of the bench, one in each file, with its paper and equations at the top."""
