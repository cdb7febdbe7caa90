"""The studio and its chunks over the network. Knows neither caches nor files."""
