"""Public data sets as points: one file a format, and `formats` that names them. Nothing is downloaded."""
