"""The studio's requests over HTTP, one module a subject. A route decodes, calls one function, and encodes."""
