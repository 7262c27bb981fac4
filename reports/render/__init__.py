"""From a report to pages, a summary, pictures and data."""
