"""What the kernel asks: inodes, handles, attributes, errno. Knows nothing of chunks, HTTP or SQL.

The only package that needs pyfuse3.
"""
