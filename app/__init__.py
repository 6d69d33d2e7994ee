"""The composition root: settings, wiring, command line, imports, the demo and the staff's pages."""
