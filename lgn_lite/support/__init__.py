"""What everything is built on: files, reading, weights, processes. Knows nothing of moments."""
