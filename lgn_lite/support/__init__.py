"""What everything stands on: files, reading, weights, processes. Knows nothing of moments."""
