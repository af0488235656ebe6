"""Editing methods, one file each, behind one interface: a request in, a context with the edited model out."""
