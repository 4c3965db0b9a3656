"""The methods of the bench, one idea a file, each with its paper and equations at the top."""
