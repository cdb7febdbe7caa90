"""What one user has open and has changed: names, nodes, versions. Knows neither the kernel nor HTTP."""
