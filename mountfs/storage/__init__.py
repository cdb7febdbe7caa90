"""Where a project lies: SQLite or PostgreSQL, disk or S3. Knows neither HTTP nor who may see what."""
