"""The page: its tables, figures and template."""
