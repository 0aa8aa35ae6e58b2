"""Language-guided moment retrieval: LGN on its 2D-TAN baseline."""
