"""Bytes by name: cutting, checking, caching and assembling chunks. Knows neither assets nor users."""
