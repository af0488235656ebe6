"""The parts of the page, one file each: a part turns the material into the values that its template shows."""
