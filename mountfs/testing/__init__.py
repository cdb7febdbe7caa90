"""Real implementations for tests: stores in memory, flaky, slow; project builders."""
