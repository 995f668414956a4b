"""What Sphinx needs to know of this project: one file for each thing that it could not do by itself."""
