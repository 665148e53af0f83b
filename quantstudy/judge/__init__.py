"""Which activation to deploy, and how sure one can be: reads records (arrays and data frames), never models."""
