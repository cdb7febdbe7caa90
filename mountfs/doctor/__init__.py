"""What can be wrong on a machine, with a user's folders, and in a project file, and what mends it."""
