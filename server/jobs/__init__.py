"""Long work in other processes: what a task is, and who carries it out. Nothing here knows of HTTP or of the database."""
