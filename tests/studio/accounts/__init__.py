"""What the studio knows about people."""
