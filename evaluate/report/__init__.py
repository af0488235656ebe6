"""The report page of a run: its parts, tables, figures and templates."""
