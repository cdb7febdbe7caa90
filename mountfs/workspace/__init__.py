"""What one user has open: names, nodes, attributes and content, without the kernel and without SQL."""
